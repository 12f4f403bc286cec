"""A service that shows what it made later than `LIVEDASH_VISIBILITY_LAG` allows: nobody can prevent it, but the books tell it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from livedash_pipeline.base.store.tables import ai_batch_requests, ai_surplus_batches
from tests.simulation.runner import Simulation
from tests.simulation.schedule import Schedule, Step, World
from tests.simulation.workers import ALL


def whole(worker: int, action: str, number: int = 0) -> tuple[Step, Step]:
    return Step("start", worker, action, number), Step("go", worker, number=ALL)


def hidden_for_an_hour(running: float) -> Schedule:
    """The answer to a create is lost, its batch shows an hour later, and the flow has long gone on by then."""
    return Schedule(
        0,
        World(sessions=(2,), running=running),
        (
            {"kind": "lose_reply", "operation": "create_batch", "match": {"nth": 1}},
            {"kind": "visibility_lag", "seconds": 3600.0, "of": "batch", "on": "both", "match": {"nth": 1}},
        ),
        (
            *whole(0, "build"),
            *whole(0, "submit"),
            Step("wait", seconds=200.0),
            *whole(0, "submit"),
            Step("wait", seconds=130.0),
            *whole(0, "submit"),
            Step("wait", seconds=4000.0),
            *whole(1, "reconcile"),
        ),
    )


@pytest.mark.parametrize(("running", "ended"), [(40_000.0, "cancelled"), (3.0, "completed")])
def test_what_shows_after_it_was_bought_again_is_cancelled_and_stands_in_the_ledger(
    simulation: Simulation, running: float, ended: str
) -> None:
    result = simulation.run(hidden_for_an_hour(running))
    with simulation.engine.connect() as connection:
        (surplus,) = connection.execute(select(ai_surplus_batches)).all()
        (batch,) = connection.execute(select(ai_batch_requests)).all()
    assert (surplus.openai_batch_id, batch.openai_batch_id) == ("batch_0001", "batch_0004"), "two probes came between"
    assert (surplus.openai_status, batch.status) == (ended, "PROCESSED")
    assert surplus.ended_at is not None
    # What had run by the time it was cancelled was bought twice, and the ledger says so.
    assert (surplus.total_cost_eur > 0) is (ended == "completed")
    assert result.violations
    assert all("ran 2 times" in violation or "charged" in violation for violation in result.violations)
