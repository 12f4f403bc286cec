"""Running lines of a batch: read in the batch's own order, answered, struck by faults, written, counted and billed.

Add here what happens to every line. What one line's result looks like is in `line_results.py`, when lines run in `runs.py`.
"""

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count as count_from
from typing import Any, BinaryIO

from livedash_pipeline.local.batch_api.batches.line_results import (
    Answer,
    LinePlace,
    LineResult,
    read_request,
    run_line,
    skip_line,
)
from livedash_pipeline.local.batch_api.batches.lines import MAX_LINE_BYTES
from livedash_pipeline.local.batch_api.faults.batch_faults import faults_of
from livedash_pipeline.local.batch_api.faults.line_faults import run_faulty
from livedash_pipeline.local.batch_api.journal import BilledLine, Journal, billed_line
from livedash_pipeline.local.batch_api.records import BatchRecord
from livedash_pipeline.local.batch_api.store import Store
from livedash_pipeline.local.private_files import open_private

_CHUNK_LINES = 128
_PROGRESS = ("position", "completed", "failed", "output_bytes", "error_bytes")
_TOKENS = ("input_tokens", "output_tokens", "reasoning_tokens")

_Place = tuple[bytes, LinePlace]
RunLine = Callable[[_Place], LineResult]
RunLines = Callable[[RunLine, Iterable[_Place]], Iterator[LineResult]]


@dataclass(frozen=True)
class Answering:
    """Who answers lines, and how.

    Attributes:
        answer: answers one request.
        run_lines: gets the results of several lines in their order; `map`, or something that does several at once.
        at_once: how many lines are run before their results are recorded; a process killed meanwhile runs them again.
        takes_time: whether answers take time of their own, so that a batch ends when they are there.
    """

    answer: Answer
    run_lines: RunLines = map
    at_once: int = _CHUNK_LINES
    takes_time: bool = False


class LineRuns:
    """Runs the next lines of a batch; one thread at a time."""

    def __init__(self, store: Store, journal: Journal, answering: Answering) -> None:
        self._store = store
        self._journal = journal
        self.answering = answering

    def answer(self, batch: BatchRecord, count: int, at: float) -> None:
        """Runs the next `count` lines of the batch's order, which are billed at a time."""
        faults, created = faults_of(batch), int(batch.in_progress_at or 0)

        def run(placed: _Place) -> LineResult:
            line, place = placed

            def properly() -> LineResult:
                return run_line(line, place, batch.endpoint, self.answering.answer, created)

            if not faults.strike_lines:
                return properly()
            fault = faults.of_line(batch.id, read_request(line)["custom_id"])
            return properly() if fault is None else run_faulty(line, place, fault, properly)

        self._write(batch, count, lambda placed: self.answering.run_lines(run, placed), at)

    def skip(self, batch: BatchRecord, count: int, code: str) -> None:
        """Reports the next `count` lines of the batch's order as never run; `code` says why."""
        self._write(batch, count, lambda placed: (skip_line(line, place, code) for line, place in placed), 0.0)

    def _write(
        self, batch: BatchRecord, count: int, run: Callable[[Iterable[_Place]], Iterable[LineResult]], at: float
    ) -> None:
        """Appends the results of the next lines, and records how far it got and what it costs."""
        billed: list[BilledLine] = []
        with ExitStack() as opened:
            source = opened.enter_context(self._store.work_path(batch.id, "input").open("rb"))
            order = opened.enter_context(self._store.work_path(batch.id, "order").open("rb"))
            output = opened.enter_context(self._append(batch.output_file, batch.output_bytes))
            errors = opened.enter_context(self._append(batch.error_file, batch.error_bytes))
            order.seek(8 * batch.position)
            for result in run(_read(source, array("Q", order.read(8 * count)), batch)):
                succeeded, failed = result.files()
                _count(batch, result, output.write(succeeded), errors.write(failed))
                if result.usage is not None:
                    billed.append(billed_line(result.custom_id, result.usage))
                    _add_usage(batch, billed[-1])
        changes: dict[str, Any] = {name: getattr(batch, name) for name in (*_PROGRESS, *_TOKENS)}
        with self._store.transaction():
            self._store.change_batch(batch.id, changes)
            self._journal.bill(batch.id, billed, model=batch.model, at=at)

    def _append(self, file_id: str, length: int) -> BinaryIO:
        """Opens a result file for appending behind its recorded length."""
        stream = open_private(self._store.content_path(file_id), "ab")
        os.truncate(stream.fileno(), length)
        return stream


def _read(source: BinaryIO, offsets: Iterable[int], batch: BatchRecord) -> Iterator[_Place]:
    """Yields lines with their places; the positions are fixed before the results move the batch's own."""
    for position, offset in zip(count_from(batch.position), offsets, strict=False):
        source.seek(offset)
        yield source.readline(MAX_LINE_BYTES + 1), LinePlace(batch.id, position)


def _count(batch: BatchRecord, result: LineResult, output_bytes: int, error_bytes: int) -> None:
    """Enters one result into the batch's counts; a line that never ran is neither completed nor failed."""
    batch.position += 1
    batch.output_bytes += output_bytes
    batch.error_bytes += error_bytes
    if result.succeeded:
        batch.completed += 1
    else:
        batch.failed += result.document["response"] is not None


def _add_usage(batch: BatchRecord, line: BilledLine) -> None:
    batch.input_tokens += line.input_tokens
    batch.output_tokens += line.output_tokens
    batch.reasoning_tokens += line.reasoning_tokens
