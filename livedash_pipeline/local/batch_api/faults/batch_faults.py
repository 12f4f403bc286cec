"""Applies the faults that struck a batch to its times, names, lines and validation.

Add here what a fault of a batch changes; the moves are in `runs.py`, the object that is shown in `batch_views.py`. Everything
follows from the batch's record, so that a server that starts again goes on misbehaving alike.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from pydantic import TypeAdapter

from livedash_pipeline.local.batch_api.batches.validation import Fault
from livedash_pipeline.local.batch_api.faults.fault_base import Base
from livedash_pipeline.local.batch_api.faults.fault_kinds import (
    Expire,
    FailValidation,
    LineFault,
    Stuck,
    TokenLimit,
    VanishBatch,
    VanishFile,
    VisibilityLag,
)
from livedash_pipeline.local.batch_api.faults.script import BoundFault, chosen, is_line_fault
from livedash_pipeline.local.batch_api.faults.shown_kinds import (
    HiddenBatch,
    MovesWhenRetrieved,
    OddValidation,
    RenamedId,
    RepeatedCreate,
)
from livedash_pipeline.local.batch_api.records import BatchRecord, FileRecord

_BOUND: TypeAdapter[tuple[BoundFault, ...]] = TypeAdapter(tuple[BoundFault, ...])
NEVER = 1e18
"""A time that does not come."""
_K = TypeVar("_K", bound=Base)


class BatchFaults:
    """The faults bound to one batch."""

    def __init__(self, bound: Sequence[BoundFault]) -> None:
        self._bound = bound
        self._of_lines = [each for each in bound if is_line_fault(each.fault)]

    def all(self, kind: type[_K]) -> list[_K]:
        """Returns the faults of a kind."""
        return [each.fault for each in self._bound if isinstance(each.fault, kind)]

    def stall(self, state: str) -> float:
        """Returns how many seconds of the clock longer a state lasts; infinite for one that is never left."""
        found = [fault for fault in self.all(Stuck) if fault.state == state]
        return sum(math.inf if fault.seconds is None else fault.seconds for fault in found)

    def expires_after(self, total: int) -> int | None:
        """Returns after how many of its lines the batch expires early; None for a batch that does not."""
        found = self.all(Expire)
        return math.ceil(found[0].share * total) if found else None

    def validation_faults(self) -> list[Fault]:
        """Returns what validation is to find."""
        return [Fault(each.code, each.message, each.param, each.line) for each in self.all(FailValidation)]

    @property
    def validated_at(self) -> str:
        """Returns when the input file is checked: at the `create`, or in time; or `never`."""
        return next((fault.at for fault in self.all(OddValidation)), "in time")

    @property
    def repeated(self) -> RepeatedCreate | None:
        """Returns the fault by which the batch is made twice, if there is one."""
        return next(iter(self.all(RepeatedCreate)), None)

    def token_limits(self, model: str | None) -> list[int]:
        """Returns the limits of enqueued tokens that hold for a batch with this model."""
        return [fault.limit for fault in self.all(TokenLimit) if fault.model in (None, model)]

    def of_line(self, batch_id: str, custom_id: str) -> LineFault | None:
        """Returns the first fault that strikes a line."""
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
        """Returns when the `output` or `error` file vanishes, if it does."""
        times = [ended + fault.after for fault in self.all(VanishFile) if fault.file in (kind, "both")]
        return min(times, default=None)


@lru_cache(maxsize=512)
def _parse(text: str) -> BatchFaults:
    return BatchFaults(_BOUND.validate_json(text) if text else ())


def faults_of(batch: BatchRecord) -> BatchFaults:
    """Returns the faults bound to a batch."""
    return _parse(batch.faults)


def bind(batch: BatchRecord, new: Sequence[BoundFault], now: float) -> None:
    """Adds faults to a batch's record."""
    if not new:
        return
    before = _BOUND.validate_json(batch.faults) if batch.faults else ()
    batch.faults = _BOUND.dump_json((*before, *new)).decode()
    hide(batch, [each.fault for each in new if isinstance(each.fault, VisibilityLag) and each.fault.of == "batch"], now)
    vanish = [batch.created_at + each.fault.after for each in new if isinstance(each.fault, VanishBatch)]
    if vanish:
        batch.vanishes_at = min(vanish)
    faults = BatchFaults(new)
    if faults.all(HiddenBatch):
        batch.listed_at = NEVER
    if faults.all(MovesWhenRetrieved):
        batch.snapshot = batch.document()
    for renamed in faults.all(RenamedId):
        batch.alias = f"{renamed.prefix}{batch.id}"


def answers_to(batch: BatchRecord, name: str) -> bool:
    """Whether a batch can be retrieved or cancelled under a name that is its id or its alias."""
    renamed = faults_of(batch).all(RenamedId)
    accepts = renamed[0].accepts if renamed else "own"
    return accepts == "both" or (name == batch.id) is (accepts == "own")


def hide(record: BatchRecord | FileRecord, lags: Sequence[VisibilityLag], now: float) -> None:
    """Makes a batch or file invisible for as long as the lags say, counted from `now`."""
    for lag in lags:
        if lag.on != "list":
            record.shown_at = now + lag.seconds
        if lag.on != "get":
            record.listed_at = now + lag.seconds


def hide_results(batch: BatchRecord, file: FileRecord, ended: float) -> None:
    """Makes a result file invisible for as long as its batch's lags say."""
    hide(file, [lag for lag in faults_of(batch).all(VisibilityLag) if lag.of == "result_files"], ended)
