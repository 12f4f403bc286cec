"""Loads everything below `defs/`: what the project has itself, and the component of the pipeline."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Returns the project's definitions."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
