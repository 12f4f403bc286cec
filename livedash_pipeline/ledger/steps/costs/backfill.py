"""Fills in costs that were unknown when they were written: for want of a price, of an exchange rate, or of the service's figures.

What fills in is added beside the ledger, which stays as it is. A dry run adds nothing and says what would be added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.store.costs import backfill as store
from livedash_pipeline.ledger.store.costs.backfill import Choice, Filling, OpenEntry
from livedash_pipeline.logs import get_logger
from livedash_pipeline.money.rules.backfill import FilledCost, Missing, fill, shares
from livedash_pipeline.money.rules.pricing import Price, to_eur
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.settings import Settings

log = get_logger(__name__)

_WORKED_OUT = "Worked out later, from price and exchange rate of its time."
_STATED = "Stated by an operator: its share of what the batch was charged for without figures."


@dataclass
class Backfilled:
    """What was, or in a dry run would be, filled in, and what stays open: how many by reason, model and day of the price."""

    filled: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_eur: Decimal = Decimal(0)
    open: Counter[tuple[Missing, str, date]] = field(default_factory=Counter)


def backfill_costs(
    engine: Engine,
    settings: Settings,
    *,
    company_id: UUID | None = None,
    model: str | None = None,
    batch: str | None = None,
    usd: Decimal | None = None,
    dry_run: bool,
) -> Document:
    """Fills in open costs, of one company, model or batch or all.

    Args:
        engine: Our database.
        settings: The fallback exchange rate.
        company_id: Only this company's.
        model: Only this model's.
        batch: Only this batch's, surplus beside it included: our id or the service's.
        usd: What the service charged for those of the batch that state no tokens, all together; goes with `batch`.
        dry_run: Say what would be filled in, and add nothing.

    Raises:
        UsageError: There is no such batch, or an amount is no charge or has no batch.
    """
    _check_amount(usd, batch)

    def work(connection: Connection) -> Backfilled:
        store.lock_filling(connection)
        batch_id = None if batch is None else _batch_id(connection, batch)
        choice = Choice(company_id, model, batch_id)
        return _fill(connection, settings, choice, usd, dry_run=dry_run, now=database_now(connection))

    done = in_transaction(engine, work)
    log.info("costs filled in", filled=done.filled, dry_run=dry_run, still_open=done.open.total())
    return _document(done, dry_run)


def _check_amount(usd: Decimal | None, batch: str | None) -> None:
    if usd is None:
        return
    if batch is None:
        raise UsageError(
            "An amount is of one batch, and none is named.", remedy="Name it: `--batch BATCH --usd AMOUNT`."
        )
    if not usd.is_finite() or not 0 <= usd < 10**8:
        raise UsageError(f"{usd} US dollars are no charge.", remedy="Give what the bill says, such as 0.42.")


def _batch_id(connection: Connection, name: str) -> UUID:
    found = store.batch_named(connection, name)
    if found is None:
        raise UsageError(f"There is no batch {name!r}.", remedy="Give an id that `livedash batches` shows.")
    return found


def _fill(
    connection: Connection, settings: Settings, choice: Choice, usd: Decimal | None, *, dry_run: bool, now: datetime
) -> Backfilled:
    done, tariffs = Backfilled(), _Tariffs(connection, settings)
    silent: list[OpenEntry] = []
    for entries in store.open_entries(connection, choice):
        fillings = []
        for entry in entries:
            pricing_id, price, usd_eur = tariffs.of(entry.model, entry.priced_at)
            found = fill(entry.cost, price, usd_eur)
            if isinstance(found, FilledCost):
                fillings.append(Filling(entry, found, pricing_id, usd_eur, _WORKED_OUT))
            elif found is Missing.USAGE and usd is not None:
                silent.append(entry)
            else:
                done.open[found, entry.model, entry.priced_at.date()] += 1
        _add(connection, fillings, done, dry_run=dry_run, now=now)
    _add(connection, _stated(silent, usd, tariffs, done), done, dry_run=dry_run, now=now)
    return done


def _stated(silent: Sequence[OpenEntry], usd: Decimal | None, tariffs: _Tariffs, done: Backfilled) -> list[Filling]:
    """An amount that a person knows, divided among the entries that state no tokens."""
    if usd is None or not silent:
        return []
    fillings = []
    for entry, share in zip(silent, shares(usd, len(silent)), strict=True):
        _, _, usd_eur = tariffs.of(entry.model, entry.priced_at)
        eur = to_eur(share, usd_eur)
        if eur is None:
            done.open[Missing.RATE, entry.model, entry.priced_at.date()] += 1
        else:
            fillings.append(Filling(entry, FilledCost(share, eur), None, usd_eur, _STATED))
    return fillings


def _add(
    connection: Connection, fillings: Sequence[Filling], done: Backfilled, *, dry_run: bool, now: datetime
) -> None:
    if not dry_run:
        store.add_backfills(connection, fillings, now=now)
    done.filled += len(fillings)
    done.cost_usd += sum((filling.cost.usd for filling in fillings), Decimal(0))
    done.cost_eur += sum((filling.cost.eur for filling in fillings), Decimal(0))


@dataclass
class _Tariffs:
    """Prices and rates of moments, each looked up once."""

    connection: Connection
    settings: Settings
    known: dict[tuple[str, datetime], tuple[UUID | None, Price | None, Decimal | None]] = field(default_factory=dict)

    def of(self, model: str, at: datetime) -> tuple[UUID | None, Price | None, Decimal | None]:
        """The price row, the price and the exchange rate of a model at a moment; None where unknown."""
        if (model, at) not in self.known:
            pricing_id, price = prices.price_for(self.connection, model, at) or (None, None)
            rate = rates.rate_at(self.connection, at, self.settings.livedash_usd_eur)
            self.known[model, at] = pricing_id, price, rate.usd_eur if rate else None
        return self.known[model, at]


def _document(done: Backfilled, dry_run: bool) -> Document:
    return {
        "ok": True,
        "filledCount": done.filled,
        "costUsd": money(done.cost_usd),
        "costEur": money(done.cost_eur),
        "stillOpenCount": done.open.total(),
        "stillOpen": [
            {
                "reason": str(reason),
                "model": model,
                "date": day.isoformat(),
                "entries": count,
                "remedy": _remedy(reason, model, day),
            }
            for (reason, model, day), count in sorted(done.open.items())
        ],
        "dryRun": dry_run,
    }


def _remedy(reason: Missing, model: str, day: date) -> str:
    return {
        Missing.PRICE: f"Set a price that counts then: `livedash price set {model} … --from {day}`.",
        Missing.RATE: f"Set a rate that counts then: `livedash rate set {day} USD_EUR`.",
        Missing.USAGE: "The service stated no tokens; say what its bill says: `livedash price backfill --batch BATCH --usd USD`.",
    }[reason]
