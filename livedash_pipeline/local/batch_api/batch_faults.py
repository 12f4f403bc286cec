"""What the faults that struck a batch mean for it: times, counts, lines, and the object that is shown.

Add here what a fault of a batch changes; the moves themselves are in `runs.py`. Everything follows from the batch's record, so
that a server that starts again goes on misbehaving alike.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter

from livedash_pipeline.local.batch_api.fault_kinds import (
    Base,
    Dialect,
    Expire,
    FailValidation,
    LateOutputFile,
    LineFault,
    Stuck,
    TokenLimit,
    UnknownState,
    VanishBatch,
    VanishFile,
    VisibilityLag,
    WrongCounts,
)
from livedash_pipeline.local.batch_api.faults import BoundFault, chosen, is_line_fault
from livedash_pipeline.local.batch_api.records import ENDED, BatchRecord, FileRecord
from livedash_pipeline.local.batch_api.validation import Fault

_BOUND: TypeAdapter[tuple[BoundFault, ...]] = TypeAdapter(tuple[BoundFault, ...])
_TIMES = tuple(f"{word}_at" for word in ("created", "in_progress", "expires", "finalizing", *ENDED, "cancelling"))
_K = TypeVar("_K", bound=Base)


class BatchFaults:
    """The faults bound to one batch."""

    def __init__(self, bound: Sequence[BoundFault]) -> None:
        self._bound = bound
        self._of_lines = [each for each in bound if is_line_fault(each.fault)]

    def all(self, kind: type[_K]) -> list[_K]:
        """Return the faults of a kind."""
        return [each.fault for each in self._bound if isinstance(each.fault, kind)]

    def stall(self, state: str) -> float:
        """Return how many seconds of the clock longer a state lasts; infinite for one that is never left."""
        found = [fault for fault in self.all(Stuck) if fault.state == state]
        return sum(math.inf if fault.seconds is None else fault.seconds for fault in found)

    def expires_after(self, total: int) -> int | None:
        """Return after how many of its lines the batch expires early; None for a batch that does not."""
        found = self.all(Expire)
        return math.ceil(found[0].share * total) if found else None

    def validation_faults(self) -> list[Fault]:
        """Return what validation is to find."""
        return [Fault(each.code, each.message, each.param, each.line) for each in self.all(FailValidation)]

    def token_limits(self, model: str | None) -> list[int]:
        """Return the limits of enqueued tokens that hold for a batch with this model."""
        return [fault.limit for fault in self.all(TokenLimit) if fault.model in (None, model)]

    def of_line(self, batch_id: str, custom_id: str) -> LineFault | None:
        """Return the first fault that strikes a line."""
        for each in self._of_lines:
            match = each.fault.match
            if match.custom_id not in (None, custom_id):
                continue
            if chosen(match.share, each.seed, each.number, batch_id, custom_id) and isinstance(each.fault, LineFault):
                return each.fault
        return None

    @property
    def strike_lines(self) -> bool:
        """Whether any line can be struck at all."""
        return bool(self._of_lines)

    def vanishes(self, kind: str, ended: float) -> float | None:
        """Return when the `output` or `error` file vanishes, if it does."""
        times = [ended + fault.after for fault in self.all(VanishFile) if fault.file in (kind, "both")]
        return min(times, default=None)


@lru_cache(maxsize=512)
def _parse(text: str) -> BatchFaults:
    return BatchFaults(_BOUND.validate_json(text) if text else ())


def faults_of(batch: BatchRecord) -> BatchFaults:
    """Return the faults bound to a batch."""
    return _parse(batch.faults)


def bind(batch: BatchRecord, new: Sequence[BoundFault], now: float) -> None:
    """Add faults to a batch's record."""
    if not new:
        return
    before = _BOUND.validate_json(batch.faults) if batch.faults else ()
    batch.faults = _BOUND.dump_json((*before, *new)).decode()
    hide(batch, [each.fault for each in new if isinstance(each.fault, VisibilityLag) and each.fault.of == "batch"], now)
    vanish = [batch.created_at + each.fault.after for each in new if isinstance(each.fault, VanishBatch)]
    if vanish:
        batch.vanishes_at = min(vanish)


def hide(record: BatchRecord | FileRecord, lags: Sequence[VisibilityLag], now: float) -> None:
    """Make a batch or file invisible for as long as the lags say, counted from `now`."""
    for lag in lags:
        if lag.on != "list":
            record.shown_at = now + lag.seconds
        if lag.on != "get":
            record.listed_at = now + lag.seconds


def hide_results(batch: BatchRecord, file: FileRecord, ended: float) -> None:
    """Make a result file invisible for as long as its batch's lags say."""
    hide(file, [lag for lag in faults_of(batch).all(VisibilityLag) if lag.of == "result_files"], ended)


def show_batch(batch: BatchRecord, now: float) -> dict[str, Any]:
    """Return the Batch object as the faults distort it."""
    document = batch.document()
    if not batch.faults:
        return document
    faults = faults_of(batch)
    for wrong in faults.all(WrongCounts):
        document["request_counts"] = _wrong_counts(document["request_counts"], wrong)
    ended = batch.completed_at or batch.expired_at or batch.cancelled_at
    if any(late.seconds is None or now < (ended or now) + late.seconds for late in faults.all(LateOutputFile)):
        document["output_file_id"] = None
    for unknown in faults.all(UnknownState):
        lasts = math.inf if unknown.seconds is None else unknown.seconds
        if batch.status not in ENDED and now < batch.created_at + lasts:
            document["status"] = unknown.word
    for dialect in faults.all(Dialect):
        _speak(document, dialect)
    return document


def show_file(file: FileRecord) -> dict[str, Any]:
    """Return the File object, its creation time as its faults write it."""
    document = file.document()
    document["created_at"] = write_time(document["created_at"], file.time_format)
    return document


def write_time(seconds: int | None, time_format: str) -> int | str | None:
    """Return a time as the dialect `time_format` writes it."""
    if seconds is None or time_format == "seconds":
        return seconds
    if time_format == "milliseconds":
        return seconds * 1000
    return str(seconds) if time_format == "string" else datetime.fromtimestamp(seconds, UTC).isoformat()


def _wrong_counts(counts: dict[str, int], wrong: WrongCounts) -> dict[str, int]:
    if wrong.all_completed:
        counts = {**counts, "completed": counts["completed"] + counts["failed"], "failed": 0}
    return {name: max(0, count + getattr(wrong, f"{name}_by")) for name, count in counts.items()}


def _speak(document: dict[str, Any], dialect: Dialect) -> None:
    if dialect.upper_case_states:
        document["status"] = document["status"].upper()
    if dialect.empty_ids:
        for name in ("output_file_id", "error_file_id"):
            document[name] = document[name] or ""
    if dialect.null_counts:
        document["request_counts"] = None
    for name in _TIMES:
        document[name] = write_time(document[name], dialect.time_format)
