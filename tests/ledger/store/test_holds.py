"""Holds and learned limits: for whom they count, how long, and what ends them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine

from livedash_pipeline.ledger.rules.admission.admission import HoldRule, HoldScope
from livedash_pipeline.ledger.store.admission import holds
from tests.conftest import NOW

HERE, MODEL = "api.example.org/v1", "gpt-5-mini"
KEY_HOLD = HoldRule(HoldScope.ENDPOINT, timed=True)
BILLING_HOLD = HoldRule(HoldScope.ENDPOINT, timed=False)
QUEUE_HOLD = HoldRule(HoldScope.MODEL, timed=True)
MODEL_HOLD = HoldRule(HoldScope.MODEL, timed=False)
QUARTER = timedelta(minutes=15)


def place(
    engine: Engine, rule: HoldRule, now: datetime = NOW, key: str = "key", message: str = "No."
) -> datetime | None:
    with engine.begin() as connection:
        return holds.place_hold(
            connection,
            endpoint=HERE,
            model=MODEL,
            rule=rule,
            reason="why",
            message=message,
            key_fingerprint=key,
            now=now,
        )


def in_force(engine: Engine, now: datetime = NOW, key: str = "key", endpoint: str = HERE) -> list[str | None]:
    with engine.connect() as connection:
        found = holds.holds_in_force(connection, endpoint, key_fingerprint=key, now=now)
        return sorted((hold.model for hold in found), key=str)


def test_a_timed_hold_ends_by_itself(engine: Engine) -> None:
    assert place(engine, QUEUE_HOLD) == NOW + QUARTER
    assert in_force(engine) == [MODEL]
    assert in_force(engine, NOW + QUARTER) == []
    assert in_force(engine, endpoint="other/v1") == []


def test_holds_in_a_row_double(engine: Engine) -> None:
    now, lengths = NOW, []
    for _ in range(7):
        until = place(engine, KEY_HOLD, now)
        assert until is not None
        lengths.append((until - now) / QUARTER)
        now = until
    assert lengths == [1, 2, 4, 8, 16, 24, 24]


def test_refusals_while_a_hold_is_in_force_do_not_double_it(engine: Engine) -> None:
    """Twenty batches that were under way when the quota ran out are one incident."""
    for minute in range(5):
        until = place(engine, KEY_HOLD, NOW + timedelta(minutes=minute))
    assert until == NOW + timedelta(minutes=4) + QUARTER


def test_a_hold_on_the_key_ends_with_another_key_and_begins_anew_for_it(engine: Engine) -> None:
    place(engine, KEY_HOLD)
    place(engine, KEY_HOLD, NOW + QUARTER)
    assert in_force(engine, NOW + QUARTER) == [None]
    assert in_force(engine, NOW + QUARTER, key="another") == []
    assert place(engine, KEY_HOLD, NOW + QUARTER, key="another") == NOW + 2 * QUARTER


def test_a_hold_on_the_token_queue_outlives_a_change_of_key(engine: Engine) -> None:
    place(engine, QUEUE_HOLD)
    assert in_force(engine, key="another") == [MODEL]


def test_billing_and_unknown_models_wait_for_a_person(engine: Engine) -> None:
    assert place(engine, BILLING_HOLD) is None
    assert place(engine, MODEL_HOLD) is None
    assert in_force(engine, NOW + timedelta(days=900), key="another") == [None, MODEL] or in_force(
        engine, NOW + timedelta(days=900), key="another"
    ) == [MODEL, None]
    # A shorter one does not take their place.
    assert place(engine, KEY_HOLD) is None
    assert len(in_force(engine, NOW + timedelta(days=900))) == 2
    with engine.begin() as connection:
        assert holds.lift_holds(connection, HERE) == 2
    assert in_force(engine) == []


def test_the_hold_of_one_model_can_be_lifted_alone(engine: Engine) -> None:
    place(engine, MODEL_HOLD)
    place(engine, BILLING_HOLD)
    with engine.begin() as connection:
        assert holds.lift_holds(connection, HERE, model=MODEL) == 1
    assert in_force(engine) == [None]


def test_a_hold_says_what_the_service_said(engine: Engine) -> None:
    place(engine, QUEUE_HOLD, message="Enqueued token limit reached.")
    with engine.connect() as connection:
        (hold,) = holds.holds_in_force(connection, HERE, key_fingerprint="key", now=NOW)
    assert hold == holds.Hold(MODEL, "why", "Enqueued token limit reached.", NOW + QUARTER)


def test_a_batch_that_ran_raises_the_learned_limit_by_a_quarter(engine: Engine) -> None:
    found = []
    with engine.begin() as connection:
        for limit in (90_000, 1, None):
            holds.learn_limit(connection, HERE, MODEL, limit=limit, now=NOW)
            holds.raise_learned_limit(connection, HERE, MODEL, now=NOW)
            found.append(holds.lock_admission(connection, HERE, MODEL, now=NOW))
    assert found == [112_500, 2, None]


def test_a_batch_that_ran_ends_the_doubling_of_holds_that_are_over(engine: Engine) -> None:
    place(engine, KEY_HOLD)
    place(engine, QUEUE_HOLD)
    later = NOW + QUARTER
    with engine.begin() as connection:
        holds.raise_learned_limit(connection, HERE, MODEL, now=later - timedelta(seconds=1))
    assert len(in_force(engine)) == 2
    with engine.begin() as connection:
        holds.raise_learned_limit(connection, HERE, MODEL, now=later)
    assert place(engine, KEY_HOLD, later) == later + QUARTER
    assert place(engine, QUEUE_HOLD, later) == later + QUARTER
