"""The overview of the pipeline: counts of sessions per stage, and obstacles.

Add an obstacle as a sentence with its remedy. `ledger.steps.batches.preview` tells what a submit would hold back, so that both
say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.endpoints import key_fingerprint
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.rules.wording import plural, verb
from livedash_pipeline.base.store import stages
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.ledger.rules.admission.nothing_sent import unknown_clause
from livedash_pipeline.ledger.rules.results.short_results import describe_waiting
from livedash_pipeline.ledger.steps.batches.context import configured_endpoint
from livedash_pipeline.ledger.steps.batches.preview import preview_submit
from livedash_pipeline.ledger.store.batches import claims, obstacles
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from livedash_pipeline.settings import Settings


@dataclass(frozen=True)
class Obstacle:
    """Something that keeps sessions from going on, and what removes it."""

    message: str
    remedy: str


def report_status(engine: Engine, settings: Settings, kinds: Kinds, company: str | None = None) -> Document:
    """Counts sessions per stage and status, over all companies or of one, and lists obstacles of those that wait.

    Raises:
        UsageError: There is no such company.
    """
    return count_stages(engine, company) | {"obstacles": list_obstacles(engine, settings, kinds, company)}


def count_stages(engine: Engine, company: str | None = None) -> Document:
    """Counts sessions per stage and status, over all companies or of one.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
        return pipeline_document(stages.pipeline_status(connection, company_id))


def list_obstacles(
    engine: Engine, settings: Settings, kinds: Kinds, company: str | None = None
) -> list[dict[str, str]]:
    """Returns what keeps sessions from going on, over all companies or of one, each with its remedy.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
        found = list(_obstacles(connection, settings, company_id))
    found += _held_back(engine, settings, kinds, company_id)
    return [{"message": one.message, "remedy": one.remedy} for one in found]


def is_finished(engine: Engine, company: str | None = None) -> bool:
    """Whether every session is done, of all companies or of one."""
    with engine.connect() as connection:
        return stages.all_sessions_settled(connection, optional_company_id(connection, company))


def foresee_submit(
    engine: Engine, settings: Settings, kinds: Kinds, company_id: UUID | None, *, unhold: bool = False
) -> Document:
    """Returns what a submit with the settings' service and key would send, as `preview_submit` says."""
    return preview_submit(
        engine,
        settings,
        kinds,
        endpoint=configured_endpoint(settings),
        key_fingerprint=key_fingerprint(settings.openai_api_key) if settings.openai_api_key else None,
        company_id=company_id,
        unhold=unhold,
    )


def _held_back(engine: Engine, settings: Settings, kinds: Kinds, company_id: UUID | None) -> list[Obstacle]:
    """What a submit would hold back; a setting that lets nothing be sent is an obstacle, not an error of the overview."""
    try:
        preview = foresee_submit(engine, settings, kinds, company_id)
    except SettingsError as error:
        return [Obstacle(error.message, error.remedy)]
    return [Obstacle(f"{reason.rstrip('.')}.", "See `livedash submit --dry-run`.") for reason in preview["held"]]


def _obstacles(connection: Connection, settings: Settings, company_id: UUID | None) -> Iterator[Obstacle]:
    now = database_now(connection)
    yield from _of_imports(connection, settings, company_id, now)
    waiting = obstacles.pending_requests(connection, company_id)
    sent = obstacles.unprocessed_batches(connection, company_id, now=now)
    if (waiting or sent) and not settings.openai_api_key:
        yield Obstacle(
            "OPENAI_API_KEY is not set, so that nothing is sent or asked for.", "Set it where the daemon runs."
        )
    if waiting and not settings.batch_creation_enabled:
        yield Obstacle(
            "BATCH_CREATION_ENABLED is false, so that the sensor sends nothing.",
            "Set it and restart the daemon, or send by hand: `livedash submit`.",
        )
    if sent and not settings.batch_polling_enabled:
        yield Obstacle(
            "BATCH_POLLING_ENABLED is false, so that the sensor asks for nothing.",
            "Set it and restart the daemon, or ask by hand: `livedash poll`.",
        )
    for idle in obstacles.idle_companies(connection, company_id):
        yield Obstacle(
            f"{idle.company} is {idle.status.lower()}, and {plural(idle.requests, 'request')} of it "
            f"{verb(idle.requests, 'waits', 'wait')}.",
            f"Run `livedash company set {idle.company} --status active`.",
        )
    yield from _of_batches(connection, settings, sent, now)


