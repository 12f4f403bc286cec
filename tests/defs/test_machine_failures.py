"""A Dagster run on a machine that refuses a write fails with the sentence, once, and the alert says what helps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dagster as dg
import pytest

from livedash_pipeline.errors import DatabaseFaultError, LivedashError
from livedash_pipeline.overview.rules.alerts import explain_error, remedy_for_run
from tests.defs.world import SLUG, World
from tests.machine_limits import unwritable


def _failures(result: dg.ExecuteInProcessResult) -> list[list[str]]:
    """The messages of each failed step's error and of what lies behind it, outermost first."""
    found = []
    for event in result.all_events:
        if event.event_type is dg.DagsterEventType.STEP_FAILURE:
            error, messages = event.step_failure_data.error, []
            while error is not None:
                messages.append(error.message)
                error = error.cause
            found.append(messages)
    return found


def test_a_run_without_room_fails_with_the_sentence(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dagster makes a directory of its own once.
    world.run("import_sessions", SLUG)
    words, place = next(iter(unwritable(tmp_path).items()))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    result = world.run("import_sessions", SLUG, raise_on_error=False)
    (messages,) = _failures(result)
    kind, said = explain_error(messages)
    assert kind == "StorageError"
    assert words in said
    assert "TMPDIR" in said
    assert "the error names" in remedy_for_run("import_sessions", kind).advice
    assert not [event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY]
    monkeypatch.undo()
    assert world.run("import_sessions", SLUG).success


def test_a_run_that_the_database_refuses_fails_with_the_sentence(world: World) -> None:
    world.run("import_sessions", SLUG)
    good = world.database_url
    world.database_url = f"{good}&options=-c%20default_transaction_read_only%3Don"
    with pytest.raises(LivedashError, match="takes no changes") as caught:
        world.run("requeue", ops={"requeue": {"error_code": "transient", "dry_run": False}})
        world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}})
    assert isinstance(caught.value, DatabaseFaultError)
    world.database_url = good
    assert world.run("submit_batches", ops={"submitted_batches": {"ignore_minimum": True}}).success
