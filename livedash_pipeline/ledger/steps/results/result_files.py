"""Fetches a batch's two result files, and knows what can be said of them as a whole.

`ledger.steps.results.result_rows` reads their lines; `ledger.steps.results.ingest` decides whether the files are whole, and
settles.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.ledger.rules.results.judgement import VANISHED
from livedash_pipeline.ledger.rules.results.result_evidence import FileEvidence, content_fault, is_sized, transfer_fault
from livedash_pipeline.ledger.rules.results.result_lines import ResultLine, last_line_parses
from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.results.short_downloads import may_still_show
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from livedash_pipeline.money.rules.pricing import Cost, Price, charged_tier, cost_of, to_eur
from livedash_pipeline.services.errors import ServiceError


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
        return self.cost_of(line.usage, line.service_tier) if line.outcome in PAID_OUTCOMES else (None, None)

    def cost_of(self, usage: TokenUsage, service_tier: str | None) -> tuple[Cost | None, Decimal | None]:
        """Returns the cost of an answer that was charged, from what it says of itself; None where a price is unknown."""
        if self.price is None:
            return None, None
        cost = cost_of(usage, self.price, tier=charged_tier(service_tier, batch=True))
        return cost, None if cost is None else to_eur(cost.total_usd, self.usd_eur)