def _of_imports(
    connection: Connection, settings: Settings, company_id: UUID | None, now: datetime
) -> Iterator[Obstacle]:
    for failing in obstacles.failing_companies(connection, company_id):
        due = (
            ""
            if failing.next_import_at is None
            else f"; the next one is due at {failing.next_import_at:%Y-%m-%d %H:%M %Z}"
        )
        yield Obstacle(
            f"The last {failing.failures} imports of {failing.company} failed{due}."
            if failing.failures > 1
            else f"The last import of {failing.company} failed{due}.",
            f"Run `livedash import --company {failing.company}` to see why.",
        )
    before = now - timedelta(seconds=settings.livedash_stuck_after)
    stuck = stages.find_stuck_stages(connection, started_before=before, most=1, company_id=company_id).total
    if stuck:
        yield Obstacle(
            f"{plural(stuck, 'stage')} began more than {settings.livedash_stuck_after} s ago and "
            f"{verb(stuck, 'has', 'have')} not ended.",
            f"The next import frees {verb(stuck, 'it', 'them')}: `livedash import`.",
        )


def _of_batches(
    connection: Connection, settings: Settings, sent: list[obstacles.BatchesAtEndpoint], now: datetime
) -> Iterator[Obstacle]:
    endpoint = configured_endpoint(settings)
    awaiting, first = claims.awaiting_recovery(connection, endpoint)
    if awaiting:
        clause = unknown_clause(awaiting, first if first is not None and first > now else None)
        yield Obstacle(f"{clause[0].upper()}{clause[1:]}.", "Nothing has to be done; `livedash poll` looks now.")
    doubtful = claims.count_doubtful(connection, endpoint)
    if doubtful:
        which = plural(doubtful, "batch", "batches")
        yield Obstacle(
            f"The listing of {endpoint} proves neither that {which} {verb(doubtful, 'was', 'were')} bought nor the contrary.",
            "Where you know that one was not: `livedash reconcile --believe-absence BATCH`. Why: `livedash batches`.",
        )
    for group in sent:
        if group.endpoint != endpoint:
            made = plural(group.batches, "batch", "batches")
            yield Obstacle(
                f"{made} {verb(group.batches, 'was', 'were')} made at {group.endpoint}, and OPENAI_BASE_URL is {endpoint}.",
                f"Poll and ingest {verb(group.batches, 'it', 'them')} with the former OPENAI_BASE_URL and its key.",
            )
            continue
        if group.next_look_at is not None:
            yield Obstacle(
                f"{describe_waiting(group.waiting, group.next_look_at)}.",
                "Nothing has to be done; `livedash batches` says what is wrong with them.",
            )
        if group.ended:
            ended = plural(group.ended, "batch", "batches")
            yield Obstacle(
                f"{ended} {verb(group.ended, 'has', 'have')} ended and {verb(group.ended, 'is', 'are')} not ingested.",
                "Run `livedash ingest`, or wait for the sensor."
                if settings.batch_polling_enabled
                else "Run `livedash ingest`.",
            )


def pipeline_document(status: stages.PipelineStatus) -> Document:
    """Sessions per stage and status."""
    return {
        "ok": True,
        "totalSessions": status.total_sessions,
        "stages": {
            stage.lower(): {state.lower(): count for state, count in counts.items()}
            for stage, counts in status.stages.items()
        },
    }
