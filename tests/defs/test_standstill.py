"""What keeps a daemon from being stopped; that sensors are put back is seen after a whole demo (`tests/e2e/test_demo_run.py`)."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from livedash_pipeline.defs.standstill import Unfinished, hold, release


@dg.job
def waiting() -> None:
    """Never started here."""


def test_a_run_that_has_not_ended_is_counted_until_it_has(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    with dg.DagsterInstance.local_temp() as instance:
        run = instance.create_run_for_job(waiting)
        left = hold(instance, note)
        instance.report_run_failed(run, "It is over.")
        assert (left, left.is_none) == (Unfinished(runs=1, ticks=0), False)
        assert hold(instance, note).is_none
        assert not note.exists(), "nothing was switched off"


@pytest.mark.parametrize("content", [None, "", "[]", "{"])
def test_a_note_that_is_lost_or_malformed_puts_nothing_back(tmp_path: Path, content: str | None) -> None:
    note = tmp_path / "note.json"
    if content is not None:
        note.write_text(content, encoding="utf-8")
    with dg.DagsterInstance.local_temp() as instance:
        release(instance, note)
    assert not note.exists()
