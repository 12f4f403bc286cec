"""The parts of the pipeline that a project can take in, and whose runs are ours.

Each definition belongs to one part (`defs.build`). Add an asset to its part here, or it belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

import dagster as dg

from livedash_pipeline.defs.assets.imports import IMPORT_ASSETS
from livedash_pipeline.defs.names import TAG_OURS, TAG_RUN, Names


class Part(StrEnum):
    """A part that `build_defs(include=…)` names."""

    IMPORT = "import"
    """CSVs, transcripts, sessions, and the requests that wait."""
    SUBMISSIONS = "submissions"
    """Sessions that clients submit over HTTP; they need `import`, whose assets they become."""
    ANALYSIS = "analysis"
    """Batches, what comes back, and what it costs."""
    CHATS = "chats"
    """Lists of questions that are answered conversation by conversation."""
    OPERATIONS = "operations"
    """Jobs that look at requests and sessions, and have work done again."""
    HEALTH = "health"
    """Checks, and the sensors that alert somebody."""
    RETENTION = "retention"
    """Deletes texts and records that are old enough."""
    TAKEOVER = "takeover"
    """Takes an existing LiveDash database over."""


ASSETS_OF: dict[Part, tuple[str, ...]] = {
    Part.IMPORT: ("company_csv", *IMPORT_ASSETS),
    Part.ANALYSIS: ("submitted_batches", "openai_batches", "ingested_results", "session_questions", "spend"),
    Part.CHATS: ("chat_batches", "chat_results"),
}


def assets_of(parts: Collection[Part]) -> tuple[str, ...]:
    """Returns the plain names of the assets of some parts."""
    return tuple(name for part, names in ASSETS_OF.items() if part in parts for name in names)


def is_our_run(run: dg.DagsterRun, names: Names) -> bool:
    """Says whether a run is of these definitions; others may share the instance, with jobs of the same names.

    Jobs of ours tag their runs. Assets that are materialized from their page run in a job of Dagster's own: such a run is ours
    where all that it makes is.
    """
    if TAG_OURS in run.tags:
        return run.tags[TAG_OURS] == names.run_tags[TAG_OURS]
    if TAG_RUN in run.tags:
        # Runs of earlier versions, which had no other tag of ours, and no prefix.
        return not names.name_prefix
    made = {*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())}
    return bool(made) and made <= {names.key(asset) for asset in assets_of(list(Part))}
