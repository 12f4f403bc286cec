"""What a seed draws."""

from __future__ import annotations

import pytest

from tests.hosts.plan import ENGINES, STEPS, Engine, draw_plan, draw_skew, kinds_of
from tests.hosts.watch import LONGEST


def test_the_same_seed_draws_the_same_plan() -> None:
    assert draw_plan(7, "celery") == draw_plan(7, "celery")
    assert draw_plan(7, "celery") != draw_plan(7, "code-servers")
    assert len({str(draw_plan(seed, "celery")) for seed in range(50)}) == 50


@pytest.mark.parametrize("engine", ENGINES)
def test_ten_rounds_come_to_every_step(engine: Engine) -> None:
    plans = [draw_plan(seed, engine) for seed in range(10)]
    assert {fault.step for plan in plans for fault in plan.faults} == set(STEPS)


@pytest.mark.parametrize("engine", ENGINES)
def test_plans_draw_every_kind_of_fault_that_an_engine_has(engine: Engine) -> None:
    faults = [fault for seed in range(200) for fault in draw_plan(seed, engine).faults]
    assert {fault.kind for fault in faults} == set(kinds_of(engine))
    assert {fault.silent for fault in faults} == {True, False}


def test_redis_is_taken_away_from_celery_alone() -> None:
    assert set(kinds_of("celery")) - set(kinds_of("code-servers")) == {"Redis cut off", "Redis killed"}


def test_links_are_cut_for_less_than_runs_are_held() -> None:
    faults = [fault for seed in range(200) for fault in draw_plan(seed, "celery").faults]
    assert all(0 <= fault.seconds < LONGEST for fault in faults)
    assert {fault.seconds for fault in faults if fault.kind.startswith("Postgres")} == {30.0}


def test_clocks_are_minutes_apart() -> None:
    skews = [draw_skew(0, f"code-{number}") for number in range(20)]
    assert max(skews) - min(skews) > 300
    assert all(abs(skew) <= 420 for skew in skews)
