"""Books what a batch was charged for and no line of it states, so that the ledger adds up to the service's bill.

`money.rules.pricing.rest_of_batch` decides how much that is. The booking follows the lines: an answer that shows late takes back
what was booked for want of it.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.ledger.steps.results.result_files import Tariff
from livedash_pipeline.ledger.store.costs import adjustments
from livedash_pipeline.ledger.store.costs.adjustments import Booked
from livedash_pipeline.ledger.store.costs.backfill import Choice, Filling, add_backfills, open_entries
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.rules.backfill import FilledCost, fill
from livedash_pipeline.money.rules.pricing import cost_of, cost_of_sum, rest_of_batch, to_eur

log = get_logger(__name__)

_CHARGED = "The service states more tokens for the batch than its lines add up to."
_NOT_CACHED = (
    "The service states fewer cached tokens for the batch than its lines do, and those cost what fresh ones cost."
)
_COVERED = "The service states for the batch what its lines add up to: lines without figures cost nothing."
_HALF = "The part that the line states; the other one is booked with what no line of its batch states."
_SHOWN = "Answers showed later, and their tokens are those of their own rows."


def book_unattributed(connection: Connection, batch: BatchToIngest, tariff: Tariff, *, now: datetime) -> None:
    """Books the difference between what a settled batch states and what its lines and earlier bookings add up to."""
    if batch.usage is None:
        return
    lines = adjustments.sum_lines(connection, batch.id)
    before = adjustments.booked(connection, batch.id)
    rest = rest_of_batch(batch.usage, lines.usage, unmeasured=lines.silent + lines.half_stated)
    if rest is None and not before.rows:
        return
    more = _beyond(batch.usage, rest or TokenUsage(), before)
    if before.rows and not any((more.prompt_tokens, more.completion_tokens, more.cached_tokens, more.total_tokens)):
        return
    # What is left for one line is that line's own: its length, on which its rates may depend, is known.
    of_one = lines.silent == 1 and not lines.half_stated
    _add(connection, batch, tariff, rest, more, before, of_one=of_one, now=now)
    if lines.half_stated:
        _add_halves(connection, batch, tariff, now=now)
    log.info("unattributed tokens booked", batch_id=str(batch.id), tokens=more.total_tokens)


def _beyond(stated: TokenUsage, rest: TokenUsage, before: Booked) -> TokenUsage:
    """What is to be booked beside what is booked already, in the figures that the batch states: by part, or a total alone."""
    total = rest.all_tokens - before.total_tokens
    if stated.prompt_tokens is None and stated.completion_tokens is None:
        return TokenUsage(total_tokens=total)
    prompt = None if stated.prompt_tokens is None else (rest.prompt_tokens or 0) - before.prompt_tokens
    completion = None if stated.completion_tokens is None else (rest.completion_tokens or 0) - before.completion_tokens
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=(rest.cached_tokens or 0) - before.cached_tokens,
        total_tokens=total,
    )


def _add(
    connection: Connection,
    batch: BatchToIngest,
    tariff: Tariff,
    rest: TokenUsage | None,
    more: TokenUsage,
    before: Booked,
    *,
    of_one: bool,
    now: datetime,
) -> None:
    whole = _cost_usd(rest, tariff, of_one=of_one)
    cost_usd = None if whole is None or before.cost_usd is None else whole - before.cost_usd
    whole_eur = to_eur(whole, tariff.usd_eur)
    cost_eur = None if whole_eur is None or before.cost_eur is None else whole_eur - before.cost_eur
    adjustments.add_unattributed(
        connection,
        batch.id,
        batch.company_id,
        more,
        cost_usd=cost_usd,
        cost_eur=cost_eur,
        pricing_id=tariff.pricing_id if cost_usd is not None else None,
        usd_eur=tariff.usd_eur if cost_eur is not None else None,
        reason=_reason(rest, more, before),
        now=now,
    )


def _reason(rest: TokenUsage | None, more: TokenUsage, before: Booked) -> str:
    if rest is None or before.rows:
        return _SHOWN
    if more.total_tokens:
        return _CHARGED
    return _NOT_CACHED if more.cached_tokens else _COVERED


def _add_halves(connection: Connection, batch: BatchToIngest, tariff: Tariff, *, now: datetime) -> None:
    """Adds the cost of the part that lines state which state one alone; the other part is what was booked."""
    fillings = []
    for entries in open_entries(connection, Choice(batch_id=batch.id)):
        for entry in entries:
            found = fill(entry.cost, tariff.price, tariff.usd_eur) if entry.cost.rest_is_booked else None
            if isinstance(found, FilledCost):
                fillings.append(Filling(entry, found, tariff.pricing_id, tariff.usd_eur, _HALF))
    add_backfills(connection, fillings, now=now)


def _cost_usd(rest: TokenUsage | None, tariff: Tariff, *, of_one: bool) -> Decimal | None:
    """What is charged beside the lines in all: nothing, where nothing is, whatever the price."""
    if rest is None or not (rest.all_tokens or rest.cached_tokens):
        return Decimal(0)
    if tariff.price is None:
        return None
    cost = cost_of(rest, tariff.price) if of_one else cost_of_sum(rest, tariff.price)
    return None if cost is None else cost.total_usd
