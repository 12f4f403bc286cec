"""What must hold of money when the flow has come to its end: the ledger adds up to the service's bill, to the last digit.

Of every remote batch that the ledger knows: the known cost of its lines, and of what none of them states, is its bill. What is
open is not known: then the bill of just those requests is what is missing, and what was reserved for them covers it. Only a batch
whose usage the service never states, or which it forgets, has something charged that stays open (`_states_nothing`). Of a surplus
batch: its cost is its bill, or it is open. All tables together give the whole bill in the same sense.

Equality cannot be had, and is not asked for, in these cases alone:

- nobody can tell what a remote batch is, or that it is (`Books.is_left_alone`, and what `read_books` leaves out): the ledger
  then has nothing of it, or the amount that its row reserves;
- several requests together state their tokens and at least one of them is long: a sum does not say how long each one was, so the
  ledger prices it at the usual rates, and the bill lies between those and the long-context rates. So it is where a long line
  calls tokens cached that the batch calls fresh: what they cost more is such a sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from livedash_pipeline.local.batch_api.records import BatchRecord
from tests.simulation.bills import BillRates
from tests.simulation.invariants import Books, cannot_be_asked_for

_ENTRIES = text(
    "SELECT * FROM cost_entries WHERE entry IN ('line', 'unattributed', 'surplus') ORDER BY entry, entry_id"
)
# The tables themselves, so that a view that leaves something out is noticed.
_BOOKED = text("""
    SELECT
        (SELECT coalesce(sum(total_cost_usd), 0) FROM ai_request_attempts)
        + (SELECT coalesce(sum(cost_usd), 0) FROM ai_cost_adjustments)
        + (SELECT coalesce(sum(total_cost_usd), 0) FROM ai_surplus_batches)
""")
_NOTHING = Decimal(0)


@dataclass(frozen=True)
class _Charge:
    """One line of the bill in US dollars, and what it would be at the usual rates: less for a long request."""

    custom_id: str
    usd: Decimal
    usual_usd: Decimal


@dataclass(frozen=True)
class _Money:
    """The bill by remote batch, and the ledger's entries."""

    books: Books
    entries: list[Any]
    booked: Decimal
    charges: Mapping[str, list[_Charge]]
    usd_eur: Decimal

    def of_batch(self, batch_id: UUID) -> list[Any]:
        """What the ledger has of a batch of ours, without its surplus."""
        return [each for each in self.entries if each.batch_id == batch_id and each.entry != "surplus"]


