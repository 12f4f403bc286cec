"""Money in schedules: bills that another calculator prices, caps that keep requests waiting, and claims that meet."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.simulation.bills import BillRates
from tests.simulation.clock import START
from tests.simulation.draws import draw_schedule
from tests.simulation.mutations import MUTATIONS
from tests.simulation.runner import Sabotage, Simulation
from tests.simulation.schedule import NO_CAPS, Caps, Schedule, Step, World
from tests.simulation.workers import ALL


def whole(worker: int, action: str, number: int = 0) -> tuple[Step, Step]:
    return Step("start", worker, action, number), Step("go", worker, number=ALL)


SUBMITTED = (*whole(0, "build"), *whole(0, "submit"))
MET = (*whole(0, "build"), Step("rival"), *whole(0, "submit"))
TWO_MODELS = World(
    sessions=(3, 6), caps=Caps(total_daily="0.009"), models=("gpt-5-mini", "gpt-5-nano"), running=40_000.0
)
NOTICED_BY = {
    "money: what no line states is not booked": Schedule(
        1, World(sessions=(2,)), ({"kind": "missing_line", "match": {"nth": 1}},), SUBMITTED
    ),
    "money: a late answer takes nothing back": Schedule(
        2,
        World(sessions=(2,), asks_again=True),
        ({"kind": "late_output_file", "seconds": 1020.0, "match": {"nth": 1}},),
        (*SUBMITTED, Step("wait", seconds=1000.0), *whole(0, "poll"), *whole(0, "accept")),
    ),
    "money: surplus costs nothing": Schedule(
        3,
        World(sessions=(2,)),
        ({"kind": "repeated_create", "answered": "first", "seconds": 0.0, "match": {"nth": 1}},),
        (*SUBMITTED, Step("wait", seconds=1000.0)),
    ),
    "money: long-context rates are not set aside": Schedule(4, World(sessions=(1,), long_context=500), (), SUBMITTED),
    "money: half of the longest answer is set aside": Schedule(5, World(sessions=(1,)), (), SUBMITTED),
    "money: claims under a total cap do not wait for each other": Schedule(6, TWO_MODELS, (), MET),
    "money: daily caps are ignored": Schedule(7, World(sessions=(4,), caps=Caps(daily="0.009")), (), SUBMITTED),
    "money: total caps are ignored": Schedule(8, World(sessions=(2, 2), caps=Caps(total_daily="0.009")), (), SUBMITTED),
    "money: what is in flight is not counted": Schedule(
        9, World(sessions=(2, 2), caps=Caps(total_daily="0.009"), running=40_000.0), (), SUBMITTED
    ),
    "money: kept sums are believed that have changed since": Schedule(10, TWO_MODELS, (), MET),
}


@pytest.mark.parametrize("name", NOTICED_BY)
def test_a_missing_safeguard_of_money_is_noticed(simulation: Simulation, name: str) -> None:
    assert simulation.run(NOTICED_BY[name]).violations == []
    with MUTATIONS[name](simulation.engine) as simulation.sabotage:
        noticed = simulation.run(NOTICED_BY[name]).violations
    simulation.sabotage = Sabotage()
    assert noticed


def test_every_safeguard_of_money_has_a_schedule_that_notices() -> None:
    assert {name for name in MUTATIONS if name.startswith("money:")} == NOTICED_BY.keys()


def test_a_line_costs_what_the_price_list_says() -> None:
    assert BillRates(START).price("gpt-5-mini", 1000, 100) == Decimal("0.000225")
    assert BillRates(START, 999).price("gpt-5-mini", 1000, 100) == Decimal("0.0004")
    assert BillRates(START, 1000).price("gpt-5-mini", 1000, 100) == Decimal("0.000225")


def test_a_tight_cap_keeps_requests_waiting_until_it_is_raised(simulation: Simulation) -> None:
    schedule = Schedule(1, World(sessions=(4,), caps=Caps(monthly="0.005")), (), SUBMITTED)
    assert simulation.run(schedule).violations == []
    with simulation.engine.connect() as connection:
        claimed = list(
            connection.execute(text("SELECT created_at FROM ai_batch_requests ORDER BY created_at")).scalars()
        )
    assert claimed[0] < START + timedelta(seconds=60)
    assert claimed[-1] > START + timedelta(seconds=2000)


def test_claims_that_meet_share_a_total_cap(simulation: Simulation) -> None:
    result = simulation.run(Schedule(1, TWO_MODELS, (), MET))
    assert result.violations == []
    rival = [name for name in result.tally.at_the_end if "submit._claim" in name]
    assert rival


def test_a_third_of_the_schedules_has_caps_and_most_keep_their_steps() -> None:
    drawn = [draw_schedule(seed) for seed in range(600)]
    capped = [each for each in drawn if each.world.caps != NO_CAPS]
    assert 0.3 < len(capped) / len(drawn) < 0.5
    assert {"unstated_usage", "late_output_file"} <= {fault["kind"] for each in drawn for fault in each.faults}
    assert {"accept", "again"} <= {step.action for each in drawn for step in each.steps}
