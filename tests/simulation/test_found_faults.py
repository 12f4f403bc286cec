"""Schedules that once failed, shrunk: each shows a fault that was mended, and must hold ever after."""

from __future__ import annotations

import pytest

from tests.simulation.runner import Simulation
from tests.simulation.schedule import Schedule, Step, World
from tests.simulation.workers import ALL


def whole(worker: int, action: str, number: int = 0) -> tuple[Step, Step]:
    return Step("start", worker, action, number), Step("go", worker, number=ALL)


SUBMITTED = (*whole(0, "build"), *whole(0, "submit"))
FOUND = {
    "a batch that vanishes after it was seen with answers is settled": Schedule(
        130,
        World(sessions=(2, 2), finalizing=300.0),
        ({"kind": "vanish_batch", "after": 200.0, "match": {"nth": 2}},),
        (*SUBMITTED, Step("wait", seconds=130.0), *whole(0, "poll")),
    ),
    "an error file without lines makes no request of a cancelled batch missing": Schedule(
        862,
        World(sessions=(1,)),
        ({"kind": "empty_error_file", "match": {"nth": 1}},),
        (*SUBMITTED, *whole(1, "cancel")),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_mended_holds(simulation: Simulation, name: str) -> None:
    assert simulation.run(FOUND[name]).violations == []
