"""Workers that fetch transcripts side by side, within bounds per host and in total.

Add what concerns many fetches at a time. One fetch is `sources.transcript_source`; the database is the business of
`intake.steps.fetch_transcripts`, which is the only caller.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from queue import SimpleQueue

from livedash_pipeline.base.rules.places.stores import place_of, store_scheme
from livedash_pipeline.base.rules.urls import origin_of
from livedash_pipeline.errors import SourceError
from livedash_pipeline.intake.store.transcripts import DueTranscript, FetchResult
from livedash_pipeline.logs import get_logger
from livedash_pipeline.sources.http import FetchLimits, shown_url, with_retries
from livedash_pipeline.sources.transcript_source import FetchedText, NotModified, TranscriptSource

log = get_logger(__name__)

_NO_HOST = ""


@dataclass(frozen=True)
class TranscriptLimits:
    """Bounds of one run.

    Attributes:
        fetch: Size and time of one transcript.
        per_host: Fetches at a time from one host and port.
        total: Fetches at a time.
        tries: Times that a time-out or a 5xx is met before it counts as a failure.
        attempts: Runs that fail before a transcript is given up.
        retry_after: Time between the first two of those runs, doubled with each: 6, 12, 24 and 48 hours.
        host_failures: After so many failures in a row that waiting might mend, a host is left alone until the next run.
        store_rows: Results that are stored together.
        store_characters: Characters of text that are stored together.
    """

    fetch: FetchLimits = field(
        default_factory=lambda: FetchLimits(max_bytes=5_000_000, connect_seconds=10, read_seconds=30, total_seconds=60)
    )
    per_host: int = 4
    total: int = 16
    tries: int = 3
    attempts: int = 5
    retry_after: timedelta = timedelta(hours=6)
    host_failures: int = 50
    store_rows: int = 500
    store_characters: int = 8_000_000


class TranscriptWorkers:
    """Workers, each with its own source, and the hosts they are sent to; only the thread that made it calls it."""

    def __init__(
        self,
        sources: Sequence[TranscriptSource],
        limits: TranscriptLimits,
        sleep: Callable[[float], None],
        pool: ThreadPoolExecutor,
    ) -> None:
        self.tally = Counter[str]()
        self._free = list(sources)
        self._limits = limits
        self._sleep = sleep
        self._pool = pool
        self._active = Counter[str]()
        self._failures = Counter[str]()

    def results(self, due: Iterable[DueTranscript]) -> Iterator[FetchResult]:
        """Results in the order in which they come. While the caller stores some, at most `total` more are under way."""
        queues: dict[str, deque[DueTranscript]] = {}
        for each in due:
            queues.setdefault(_host_of(each), deque()).append(each)
        # Files are read here, and what cannot be read is refused: handing each to a thread took longer than that.
        for each in queues.pop(_NO_HOST, ()):
            yield self._count(_NO_HOST, _fetch_one(self._free[0], each, self._limits.tries, self._sleep))
        running: dict[Future[_Outcome], tuple[str, TranscriptSource]] = {}
        # `concurrent.futures.wait` listens to all that run anew for each that ends.
        ended = SimpleQueue[Future[_Outcome]]()
        while queues or running:
            self._drop_failing(queues)
            for host, source, each in self._assign(queues):
                future = self._pool.submit(_fetch_one, source, each, self._limits.tries, self._sleep)
                running[future] = (host, source)
                future.add_done_callback(ended.put)
            if running:
                future = ended.get()
                host, source = running.pop(future)
                self._free.append(source)
                self._active[host] -= 1
                yield self._count(host, future.result())

    def _assign(self, queues: dict[str, deque[DueTranscript]]) -> Iterator[tuple[str, TranscriptSource, DueTranscript]]:
        for host in list(queues):
            while queues[host] and self._free and self._active[host] < self._limits.per_host:
                self._active[host] += 1
                yield host, self._free.pop(), queues[host].popleft()
            if not queues[host]:
                del queues[host]

    def _drop_failing(self, queues: dict[str, deque[DueTranscript]]) -> None:
        for host in [host for host in queues if self._failures[host] >= self._limits.host_failures]:
            left = len(queues.pop(host))
            self.tally["postponed"] += left
            log.warning("host left alone until the next run", host=host, postponed=left)

    def _count(self, host: str, outcome: _Outcome) -> FetchResult:
        # Without this, a host that does not answer holds up 100,000 transcripts for a minute each.
        self._failures[host] = self._failures[host] + 1 if outcome.retryable else 0
        error = outcome.result.error_code
        kind = "fetched" if outcome.result.content is not None else "unchanged"
        self.tally[kind if error is None else f"failed:{error}"] += 1
        return outcome.result


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A result, and whether it is a failure that waiting might mend."""

    result: FetchResult
    retryable: bool = False


def _host_of(due: DueTranscript) -> str:
    url = due.url or ""
    place = place_of(url) if store_scheme(url) else None
    if place is not None and place.root is not None:
        return place.root.address
    origin = origin_of(url)
    return f"{origin.host}:{origin.port}" if origin else _NO_HOST


def _fetch_one(source: TranscriptSource, due: DueTranscript, tries: int, sleep: Callable[[float], None]) -> _Outcome:
    url = due.url or ""
    shown: dict[str, object] = {"url": shown_url(url)}
    try:
        found = with_retries(lambda: source.fetch(url, due.etag), sleep=sleep, attempts=tries)
    except SourceError as error:
        failure = FetchResult(
            due.import_id,
            url,
            due.row_hash,
            error_code=error.reason,
            error_message=f"{error.reason}: {error.message}",
            permanent=source.refuses(url),
            stage_metadata=shown,
        )
        return _Outcome(failure, error.retryable)
    if isinstance(found, NotModified):
        return _Outcome(
            FetchResult(
                due.import_id,
                url,
                due.row_hash,
                etag=due.etag,
                stage_metadata={**shown, "contentLength": due.size, "unchanged": True},
            )
        )
    return _Outcome(_stored_as(due, url, found, shown))


def _stored_as(due: DueTranscript, url: str, found: FetchedText, shown: dict[str, object]) -> FetchResult:
    metadata = {**shown, "contentLength": found.size}
    if found.encoding != "utf-8-sig":
        metadata["encoding"] = found.encoding
    if found.sha256 == due.sha256:
        return FetchResult(
            due.import_id, url, due.row_hash, etag=found.etag, stage_metadata={**metadata, "unchanged": True}
        )
    return FetchResult(
        due.import_id,
        url,
        due.row_hash,
        content=found.text,
        sha256=found.sha256,
        etag=found.etag,
        replaced=found.replaced,
        stage_metadata=metadata,
    )
