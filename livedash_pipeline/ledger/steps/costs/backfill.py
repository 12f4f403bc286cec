"""Fills in costs that were unknown when they were written: for want of a price, of an exchange rate, or of the service's figures.

What fills in is added beside the ledger, which stays as it is. A dry run adds nothing and says what would be added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.store.costs import backfill as store
from livedash_pipeline.ledger.store.costs.backfill import Choice, Filling, OpenEntry
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.rules.backfill import SMALLEST_AMOUNT, FilledCost, Missing, fill, in_ledger, shares
from livedash_pipeline.money.rules.pricing import to_eur
from livedash_pipeline.money.steps.tariffs import Tariffs
from livedash_pipeline.settings import Settings

log = get_logger(__name__)

_BILL = "Give what the bill says, such as 0.42."
_ONE = "Name one: `--batch BATCH --usd AMOUNT`, or `--request REQUEST --usd AMOUNT`."
_WORKED_OUT = "Worked out later, from price and exchange rate of its time."
_STATED = "Stated by an operator: its share of what the batch or request was charged for without figures."


class Bill(StrEnum):
    """What the service's bill says the charge of, where no figures of ours do."""

    BATCH = "batch"
    CALL = "call"
    SURPLUS = "surplus"


@dataclass(frozen=True)
class BackfillRequest:
    """Which open costs are filled in; None: all of them.

    Attributes:
        company: Slug of one company.
        model: Name of one model, as requests name it.
        batch: One batch, by our id or the service's, with surplus beside it; or one surplus batch, by the service's id.
        usd: What the service charged for those of the batch or request whose tokens or price nobody knows, all together.
        request: One request, by its id, with all its tries; or one try, by the try's id.
    """

    company: str | None = None
    model: str | None = None
    batch: str | None = None
    usd: Decimal | None = None
    request: str | None = None


@dataclass
class _Backfilled:
    """What was, or in a dry run would be, filled in, and what stays open: how many by reason, model and day of the price."""

    filled: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_eur: Decimal = Decimal(0)
    open: Counter[tuple[Missing, str, date, Bill]] = field(default_factory=Counter)

    def leave(self, entry: OpenEntry, reason: Missing) -> None:
        """Counts an entry that stays open."""
        bill = Bill(entry.entry) if entry.entry in ("call", "surplus") else Bill.BATCH
        self.open[reason, entry.model, entry.priced_at.astimezone(UTC).date(), bill] += 1


def read_charge(text: str | None) -> Decimal | None:
    """Reads an amount in US dollars from a configuration or a body, where figures are text so that they stay exact.

    Raises:
        UsageError: It is no number.
    """
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise UsageError(f"{text[:40]!r} US dollars are no charge.", remedy=_BILL) from None


def backfill_costs(engine: Engine, settings: Settings, request: BackfillRequest, *, dry_run: bool) -> Document:
    """Fills in open costs, of one company, model or batch or of all, in one transaction.

    Raises:
        UsageError: There is no such company, batch or request, or an amount is no charge, has no batch or request, or nothing to
            be charged for.
    """
    _check(request)

    def work(connection: Connection) -> _Backfilled:
        if not dry_run:
            store.lock_filling(connection)
        filler = _Filler(
            connection,
            Tariffs(connection, settings.livedash_usd_eur),
            dry_run,
            database_now(connection),
            request.usd,
            named="batch" if request.request is None else "request",
        )
        return filler.run(_choice(connection, request))

    done = in_transaction(engine, work)
    log.info("costs filled in", filled=done.filled, dry_run=dry_run, still_open=done.open.total())
    return _document(done, dry_run=dry_run)


def _check(request: BackfillRequest) -> None:
    usd = request.usd
    if request.batch is not None and request.request is not None:
        raise UsageError(
            f"Both the batch {request.batch!r} and the request {request.request!r} are named.", remedy=_ONE
        )
    if usd is None:
        return
    if request.batch is None and request.request is None:
        raise UsageError("An amount is of one batch or request, and none is named.", remedy=_ONE)
    if not usd.is_finite() or not 0 <= usd < 10**8 or usd != usd.quantize(SMALLEST_AMOUNT):
        raise UsageError(f"{usd} US dollars are no charge.", remedy=_BILL)


def _choice(connection: Connection, request: BackfillRequest) -> Choice:
    company_id = optional_company_id(connection, request.company)
    if request.request is not None:
        asked = store.request_named(connection, request.request)
        if asked is None:
            raise UsageError(
                f"There is no request or try {request.request!r}.",
                remedy="Give an id that `livedash requests` or the check `no_cost_is_unknown` shows.",
            )
        return Choice(company_id, request.model, request_id=asked.id, try_id=asked.try_id)
    if request.batch is None:
        return Choice(company_id, request.model)
    found = store.batch_named(connection, request.batch)
    if found is None:
        raise UsageError(f"There is no batch {request.batch!r}.", remedy="Give an id that `livedash batches` shows.")
    return Choice(company_id, request.model, found.id, found.surplus_id)


