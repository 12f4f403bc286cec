"""Puts failed requests back to pending, by id or by what they have in common, and says beforehand what that costs at most.

Add a filter to `Search`, which both take. Which request may be put back is decided in `ledger.rules.admission.requeue`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.ids import read_ids
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.steps.admission.spending import budget_for
from livedash_pipeline.ledger.steps.batches.request_search import Search, checked_hours, read_search
from livedash_pipeline.ledger.store.admission.model_parameters import output_maximum
from livedash_pipeline.ledger.store.batches import requests
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.ledger.store.batches.request_search import request_ids as ids_of
from livedash_pipeline.ledger.store.batches.requests import Requeued, RequeuedGroup
from livedash_pipeline.money.rules.pricing import known_sum
from livedash_pipeline.settings import Settings

_FAILED = RequestStatus.PROCESSING_FAILED.value


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which failed requests are meant: those of ids, or those of a search that failed up to a moment.

    Attributes:
        request_ids: Ids as text; a text that is not an id counts as not found.
        search: What they have in common, apart from their status; None where ids are given.
        until: Only those that failed before, of ids as well; without it all.
    """

    request_ids: tuple[str, ...] = ()
    search: Search | None = None
    until: datetime | None = None


def requeue_requests(
    engine: Engine,
    kinds: Kinds,
    *,
    request_ids: Iterable[str] = (),
    company: str | None = None,
    error_code: str | None = None,
    older_than_hours: float | None = None,
    model: str | None = None,
    batch: str | None = None,
    dry_run: bool | None = None,
    settings: Settings | None = None,
) -> Document:
    """Puts failed requests back to pending: those named, or those that a filter names.

    Args:
        engine: Our database.
        kinds: The kinds of request.
        request_ids: Ids as text; a text that is not an id counts as not found.
        company: Only this company's.
        error_code: Only those that failed with this code, in either case.
        older_than_hours: Only those that failed longer ago.
        model: Only those that ask this model.
        batch: Only those that were tried in this batch, by our id or the service's.
        dry_run: Count and change nothing; unless given, true with a filter and false with ids.
        settings: With these a dry run also says what it costs at most, as `preview_requeue` does.

    Raises:
        UsageError: Ids together with a filter, an unknown company or batch, or hours that are no span of time.
    """
    given = tuple(dict.fromkeys(request_ids))
    search = Search(
        status=_FAILED,
        company=company,
        error_code=error_code,
        model=model,
        older_than_hours=checked_hours(older_than_hours),
        batch=batch,
    )
    filtered = search != Search(status=_FAILED)
    if given and filtered:
        raise UsageError("Both ids and a filter are given.", remedy="Give ids, or a filter, not both.")
    if not given and not filtered:
        return requeue_document(Requeued(0, 0, 0), dry_run=bool(dry_run))
    chosen, only_count = Chosen(given, search if filtered else None), filtered if dry_run is None else dry_run
    if only_count and settings is not None:
        return preview_requeue(engine, settings, kinds, chosen)
    return requeue_chosen(engine, kinds, chosen, dry_run=only_count)


def requeue_chosen(engine: Engine, kinds: Kinds, chosen: Chosen, *, dry_run: bool) -> Document:
    """Puts the chosen requests back to pending, or only counts them.

    Raises:
        UsageError: An unknown company, batch or outcome, or hours that are no span of time.
    """

    def work(connection: Connection) -> Requeued:
        return _requeue(connection, kinds, chosen, now=database_now(connection), dry_run=dry_run)

    return requeue_document(in_transaction(engine, work), dry_run=dry_run)


def preview_requeue(engine: Engine, settings: Settings, kinds: Kinds, chosen: Chosen) -> Document:
    """Counts what `requeue_chosen` would put back, and says what sending it costs at most; changes nothing.

    `costAtMostEur` is null where a price or the exchange rate is unknown. It is about the input as it was asked about;
    `outdatedCount` of the requests will be asked about another one, which may be longer. A requeue that is given `until` puts
    back none that failed later: it is the moment of the count or, where an age is asked for, the one before which they ended.

    Raises:
        UsageError: As `requeue_chosen`.
    """

    def work(connection: Connection) -> Document:
        now = database_now(connection)
        counted = _requeue(connection, kinds, chosen, now=now, dry_run=True)
        groups = requests.requeued_groups(connection, counted.ids)
        return requeue_document(counted, dry_run=True) | {
            "costAtMostEur": money(known_sum([_most(connection, settings, group, now) for group in groups])),
            "outdatedCount": sum(_outdated(kinds, group) for group in groups),
            "until": moment(_ended_before(chosen, now)),
        }

    return in_transaction(engine, work)


def requeue_document(requeued: Requeued, *, dry_run: bool) -> Document:
    """The document of a requeue or its dry run."""
    document: Document = {
        "ok": True,
        "requeuedCount": requeued.requeued,
        "notFoundCount": requeued.not_found,
        "notFailedCount": requeued.not_failed,
    }
    return document | ({"dryRun": True} if dry_run else {})


def _requeue(connection: Connection, kinds: Kinds, chosen: Chosen, *, now: datetime, dry_run: bool) -> Requeued:
    ids, unreadable = read_ids(chosen.request_ids)
    if chosen.search is not None:
        ids = _found(connection, replace(chosen.search, status=_FAILED), chosen.until)
    later: set[UUID] = set()
    if chosen.search is None and chosen.until is not None:
        later = requests.failed_since(connection, ids, chosen.until)
    done = requests.requeue(connection, set(ids) - later, kinds, now=now, dry_run=dry_run)
    return replace(done, not_found=done.not_found + unreadable, not_failed=done.not_failed + len(later))


def _ended_before(chosen: Chosen, now: datetime) -> datetime:
    """The moment before which all that are chosen now have ended; later more are of the age that a search asks for."""
    until = chosen.until or now
    hours = None if chosen.search is None else checked_hours(chosen.search.older_than_hours)
    return until if hours is None else min(until, now - timedelta(hours=hours))


def _found(connection: Connection, search: Search, until: datetime | None) -> list[UUID]:
    wanted = read_search(connection, search)
    if until is not None:
        wanted = replace(wanted, before=min(until, wanted.before or until))
    return ids_of(connection, wanted)


def _most(connection: Connection, settings: Settings, group: RequeuedGroup, now: datetime) -> Decimal | None:
    """The most that a group costs: a submit sends it to its own model, or to the one that the company has by now."""
    models = {group.model, group.company_model or settings.openai_model}
    costs = [_most_at(connection, settings, group, model, now) for model in sorted(models)]
    known = [cost for cost in costs if cost is not None]
    return max(known) if len(known) == len(costs) else None


def _most_at(
    connection: Connection, settings: Settings, group: RequeuedGroup, model: str, now: datetime
) -> Decimal | None:
    budget = budget_for(connection, settings, model, now=now)
    if budget is None:
        return None
    # A claim asks for the model's present maximum where that is more than what a request was built with.
    output = max(group.most_output_tokens, output_maximum(connection, model))
    return budget.of_many(
        group.requests, group.token_estimate, group.body_bytes, group.requests * output, longest=group.most_tokens
    )


def _outdated(kinds: Kinds, group: RequeuedGroup) -> int:
    is_other = group.prompt_version != kinds[group.processing_type].version()
    return group.requests if is_other else group.outdated
