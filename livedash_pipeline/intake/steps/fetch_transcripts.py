"""Fetches the transcripts of a company that are due, several at a time, and stores them in chunks.

A transcript that cannot be had is that session's failure and nobody else's; one whose address the company's rules refuse waits
until they allow it. How one is fetched is `sources.transcript_source`; which are due is decided by the statement
`find_due_transcripts`; what they say is read by `intake.steps.derive_sessions`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import NoneType

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.urls import RefusedPlace, SourceRules, locate
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.behind import Behind, working_behind
from livedash_pipeline.intake.steps.company_profiles import transcript_profile_of
from livedash_pipeline.intake.steps.transcript_workers import TranscriptLimits, TranscriptWorkers
from livedash_pipeline.intake.store.transcripts import (
    DueTranscript,
    FetchResult,
    ImportPage,
    find_due_transcripts,
    import_pages,
    skip_transcripts,
    store_transcripts,
)
from livedash_pipeline.logs import get_logger
from livedash_pipeline.sources.addresses import Resolver, resolve
from livedash_pipeline.sources.credentials import Credentials, find_credentials, find_store_login
from livedash_pipeline.sources.places.opening import Stores
from livedash_pipeline.sources.transcript_source import TranscriptSource
from livedash_pipeline.tls import machine_authorities

log = get_logger(__name__)

NO_URL = "no_url: the row names no transcript"


@dataclass(frozen=True)
class TranscriptReport:
    """What a run did.

    Attributes:
        due: Imports that wanted a transcript or a decision.
        fetched: Transcripts with new content.
        unchanged: Transcripts that came back the same.
        failed: Failures by reason.
        skipped: Imports whose row names no transcript.
        postponed: Transcripts that were left, untouched, because their host fails again and again.
    """

    due: int
    fetched: int
    unchanged: int
    failed: Mapping[str, int]
    skipped: int
    postponed: int = 0


def fetch_transcripts(
    engine: Engine,
    company: Company,
    *,
    environ: Mapping[str, str],
    limits: TranscriptLimits | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[Connection], datetime] = database_now,
    resolver: Resolver = resolve,
) -> TranscriptReport:
    """Fetches what is due for a company; does nothing for one that is not working.

    Args:
        engine: Our database.
        company: Whose transcripts.
        environ: Where the credentials stand under the names that the company gives.
        limits: Bounds of the run.
        sleep: Waits between tries.
        clock: The time of a transaction.
        resolver: Addresses of a host; given by tests.

    Raises:
        SourceError: A credential is named and not set.
        UsageError: The company's profile is none that this version knows.
    """
    limits = limits or TranscriptLimits()
    tally = Counter[str]()
    if not company.is_working:
        return _report(tally)
    rules = company.source_rules
    credentials = transcript_credentials(company, rules, environ)
    context = machine_authorities()
    profile = transcript_profile_of(company)
    encoding = None if profile is None else profile.encoding
    with ExitStack() as stack:
        stores = stack.enter_context(Stores(rules, company.csv_login, environ, limits.fetch, resolver=resolver))
        sources = [
            stack.enter_context(
                TranscriptSource(
                    rules, credentials, limits.fetch, context, encoding=encoding, resolver=resolver, stores=stores
                )
            )
            for _ in range(limits.total)
        ]
        workers = TranscriptWorkers(sources, limits, sleep, stack.enter_context(ThreadPoolExecutor(limits.total)))
        storing = stack.enter_context(working_behind(NoneType))
        for page in import_pages(engine, company.id):
            found = in_transaction(engine, partial(_find, page, limits, clock))
            due = [each for each in found if not (each.was_refused and _is_refused(each, rules))]
            _skip(engine, [each for each in due if each.url is None], clock)
            _fetch(engine, workers, [each for each in due if each.url is not None], limits, clock, storing)
            workers.tally.update(due=len(due), skipped=sum(each.url is None for each in due))
            if due:
                log.info("transcripts fetched", company=company.slug, **_counts(workers.tally))
    return _report(workers.tally)


def transcript_credentials(company: Company, rules: SourceRules, environ: Mapping[str, str]) -> Credentials | None:
    """What is sent with transcripts over HTTP, to the CSV's own origin alone; nothing where the CSV lies in a store.

    Raises:
        SourceError: A credential is named and not set.
    """
    login = company.csv_login
    if rules.csv_store is not None:
        # The variables are the store's, which takes them when it is opened; here is only seen that they are set.
        find_store_login(environ, login)
        return None
    return find_credentials(environ, login.username_env, login.password_env, login.bearer_env, login.headers)


def _find(
    page: ImportPage, limits: TranscriptLimits, clock: Callable[[Connection], datetime], connection: Connection
) -> list[DueTranscript]:
    return find_due_transcripts(connection, page, max_attempts=limits.attempts, now=clock(connection))


def _is_refused(due: DueTranscript, rules: SourceRules) -> bool:
    return isinstance(locate(due.url or "", rules), RefusedPlace)


def _skip(engine: Engine, due: Sequence[DueTranscript], clock: Callable[[Connection], datetime]) -> None:
    def work(connection: Connection) -> None:
        skip_transcripts(connection, [each.import_id for each in due], reason=NO_URL, now=clock(connection))

    if due:
        in_transaction(engine, work)


def _fetch(
    engine: Engine,
    workers: TranscriptWorkers,
    due: Sequence[DueTranscript],
    limits: TranscriptLimits,
    clock: Callable[[Connection], datetime],
    storing: Behind[None],
) -> None:
    def store(results: Sequence[FetchResult], connection: Connection) -> None:
        now = clock(connection)
        store_transcripts(connection, results, retry_after=limits.retry_after, max_attempts=limits.attempts, now=now)

    # Fetches go on while Postgres takes what came before.
    for chunk in _chunks(workers.results(due), limits):
        storing.begin(partial(in_transaction, engine, partial(store, chunk)))
    storing.end()


def _chunks(results: Iterable[FetchResult], limits: TranscriptLimits) -> Iterator[list[FetchResult]]:
    chunk: list[FetchResult] = []
    characters = 0
    for result in results:
        chunk.append(result)
        characters += len(result.content or "")
        if len(chunk) >= limits.store_rows or characters >= limits.store_characters:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _counts(tally: Counter[str]) -> dict[str, int]:
    failed = sum(count for key, count in tally.items() if key.startswith("failed:"))
    return {key: tally[key] for key in ("due", "fetched", "unchanged", "skipped", "postponed")} | {"failed": failed}


def _report(tally: Counter[str]) -> TranscriptReport:
    failed = {key.removeprefix("failed:"): n for key, n in sorted(tally.items()) if key.startswith("failed:")}
    return TranscriptReport(
        tally["due"], tally["fetched"], tally["unchanged"], failed, tally["skipped"], tally["postponed"]
    )