@dataclass
class _Filler:
    """One backfill, on one transaction.

    Attributes:
        connection: Our database.
        tariffs: Prices and rates.
        dry_run: Add nothing.
        now: The moment of the backfill.
        usd: The amount that is stated for what cannot be worked out; None for none.
        named: Whether a batch or a request is what was named.
    """

    connection: Connection
    tariffs: Tariffs
    dry_run: bool
    now: datetime
    usd: Decimal | None
    named: str
    done: _Backfilled = field(default_factory=_Backfilled)
    silent: list[OpenEntry] = field(default_factory=list)

    def run(self, choice: Choice) -> _Backfilled:
        """Fills in what is chosen and can be worked out, and divides the stated amount among the rest."""
        for entries in store.open_entries(self.connection, choice):
            self._add([filling for entry in entries if (filling := self._worked_out(entry, choice)) is not None])
        if self.usd is not None:
            if not self.silent:
                raise UsageError(
                    f"Nothing of this {self.named} is without figures, so nothing of it costs {self.usd} US dollars more.",
                    remedy=f"Leave `--usd` out; `livedash price backfill --{self.named} {self.named.upper()}` says what is open.",
                )
            self._add(self._stated(self.usd))
        return self.done

    def _worked_out(self, entry: OpenEntry, choice: Choice) -> Filling | None:
        """An entry's cost from its tokens, price and rate; what cannot be worked out is counted or set apart."""
        pricing_id, price = self.tariffs.price(entry.model, entry.priced_at)
        usd_eur = self.tariffs.rate(entry.priced_at)
        found = fill(entry.cost, price, usd_eur)
        if isinstance(found, FilledCost):
            # Dollars that were known came from the price that the entry itself names.
            return Filling(entry, found, pricing_id if entry.cost.cost_usd is None else None, usd_eur, _WORKED_OUT)
        # What a surplus batch was charged is a bill of its own, and stated for it by its own id.
        of_this_bill = entry.entry != "surplus" or choice.surplus_id is not None
        if self.usd is not None and found is not Missing.RATE and of_this_bill:
            self.silent.append(entry)
        else:
            self.done.leave(entry, found)
        return None

    def _stated(self, usd: Decimal) -> list[Filling]:
        """An amount that a person knows, divided among the entries that cannot be worked out."""
        fillings = []
        for entry, share in zip(self.silent, shares(usd, len(self.silent)), strict=True):
            usd_eur = self.tariffs.rate(entry.priced_at)
            eur = to_eur(share, usd_eur)
            if eur is None:
                self.done.leave(entry, Missing.RATE)
            else:
                fillings.append(Filling(entry, FilledCost(share, in_ledger(eur)), None, usd_eur, _STATED))
        return fillings

    def _add(self, fillings: Sequence[Filling]) -> None:
        if not self.dry_run:
            store.add_backfills(self.connection, fillings, now=self.now)
        self.done.filled += len(fillings)
        self.done.cost_usd += sum((filling.cost.usd for filling in fillings), Decimal(0))
        self.done.cost_eur += sum((filling.cost.eur for filling in fillings), Decimal(0))


def _document(done: _Backfilled, *, dry_run: bool) -> Document:
    open_costs = [
        {
            "reason": reason.value,
            "model": model,
            "date": day.isoformat(),
            "entries": count,
            "remedy": _remedy(reason, model, day, bill),
        }
        for (reason, model, day, bill), count in sorted(done.open.items())
    ]
    document = {
        "ok": True,
        "filledCount": done.filled,
        "costUsd": money(done.cost_usd),
        "costEur": money(done.cost_eur),
        "stillOpenCount": done.open.total(),
        "stillOpen": open_costs,
    }
    return document | {"dryRun": True} if dry_run else document


def _remedy(reason: Missing, model: str, day: date, bill: Bill) -> str:
    say = f"say what the bill says: `livedash price backfill {_NAMES[bill]} --usd USD`"
    return {
        Missing.PRICE: (
            f"Set a price that counts then: `livedash price set {model} … --from {day}`. For another tier than "
            f"{'standard' if bill is Bill.CALL else 'batch'}, or figures that nobody can believe, {say}."
        ),
        Missing.RATE: f"Set a rate that counts then: `livedash rate set {day} USD_EUR`.",
        Missing.USAGE: f"The service did not state all tokens; {say}.",
    }[reason]


_NAMES = {Bill.BATCH: "--batch BATCH", Bill.CALL: "--request REQUEST", Bill.SURPLUS: "--batch SURPLUS_BATCH"}
