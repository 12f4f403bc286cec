"""Fetches a batch's two result files and turns their lines into rows for the settlement.

`ledger.steps.results.ingest` decides whether the files are whole, and settles.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES
from livedash_pipeline.base.rules.text import storable
from livedash_pipeline.ledger.rules.results.answers import AnswerReader
from livedash_pipeline.ledger.rules.results.judgement import VANISHED, is_success, judge_line
from livedash_pipeline.ledger.rules.results.result_evidence import FileEvidence, content_fault, is_sized, transfer_fault
from livedash_pipeline.ledger.rules.results.result_lines import (
    ResultLine,
    last_line_parses,
    read_result_lines,
    split_lines,
)
from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.results.short_downloads import may_still_show
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from livedash_pipeline.money.rules.pricing import BATCH, Cost, Price, charged_tier, cost_of, to_eur
from livedash_pipeline.services.errors import ServiceError

_CHUNK = 1024 * 1024


OTHER_TIER = "other_tier"
"""The flag of an answer that the service charged by another tier than that of batches."""


@dataclass
class ResultFiles:
    """The files of one batch on disk.

    Attributes:
        directory: The directory of this fetch alone, since two processes may ingest the same batch.
        paths: The fetched files, by `output` and `error`.
        gone: Those of the two that the service no longer has.
        evidence: The facts about each fetched file, by name.
        digest: A hash of the content, by which equal short downloads are recognised.
    """

    directory: Path
    paths: dict[str, Path] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    evidence: dict[str, FileEvidence] = field(default_factory=dict)
    digest: str = ""

    @property
    def transfer_fault(self) -> str | None:
        """Says why the bytes are not believed, before a line is read; None where they may be."""
        return next(filter(None, map(transfer_fault, self.evidence.values())), None)

    @property
    def content_fault(self) -> str | None:
        """Says why the lines are not believed, once all of them were read; None where they may be."""
        return next(filter(None, map(content_fault, self.evidence.values())), None)

    @property
    def says_something(self) -> bool:
        """Whether a file holds a line that counts, once all of them were read."""
        return any(file.says_something for file in self.evidence.values())

    @property
    def ends_whole(self) -> bool:
        """Whether no file that is needed ends within a line."""
        return all(file.ends_whole or not file.needed for file in self.evidence.values())

    @property
    def sized(self) -> bool:
        """Whether the service states the size of every file."""
        return all(map(is_sized, self.evidence.values()))

    def remove(self) -> None:
        """Deletes what was fetched."""
        shutil.rmtree(self.directory, ignore_errors=True)


def fetch_files(context: BatchContext, batch: BatchToIngest, *, give_up: bool = False) -> ResultFiles:
    """Downloads both files of a batch.

    Args:
        context: Database and endpoint.
        batch: A batch that has ended.
        give_up: Treat a file that the service does not serve as gone.

    Raises:
        ServiceError: A file could not be fetched now; one that is gone is no error.
    """
    context.spool_dir.mkdir(parents=True, exist_ok=True)
    files = ResultFiles(Path(tempfile.mkdtemp(prefix=f"livedash-{batch.id}-", dir=context.spool_dir)))
    try:
        for name, file_id in (("output", batch.output_file_id), ("error", batch.error_file_id)):
            if file_id is not None:
                _fetch(context, batch, name, file_id, files, give_up)
    except BaseException:
        files.remove()
        raise
    return files


# Failures that concern this file alone; all others concern the key, the network or the moment.
_NOT_GIVEN = frozenset({FailureKind.NOT_FOUND, FailureKind.REFUSED, FailureKind.FORBIDDEN, FailureKind.BROKEN})


def _fetch(
    context: BatchContext, batch: BatchToIngest, name: str, file_id: str, files: ResultFiles, give_up: bool
) -> None:
    path = files.directory / f"{name}.jsonl"
    try:
        download = context.gateway.download(file_id, path)
    except ServiceError as error:
        if give_up and error.failure.kind in _NOT_GIVEN:
            files.gone.append(name)
            return
        if error.failure.kind is not FailureKind.NOT_FOUND:
            raise
        with context.engine.connect() as connection:
            may_show = may_still_show(context, connection, batch)
        if may_show:
            raise
        _require_same_project(context, batch)
        files.gone.append(name)
        return
    files.paths[name] = path
    files.evidence[name] = FileEvidence(
        name, download.bytes, download.expected_bytes, download.broken_by is None, _ends_whole(path)
    )
    files.evidence[name].needed = name == "output" or batch.end is not EndWord.FAILED or not batch.errors
    files.digest += download.sha256


def _require_same_project(context: BatchContext, batch: BatchToIngest) -> None:
    """Believes that a file is missing only if this key made the batch or sees it: a key of another project sees nothing.

    Believes it for a batch that has vanished, since no key sees more of it.

    Raises:
        ServiceError: This key does not see the batch either.
    """
    if batch.error_code == VANISHED or batch.remote_batch_id is None:
        return
    if batch.key_fingerprint != context.key_fingerprint:
        context.gateway.retrieve_batch(batch.remote_batch_id)


def _ends_whole(path: Path) -> bool:
    """Whether the last line parses; reads from further back until it has the start of the line."""
    size = path.stat().st_size
    with path.open("rb") as source:
        reach = 64 * 1024
        while True:
            source.seek(max(size - reach, 0))
            tail = source.read()
            if reach >= size or b"\n" in tail.rstrip():
                return last_line_parses(tail)
            reach *= 8


@dataclass(frozen=True)
class Tariff:
    """The prices of answers: a price row and an exchange rate, either of which may be unknown."""

    pricing_id: UUID | None
    price: Price | None
    usd_eur: Decimal | None

    def cost(self, line: ResultLine) -> tuple[Cost | None, Decimal | None]:
        """Returns the cost of a line in dollars and euro; None where nothing was charged or a price is unknown."""
        if self.price is None or line.outcome not in PAID_OUTCOMES:
            return None, None
        cost = cost_of(line.usage, self.price, tier=charged_tier(line.service_tier, batch=True))
        return cost, None if cost is None else to_eur(cost.total_usd, self.usd_eur)


@dataclass
class LineCounts:
    """Counts over the lines; `hold_codes` has the service's first message for each code."""

    lines: int = 0
    succeeded: int = 0
    unreadable: int = 0
    unknown: int = 0
    hold_codes: dict[FailureKind, str] = field(default_factory=dict)


