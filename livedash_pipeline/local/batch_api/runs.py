"""The life of a batch: `BatchRuns.advance` moves every batch to where the clock says it is.

Add a state or a step here. Durations are in `pace.py`, the words of the files in `line_results.py`. Every step computes first
and then writes the record in one transaction, so that a process killed in between repeats the step: result files are cut back
to their recorded length, and a line run again gives the same bytes.
"""

import os
import random
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count as count_from
from typing import Any, BinaryIO

from livedash_pipeline.local.batch_api.batch_faults import BatchFaults, faults_of, hide_results
from livedash_pipeline.local.batch_api.catalogue import Catalogue
from livedash_pipeline.local.batch_api.enqueued import count_enqueued, over_limit
from livedash_pipeline.local.batch_api.fault_kinds import EmptyErrorFile
from livedash_pipeline.local.batch_api.journal import BilledLine, Entry, Journal, billed_line
from livedash_pipeline.local.batch_api.line_faults import run_faulty
from livedash_pipeline.local.batch_api.line_results import Answer, LinePlace, LineResult, read_request, run_line, skip_line
from livedash_pipeline.local.batch_api.lines import MAX_LINE_BYTES, write_line
from livedash_pipeline.local.batch_api.pace import Pace
from livedash_pipeline.local.batch_api.records import BatchRecord, FileRecord
from livedash_pipeline.local.batch_api.store import Store
from livedash_pipeline.local.batch_api.validation import (
    MAX_FILE_BYTES,
    CheckedRequests,
    check_requests,
    missing_file,
    too_large,
)

RESULT_SECONDS = 2_592_000
"""How long result files are kept when the batch does not say: 30 days."""

_CHUNK_LINES = 128
_PROGRESS = ("position", "completed", "failed", "output_bytes", "error_bytes")
_TOKENS = ("input_tokens", "output_tokens", "reasoning_tokens")

RunLine = Callable[[bytes, LinePlace, BatchRecord], LineResult]


@dataclass
class _Budget:
    """Lines that one look may still process; None for as many as are due."""

    lines: int | None

    def take(self, wanted: int) -> int:
        if self.lines is None:
            return wanted
        taken = min(wanted, self.lines)
        self.lines -= taken
        return taken


