"""The life of a batch: `BatchRuns.advance` moves every batch to where the clock says it is.

Add a state or a step here. Durations are in `pace.py`, what happens to lines in `line_runs.py`. Every step computes first
and then writes the record in one transaction, so that a process killed in between repeats the step: result files are cut back
to their recorded length, and a line run again gives the same bytes.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.batches.enqueued import count_enqueued, over_limit
from livedash_pipeline.local.batch_api.batches.line_runs import Answering, LineRuns
from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.batches.validation import (
    MAX_FILE_BYTES,
    CheckedRequests,
    Fault,
    check_requests,
    missing_file,
    split_faults,
    too_large,
)
from livedash_pipeline.local.batch_api.faults.batch_faults import BatchFaults, bind, faults_of, hide_results
from livedash_pipeline.local.batch_api.faults.fault_kinds import EmptyErrorFile, SplitLines
from livedash_pipeline.local.batch_api.faults.lenience import mend_requests
from livedash_pipeline.local.batch_api.faults.script import BoundFault, is_batch_fault
from livedash_pipeline.local.batch_api.journal import Entry, Journal
from livedash_pipeline.local.batch_api.records import BatchRecord, FileRecord
from livedash_pipeline.local.batch_api.store import Store
from livedash_pipeline.local.private_files import open_private

RESULT_SECONDS = 2_592_000
"""How long result files are kept when the batch does not say: 30 days."""


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

    def __init__(self, store: Store, catalogue: Catalogue, pace: Pace, journal: Journal, answering: Answering) -> None:
        self._store = store
        self._catalogue = catalogue
        self._pace = pace
        self._journal = journal
        self._lines = LineRuns(store, journal, answering)
        self._working = threading.Lock()
        self._steps: dict[str, Callable[[BatchRecord, float, _Budget], bool]] = {
            "validating": self._validate,
            "in_progress": self._run,
            "finalizing": self._finalize,
            "cancelling": self._cancel,
        }

    def advance(self, now: float, *, lines: int | None = None, patience: float = 0.1) -> None:
        """Brings every batch to its state at `now`.

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
        """Does one step of one batch if it is due; returns whether it was."""
        batch = self._store.batch(batch_id)
        step = self._steps.get(batch.status) if batch else None
        return step(batch, now, budget) if batch and step else False

    def _window_end(self, batch: BatchRecord) -> float:
        return batch.created_at + self._pace.window()

    def _lasts(self, batch: BatchRecord, state: str, simulated: float) -> float:
        """Returns how many seconds of the clock a state lasts, faults included."""
        return self._pace.seconds(simulated) + faults_of(batch).stall(state)

    def _validate(self, batch: BatchRecord, now: float, budget: _Budget) -> bool:
        lasts = self._lasts(batch, "validating", self._pace.validating)
        due = min(batch.created_at + lasts, self._window_end(batch))
        file = self._store.file(batch.input_file_id)
        cost = file.bytes // 4096 if file else 0
        if now < due or budget.take(cost) < cost:
            return False
        checked = self._check(batch, file)
        model = self._catalogue.get(checked.model)
        snapshot = model.snapshot if model else None
        faults = checked.faults or self._commanded_faults(batch, snapshot)
        if faults:
            changes = {"failed_at": due, "errors": [fault.document() for fault in faults]}
            self._end(batch, "failed", due, changes)
            self._store.drop_work(batch.id)
            return True
        # The lines run in an order of their own, and so are written: 8 bytes a line, the offset in the input file.
        order = checked.offsets
        random.Random(batch.id).shuffle(order)  # noqa: S311 -- repeatable on purpose
        with open_private(self._store.work_path(batch.id, "order"), "wb") as stream:
            stream.write(order.tobytes())
        self._move(batch, status="in_progress", in_progress_at=due, total=len(order), model=snapshot)
        return True

    def check(self, batch: BatchRecord) -> list[Fault]:
        """Returns the fault of an input file before its batch is created; keeps nothing of the check."""
        try:
            return self._check(batch, self._store.file(batch.input_file_id)).faults
        finally:
            self._store.drop_work(batch.id)

    def _check(self, batch: BatchRecord, file: FileRecord | None) -> CheckedRequests:
        if file is None or file.purpose != "batch":
            return CheckedRequests([missing_file(batch.input_file_id)])
        if file.bytes > MAX_FILE_BYTES:
            return CheckedRequests([too_large()])
        try:
            kept = self._store.keep_input(batch)
        except FileNotFoundError:  # deleted by another thread since it was looked up
            return CheckedRequests([missing_file(batch.input_file_id)])
        if faults_of(batch).validated_at == "never":
            mend_requests(kept, batch.endpoint, self._catalogue)
        with kept.open("rb") as stream:
            return check_requests(stream, batch.endpoint, self._catalogue)

    def _commanded_faults(self, batch: BatchRecord, model: str | None) -> list[Fault]:
        """Returns what a fault script finds wrong with a batch whose file is good."""
        found = faults_of(batch).validation_faults()
        if faults_of(batch).all(SplitLines):
            found += split_faults(self._store.work_path(batch.id, "input").read_bytes())
        limits = faults_of(batch).token_limits(model)
        if found or not limits or model is None:
            return found
        others = (self._store.batch(other) for other in self._store.live_batches())
        queue = [other for other in others if other and other.model == model and other.status != "validating"]
        enqueued = self._enqueued(batch) + sum(self._enqueued(other) for other in queue)
        return [over_limit(model, min(limits))] if enqueued > min(limits) else []

    def _enqueued(self, batch: BatchRecord) -> int:
        """Returns the prompt tokens of a batch, counted at the first time that somebody asks."""
        if batch.enqueued_tokens is None:
            with self._store.work_path(batch.id, "input").open("rb") as stream:
                batch.enqueued_tokens = count_enqueued(stream, self._catalogue)
            self._store.change_batch(batch.id, {"enqueued_tokens": batch.enqueued_tokens})
        return batch.enqueued_tokens

    def _run(self, batch: BatchRecord, now: float, budget: _Budget) -> bool:
        due, end, expiry = self._timetable(batch, now)
        if batch.position < due:
            # What is looked at late ran while the batch did.
            ran = now if self._lines.answering.takes_time else min(now, end, expiry)
            return self._answer(batch, due, budget, ran)
        if batch.position == batch.total and end <= min(now, expiry):
            at = now if self._lines.answering.takes_time else end
            self._move(batch, status="finalizing", finalizing_at=at)
            return True
        if now < expiry:
            return False
        if batch.position < batch.total:
            return self._skip(batch, "batch_expired", budget)
        self._finish(batch, expiry, "expired", expired_at=expiry)
        return True

    def _timetable(self, batch: BatchRecord, now: float) -> tuple[int, float, float]:
        """Returns how many lines are due at `now`, when finalizing begins, and when the batch expires otherwise."""
        started, running = batch.in_progress_at or 0.0, self._pace.running(batch.total)
        window_end = self._window_end(batch)
        due = self._pace.lines_due(batch.total, started, min(now, window_end))
        limit = faults_of(batch).expires_after(batch.total)
        if limit is None:
            return due, started + running + faults_of(batch).stall("in_progress"), window_end
        early = min(window_end, started + running * limit / batch.total)
        # At the early end all that may run is due; the share of the time could round to one line less.
        return (limit if early <= now and early < window_end else min(due, limit)), float("inf"), early

    def _finalize(self, batch: BatchRecord, now: float, _budget: _Budget) -> bool:
        due = (batch.finalizing_at or 0.0) + self._lasts(batch, "finalizing", self._pace.finalizing)
        if now < due:
            return False
        self._finish(batch, due, "completed", completed_at=due)
        return True

    def _cancel(self, batch: BatchRecord, now: float, budget: _Budget) -> bool:
        due = (batch.cancelling_at or 0.0) + self._lasts(batch, "cancelling", self._pace.cancelling)
        if now < due:
            return False
        if batch.position < batch.total:
            return self._skip(batch, "batch_cancelled", budget)
        self._finish(batch, due, "cancelled", cancelled_at=due)
        return True

    def _answer(self, batch: BatchRecord, due: int, budget: _Budget, at: float) -> bool:
        count = budget.take(min(due - batch.position, self._lines.answering.at_once))
        if count:
            self._lines.answer(batch, count, at)
        return count > 0

    def _skip(self, batch: BatchRecord, code: str, budget: _Budget) -> bool:
        count = budget.take(min(batch.total - batch.position, 128))
        if count:
            self._lines.skip(batch, count, code)
        return count > 0

    def _finish(self, batch: BatchRecord, at: float, status: str, **changes: Any) -> None:
        """Ends a batch that has run: its result files appear in the same transaction as its last state."""
        with self._store.transaction():
            current = self._store.batch(batch.id)
            if current is None or current.status != batch.status:  # a cancel has come between
                return
            for kind, file_id, length in (
                ("output", batch.output_file, batch.output_bytes),
                ("error", batch.error_file, batch.error_bytes),
            ):
                if length or (kind == "error" and faults_of(batch).all(EmptyErrorFile)):
                    self._add_result_file(batch, kind, file_id, length, at)
                    changes[f"{kind}_file_id"] = file_id
                else:
                    self._store.content_path(file_id).unlink(missing_ok=True)
            self._end(batch, status, at, changes)
        self._store.drop_work(batch.id)

    def _add_result_file(self, batch: BatchRecord, kind: str, file_id: str, length: int, at: float) -> None:
        self._store.content_path(file_id).touch()
        kept = batch.output_expires_seconds or RESULT_SECONDS
        file = FileRecord(file_id, f"{batch.id}_{kind}.jsonl", "batch_output", length, at, at + kept)
        file.vanishes_at = faults_of(batch).vanishes(kind, at)
        hide_results(batch, file, at)
        self._store.add_file(file)

    def strike(self, new: BoundFault, now: float) -> bool:
        """Binds a fault to the batch that it names; returns whether there is one. What has ended already is only hidden."""
        named = new.fault.match.batch_id
        if named is None or not is_batch_fault(new.fault):
            return False
        with self._store.transaction():
            batch = self._store.batch(named)
            if batch is None:
                return False
            bind(batch, [new], now)
            self._store.save_batch(batch)
            for kind, file_id in (("output", batch.output_file_id), ("error", batch.error_file_id)):
                file = self._store.file(file_id) if file_id else None
                at = BatchFaults([new]).vanishes(kind, now)
                if file and at is not None:
                    file.vanishes_at = at
                    self._store.save_file(file)
        return True

    def _end(self, batch: BatchRecord, status: str, at: float, changes: dict[str, Any]) -> None:
        """Writes the last state and tells the journal, unless a cancel has come between."""
        with self._store.transaction():
            if self._store.change_batch(batch.id, {**changes, "status": status}, while_in=batch.status):
                self._journal.add(Entry("end_batch", batch.id, batch.input_file_id, detail=status), at)

    def _move(self, batch: BatchRecord, **changes: Any) -> None:
        """Writes changes if the batch is still in the state they were computed for; a cancel may have come between."""
        self._store.change_batch(batch.id, changes, while_in=batch.status)