def money_violations(
    engine: Engine, books: Books, rates: BillRates, *, usd_eur: Decimal, most_output: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """Everything that does not hold of money, one sentence each.

    Args:
        engine: Our database.
        books: Both sides' books.
        rates: How the service prices its bill.
        usd_eur: Euro per dollar, at all times.
        most_output: The most tokens that each line of an input file lets its answer have, by file and custom id.
    """
    money = _read(engine, books, rates, usd_eur)
    return [
        *_batches(money),
        *_surplus(money),
        *_everything(money),
        *_reservations(money, rates, most_output),
    ]


def _read(engine: Engine, books: Books, rates: BillRates, usd_eur: Decimal) -> _Money:
    usual = BillRates(rates.at)
    charges: dict[str, list[_Charge]] = defaultdict(list)
    for (remote, custom_id), tokens in books.bill.items():
        model = books.records[remote].model or ""
        charges[remote].append(_Charge(custom_id, rates.price(model, *tokens), usual.price(model, *tokens)))
    with engine.connect() as connection:
        entries = list(connection.execute(_ENTRIES))
        booked = connection.execute(_BOOKED).scalar_one()
    return _Money(books, entries, booked, charges, usd_eur)


def _batches(money: _Money) -> Iterator[str]:
    for batch_id, remote in money.books.remote_of.items():
        entries = money.of_batch(batch_id)
        charges = money.charges.get(remote or "", [])
        bill = sum((charge.usd for charge in charges), _NOTHING)
        if batch_id in money.books.doubtful:
            yield from _covered(f"batch {remote}", bill, [each for each in entries if each.is_in_flight], money)
            continue
        known = sum((each.cost_usd or _NOTHING for each in entries if not each.is_open), _NOTHING)
        open_lines = {str(each.request_id): each for each in entries if each.is_open and each.entry == "line"}
        lost = sum((charge.usd for charge in charges if charge.custom_id in open_lines), _NOTHING)
        if any(each.is_open and each.entry != "line" for each in entries):
            yield f"batch {remote} has something unattributed whose cost is open, and its price is known"
        if known + lost != bill and not _is_summed_up(entries, charges, bill - known - lost):
            yield f"batch {remote} was charged {bill} USD, the ledger has {known}, and {lost} of it is open"
        yield from _covered(f"batch {remote}", lost, list(open_lines.values()), money)
        if lost and not _states_nothing(money.books.records[remote or ""]):
            yield f"batch {remote} states its usage, and {lost} USD of it are open"


def _states_nothing(record: BatchRecord) -> bool:
    """Whether the service never states the usage of a batch, or forgets it before anybody can ask."""
    return '"unstated_usage"' in record.faults or record.vanishes_at is not None or cannot_be_asked_for(record)


def _is_summed_up(entries: list[Any], charges: list[_Charge], missing: Decimal) -> bool:
    """Whether several requests, a long one among them, are priced by one sum, and what is missing is no more than that costs."""
    measured = {str(each.request_id) for each in entries if each.entry == "line" and _is_measured(each)}
    has_cached = any(each.cached_tokens for each in entries if each.entry == "line")
    summed = [charge for charge in charges if charge.custom_id not in measured]
    too_little = sum((charge.usd - charge.usual_usd for charge in summed), _NOTHING)
    is_booked = any(each.entry == "unattributed" for each in entries)
    return is_booked and (len(summed) > 1 or has_cached) and _NOTHING <= missing <= too_little


def _is_measured(entry: Any) -> bool:
    """Whether what an entry costs follows from its own tokens alone."""
    return entry.cost_usd is not None and not entry.cached_tokens


def _covered(name: str, lost_usd: Decimal, entries: list[Any], money: _Money) -> Iterator[str]:
    """What may be charged and is not known is no more than what is reserved for it."""
    reserved = sum((each.reserved_eur or _NOTHING for each in entries), _NOTHING)
    if lost_usd * money.usd_eur > reserved:
        yield f"{name} was charged {lost_usd * money.usd_eur} EUR that nothing states, and {reserved} are reserved for it"


def _surplus(money: _Money) -> Iterator[str]:
    ids = {each.id: each.openai_batch_id for each in money.books.surplus}
    for entry in money.entries:
        if entry.entry != "surplus":
            continue
        own_id = money.books.own_id(ids[entry.entry_id])
        charges = money.charges.get(own_id, [])
        bill = sum((charge.usd for charge in charges), _NOTHING)
        if entry.is_open or entry.is_in_flight:
            yield from _covered(f"surplus batch {ids[entry.entry_id]}", bill, [entry], money)
            if bill and not _states_nothing(money.books.records[own_id]):
                yield f"surplus batch {ids[entry.entry_id]} states its usage, and its cost of {bill} USD is open"
        elif entry.cost_usd != bill and not _is_summed_surplus(charges, bill - entry.cost_usd):
            yield f"surplus batch {ids[entry.entry_id]} was charged {bill} USD, the ledger says {entry.cost_usd}"


def _is_summed_surplus(charges: list[_Charge], missing: Decimal) -> bool:
    return len(charges) > 1 and _NOTHING < missing <= sum((each.usd - each.usual_usd for each in charges), _NOTHING)


def _everything(money: _Money) -> Iterator[str]:
    """The three tables together are the bill, apart from what is open and from what nobody can tell."""
    books, named = money.books, {each.openai_batch_id: each.id for each in money.books.surplus}
    open_surplus = {
        books.own_id(name)
        for name, surplus_id in named.items()
        for each in money.entries
        if each.entry_id == surplus_id and (each.is_open or each.is_in_flight)
    }
    tracked = {remote: batch_id for batch_id, remote in books.remote_of.items() if remote}
    unknown = {
        (str(each.batch_id), str(each.request_id)) for each in money.entries if each.is_open or each.is_in_flight
    }
    expected = _NOTHING
    for remote, charges in money.charges.items():
        if remote in tracked:
            mark = str(tracked[remote])
            expected += sum((each.usd for each in charges if (mark, each.custom_id) not in unknown), _NOTHING)
        elif remote not in open_surplus and remote in map(books.own_id, named):
            expected += sum((each.usd for each in charges), _NOTHING)
        elif remote not in open_surplus and not books.is_left_alone(books.records[remote]):
            yield f"{remote} was charged, and no ledger names it"
    measured = {(str(each.batch_id), str(each.request_id)) for each in money.entries if _is_measured(each)}
    too_little = sum(
        (
            each.usd - each.usual_usd
            for remote, charges in money.charges.items()
            for each in charges
            if (str(tracked.get(remote)), each.custom_id) not in measured
        ),
        _NOTHING,
    )
    if not _NOTHING <= expected - money.booked <= too_little:
        yield f"the bill is {expected} USD apart from what is open, the ledger says {money.booked}"


def _reservations(money: _Money, rates: BillRates, most_output: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """What was reserved for a request covers its prompt, as the service counted it, with the longest answer that it allows."""
    reserved = {(each.batch_id, str(each.request_id)): each.reserved_eur for each in money.books.attempts}
    owners = {remote: batch_id for batch_id, remote in money.books.remote_of.items() if remote}
    for (remote, custom_id), (input_tokens, _) in money.books.bill.items():
        record = money.books.records[remote]
        set_aside = reserved.get((owners.get(remote), custom_id))
        if set_aside is None:
            continue
        most = (
            rates.price(record.model or "", input_tokens, most_output[record.input_file_id][custom_id]) * money.usd_eur
        )
        if most > set_aside:
            yield f"{custom_id[-4:]} in {remote} could have cost {most} EUR, and {set_aside} were reserved for it"