def result_rows(
    files: ResultFiles,
    subjects: Mapping[UUID, UUID],
    tariff: Tariff,
    counts: LineCounts,
    read_answer: AnswerReader,
    *,
    unreadable: bool = True,
) -> Iterator[tuple[Any, ...]]:
    """Yields a row for each line about one of our requests, counts all other lines, and adds to each file's evidence.

    An unreadable line of the output file is about the requests whose ids stand in it, since it may be a paid answer; without
    `unreadable` it is about none.
    """
    for name, path in files.paths.items():
        evidence = files.evidence[name]
        evidence.lines = evidence.unreadable = evidence.ours = 0
        with path.open("rb") as source:
            for raw in split_lines(iter(lambda source=source: source.read(_CHUNK), b"")):  # type: ignore[misc]
                for line in read_result_lines(raw, subjects if unreadable and name == "output" else ()):
                    counts.lines += 1
                    evidence.lines += 1
                    evidence.unreadable += line.unreadable
                    evidence.ours += _request_id(line.custom_id) in subjects
                    yield from _row(line, subjects, tariff, counts, read_answer)


def _request_id(custom_id: str | None) -> UUID | None:
    try:
        return UUID(custom_id) if custom_id else None
    except ValueError:
        return None


def _tier_flags(line: ResultLine) -> tuple[str, ...]:
    """A line that was not answered as a batch's lines are costs what its tier costs, and people are told."""
    return () if charged_tier(line.service_tier, batch=True) == BATCH else (OTHER_TIER,)


def _row(
    line: ResultLine,
    subjects: Mapping[UUID, UUID],
    tariff: Tariff,
    counts: LineCounts,
    read_answer: AnswerReader,
) -> Iterator[tuple[Any, ...]]:
    request_id = _request_id(line.custom_id)
    counts.unreadable += line.unreadable
    if request_id is None or request_id not in subjects:
        counts.unknown += not line.unreadable
        return
    judged = judge_line(line, str(subjects[request_id]), read_answer)
    if judged is None:
        return
    if line.hold_code is not None:
        counts.hold_codes.setdefault(line.hold_code, judged.error_message or line.hold_code)
    succeeded = is_success(line, judged)
    counts.succeeded += succeeded
    cost, eur = tariff.cost(line)
    usage = line.usage
    yield (
        counts.lines,
        judged.precedence,
        request_id,
        judged.outcome.value,
        succeeded,
        line.counted_release,
        storable(judged.error_code),
        judged.error_message,
        line.http_status,
        storable(line.finish_reason),
        storable(line.remote_request_id),
        storable(line.model),
        storable(line.service_tier),
        storable(line.system_fingerprint),
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.audio_tokens_prompt,
        usage.reasoning_tokens,
        usage.audio_tokens_completion,
        usage.accepted_prediction_tokens,
        usage.rejected_prediction_tokens,
        None if cost is None else cost.prompt_usd,
        None if cost is None else cost.completion_usd,
        None if cost is None else cost.total_usd,
        eur,
        judged.raw_answer,
        [*judged.flags, *_tier_flags(line)],
        judged.parsed_answer,
    )