class BatchRuns:
    """Moves batches; safe to call from several threads, of which one works at a time."""

    def __init__(self, store: Store, catalogue: Catalogue, pace: Pace) -> None:
        self._store = store
        self._catalogue = catalogue
        self._pace = pace
        self._working = threading.Lock()
        self._steps: dict[str, Callable[[BatchRecord, float, _Budget], bool]] = {
            "validating": self._validate,
            "in_progress": self._run,
            "finalizing": self._finalize,
            "cancelling": self._cancel,
        }

    def advance(self, now: float, *, lines: int | None = None, patience: float = 0.1) -> None:
        """Bring every batch to its state at `now`.

        Args:
            now: the clock, in seconds.
            lines: how many lines to process at most; what is left is due at the next call.
            patience: how many seconds to wait for another thread that is at it; after them the call does nothing.
        """
        if not self._working.acquire(timeout=patience):
            return
        try:
            budget = _Budget(lines)
            moving = self._store.live_batches()
            while moving:  # one step each in turn, so that a large batch does not hold up the others
                moving = [batch_id for batch_id in moving if self._step(batch_id, now, budget)]
        finally:
            self._working.release()

    def _step(self, batch_id: str, now: float, budget: _Budget) -> bool:
        """Do one step of one batch if it is due; return whether it was."""
        batch = self._store.batch(batch_id)
        step = self._steps.get(batch.status) if batch else None
        return step(batch, now, budget) if batch and step else False

    def _expiry(self, batch: BatchRecord) -> float:
        return batch.created_at + self._pace.window()

    def _validate(self, batch: BatchRecord, now: float, budget: _Budget) -> bool:
        due = min(batch.created_at + self._pace.seconds(self._pace.validating), self._expiry(batch))
        file = self._store.file(batch.input_file_id)
        cost = file.bytes // 4096 if file else 0
        if now < due or budget.take(cost) < cost:
            return False
        checked = self._check(batch, file)
        if checked.faults:
            faults = [fault.document() for fault in checked.faults]
            self._move(batch, status="failed", failed_at=due, errors=faults)
            self._store.drop_work(batch.id)
            return True
        # The lines run in an order of their own, and so are written: 8 bytes a line, the offset in the input file.
        order = checked.offsets
        random.Random(batch.id).shuffle(order)  # noqa: S311 -- repeatable on purpose
        self._store.work_path(batch.id, "order").write_bytes(order.tobytes())
        model = self._catalogue.get(checked.model)
        snapshot = model.snapshot if model else None
        self._move(batch, status="in_progress", in_progress_at=due, total=len(order), model=snapshot)
        return True

    def _check(self, batch: BatchRecord, file: FileRecord | None) -> CheckedRequests:
        if file is None or file.purpose != "batch":
            return CheckedRequests([missing_file(batch.input_file_id)])
        if file.bytes > MAX_FILE_BYTES:
            return CheckedRequests([too_large()])
        try:
            kept = self._store.keep_input(batch)
        except FileNotFoundError:  # deleted by another thread since it was looked up
            return CheckedRequests([missing_file(batch.input_file_id)])
        with kept.open("rb") as stream:
            return check_requests(stream, batch.endpoint, self._catalogue)

    def _run(self, batch: BatchRecord, now: float, budget: _Budget) -> bool:
        started = batch.in_progress_at or 0.0
        expiry = self._expiry(batch)
        due = self._pace.lines_due(batch.total, started, min(now, expiry))
        if batch.position < due:
            return self._process(batch, due, budget, self._answer)
        end = started + self._pace.running(batch.total)
        if batch.position == batch.total and end <= min(now, expiry):
            self._move(batch, status="finalizing", finalizing_at=end)
            return True
        if now < expiry:
            return False
        if batch.position < batch.total:
            return self._process(batch, batch.total, budget, _not_run("batch_expired"))
        self._finish(batch, expiry, status="expired", expired_at=expiry)
        return True

    def _finalize(self, batch: BatchRecord, now: float, _budget: _Budget) -> bool:
        due = (batch.finalizing_at or 0.0) + self._pace.seconds(self._pace.finalizing)
        if now < due:
            return False
        self._finish(batch, due, status="completed", completed_at=due)
        return True

    def _cancel(self, batch: BatchRecord, now: float, budget: _Budget) -> bool:
        due = (batch.cancelling_at or 0.0) + self._pace.seconds(self._pace.cancelling)
        if now < due:
            return False
        if batch.position < batch.total:
            return self._process(batch, batch.total, budget, _not_run("batch_cancelled"))
        self._finish(batch, due, status="cancelled", cancelled_at=due)
        return True

    def _answer(self, line: bytes, place: LinePlace, batch: BatchRecord) -> LineResult:
        return run_line(line, place, batch.endpoint, self._catalogue, int(batch.in_progress_at or 0))

    def _process(self, batch: BatchRecord, due: int, budget: _Budget, run: RunLine) -> bool:
        """Run the next lines of the order, append their results, and record how far it got."""
        count = budget.take(min(due - batch.position, _CHUNK_LINES))
        if count == 0:
            return False
        with ExitStack() as opened:
            source = opened.enter_context(self._store.work_path(batch.id, "input").open("rb"))
            order = opened.enter_context(self._store.work_path(batch.id, "order").open("rb"))
            output = opened.enter_context(self._append(batch.output_file, batch.output_bytes))
            errors = opened.enter_context(self._append(batch.error_file, batch.error_bytes))
            order.seek(8 * batch.position)
            for offset in array("Q", order.read(8 * count)):
                source.seek(offset)
                line = source.readline(MAX_LINE_BYTES + 1)
                result = run(line, LinePlace(batch.id, batch.position), batch)
                written = (output if result.succeeded else errors).write(write_line(result.document))
                _count(batch, result, written)
        self._move(batch, **{name: getattr(batch, name) for name in (*_PROGRESS, *_TOKENS)}, any_status=True)
        return True

    def _append(self, file_id: str, length: int) -> BinaryIO:
        """Open a result file for appending behind its recorded length."""
        stream = self._store.content_path(file_id).open("ab")
        os.truncate(stream.fileno(), length)
        return stream

    def _finish(self, batch: BatchRecord, at: float, **changes: Any) -> None:
        """End a batch: its result files appear in the same transaction as its last state."""
        kept = batch.output_expires_seconds or RESULT_SECONDS
        with self._store.transaction():
            for kind, file_id, length in (
                ("output", batch.output_file, batch.output_bytes),
                ("error", batch.error_file, batch.error_bytes),
            ):
                if length:
                    name = f"{batch.id}_{kind}.jsonl"
                    self._store.add_file(FileRecord(file_id, name, "batch_output", length, at, at + kept))
                    changes[f"{kind}_file_id"] = file_id
                else:
                    self._store.content_path(file_id).unlink(missing_ok=True)
            self._move(batch, **changes)
        self._store.drop_work(batch.id)

    def _move(self, batch: BatchRecord, *, any_status: bool = False, **changes: Any) -> None:
        """Write changes if the batch is still in the state they were computed for; a cancel may have come between."""
        with self._store.transaction():
            current = self._store.batch(batch.id)
            if current is None or not (any_status or current.status == batch.status):
                return
            for name, value in changes.items():
                setattr(current, name, value)
            self._store.save_batch(current)


def _not_run(code: str) -> RunLine:
    return lambda line, place, _batch: skip_line(line, place, code)


def _count(batch: BatchRecord, result: LineResult, written: int) -> None:
    """Enter one result into the batch's counts; a line that never ran is neither completed nor failed."""
    batch.position += 1
    if result.succeeded:
        batch.completed += 1
        batch.output_bytes += written
    else:
        batch.failed += result.document["response"] is not None
        batch.error_bytes += written
    if result.usage is not None:
        batch.input_tokens += result.usage["prompt_tokens"]
        batch.output_tokens += result.usage["completion_tokens"]
        batch.reasoning_tokens += result.usage["completion_tokens_details"]["reasoning_tokens"]
