"""batchwizard: its commands `submit` and `watch`. It keeps its batches in SQLite, and leaves lines to its users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batchwizard.cli import app
from input_lines import write_lines


def prepare(directory: Path, question: dict[str, Any], requests: list[dict[str, str]]) -> None:
    """From the requests to a batch that was created."""
    path = directory / "input.jsonl"
    write_lines(path, question, requests)
    app(["submit", str(path)], standalone_mode=False)


def collect(directory: Path) -> None:
    """From the batch that has ended to the service's own file."""
    app(["watch", "--output-directory", str(directory / "results")], standalone_mode=False)


def count(directory: Path) -> int:
    """Lines in that file."""
    (path,) = (directory / "results").glob("*_results.jsonl")
    with path.open("rb") as file:
        return sum(1 for _ in file)
