"""A create is not answered, and every listing is empty: only a witness keeps its batch from being bought twice."""

from __future__ import annotations

from tests.simulation.mutations import MUTATIONS
from tests.simulation.runner import Sabotage, Simulation
from tests.simulation.schedule import Schedule, Step, World
from tests.simulation.workers import ALL

SUBMIT = (Step("start", 0, "submit"), Step("go", 0, number=ALL))
# Over the deadline of the create and the lag: every submit comes when the row may go one step further.
STEPS = (
    Step("start", 0, "build"),
    Step("go", 0, number=ALL),
    *SUBMIT,
    *(step for _ in range(3) for step in (Step("wait", seconds=125.0), *SUBMIT)),
)
SILENT = Schedule(
    0,
    World(sessions=(1,)),
    (
        {"kind": "lose_reply", "operation": "create_batch", "match": {"nth": 1}},
        {"kind": "empty_page", "page": "any", "has_more": False},
    ),
    STEPS,
)


def test_a_listing_without_a_witness_is_not_believed(simulation: Simulation) -> None:
    assert simulation.run(SILENT).violations == []


def test_without_the_witness_the_batch_is_bought_twice(simulation: Simulation) -> None:
    with MUTATIONS["absence is believed without a witness"](simulation.engine) as simulation.sabotage:
        violations = simulation.run(SILENT).violations
    simulation.sabotage = Sabotage()
    assert any("ran 2 times" in each for each in violations)
