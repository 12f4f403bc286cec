"""Safeguards of money taken away one at a time: of what is booked, of what is set aside, and of caps.

`mutations.py` lists them with the others. Add one here when a rule of money is added there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, text

from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.steps.admission import spending
from livedash_pipeline.ledger.steps.batches import named_batch
from livedash_pipeline.ledger.steps.recovery import surplus
from livedash_pipeline.ledger.steps.results import ingest
from livedash_pipeline.ledger.store.admission import committed
from livedash_pipeline.money.rules.caps import CapSettings, CompanyCaps, Period, caps_of
from livedash_pipeline.money.rules.pricing import Ceiling, Cost, Rates, ceiling_of
from tests.simulation.runner import Sabotage
from tests.simulation.tampering import Mutation, replaced, rewritten

_Tampered = AbstractContextManager[Sabotage]


def _nothing_booked(_engine: Engine) -> _Tampered:
    return replaced(ingest, "book_unattributed", lambda *_batch, **_when: None)


def _nothing_taken_back(_engine: Engine) -> _Tampered:
    return replaced(named_batch, "book_unattributed", lambda *_batch, **_when: None)


@contextmanager
def _free_surplus(_engine: Engine) -> Iterator[Sabotage]:
    def free(*_usage: object) -> Cost:
        return Cost(Decimal(0), Decimal(0), Decimal(0))

    with replaced(surplus, "cost_of", free), replaced(surplus, "cost_of_sum", free):
        yield Sabotage()


def _no_long_context(_engine: Engine) -> _Tampered:
    def flat(rates: Rates) -> Ceiling | None:
        return ceiling_of(Rates(rates.input, rates.cached_input, rates.cache_write, rates.output))

    return replaced(admission, "ceiling_of", flat)


def _half_of_the_output(_engine: Engine) -> _Tampered:
    def half(rates: Rates) -> Ceiling | None:
        most = ceiling_of(rates)
        return most and replace(most, output=most.output / 2, long_output=most.long_output / 2)

    return replaced(admission, "ceiling_of", half)


def _no_total_lock(_engine: Engine) -> _Tampered:
    return replaced(committed, "_LOCK_TOTAL", text("SELECT 1"))


def _no_daily_cap(_engine: Engine) -> _Tampered:
    def monthly(settings: CapSettings, own: CompanyCaps) -> Any:
        return tuple(cap for cap in caps_of(settings, own) if cap.period is Period.MONTH)

    return replaced(spending, "caps_of", monthly)


def _no_total_cap(_engine: Engine) -> _Tampered:
    def of_companies(settings: CapSettings, own: CompanyCaps) -> Any:
        return caps_of(replace(settings, total_monthly=None, total_daily=None), own)

    return replaced(spending, "caps_of", of_companies)


def _in_flight_ignored(_engine: Engine) -> _Tampered:
    return rewritten(
        "ledger/sum_committed",
        ("(kept.incurred_at IS NULL OR kept.incurred_at >= :since)", "kept.incurred_at >= :since"),
        ("(of_batches.is_in_flight OR of_batches.incurred_at >= :since)", "of_batches.incurred_at >= :since"),
        ("(surplus.is_in_flight OR surplus.incurred_at >= :since)", "surplus.incurred_at >= :since"),
    )


def _marks_ignored(_engine: Engine) -> _Tampered:
    return rewritten(
        "ledger/sum_committed",
        ("marks.batch_id = kept.batch_id", "FALSE"),
        ("SELECT DISTINCT marks.batch_id", "SELECT CAST(NULL AS uuid) AS batch_id"),
    )


MONEY_MUTATIONS: dict[str, Mutation] = {
    "money: what no line states is not booked": _nothing_booked,
    "money: a late answer takes nothing back": _nothing_taken_back,
    "money: surplus costs nothing": _free_surplus,
    "money: long-context rates are not set aside": _no_long_context,
    "money: half of the longest answer is set aside": _half_of_the_output,
    "money: claims under a total cap do not wait for each other": _no_total_lock,
    "money: daily caps are ignored": _no_daily_cap,
    "money: total caps are ignored": _no_total_cap,
    "money: what is in flight is not counted": _in_flight_ignored,
    "money: kept sums are believed that have changed since": _marks_ignored,
}
