"""Decides which fault strikes now: keeps the installed faults with their counters, and is asked once per call, file and batch.

Nothing is added here for a new kind of fault. Counters live in memory: a server that starts again begins its script anew,
while what has been bound to a batch stays with the batch.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.local.batch_api.faults.fault_kinds import CallFault, Dialect, FaultKind, VisibilityLag
from livedash_pipeline.local.batch_api.faults.script import (
    BoundFault,
    FaultScript,
    chosen,
    is_batch_fault,
    is_call_fault,
    is_line_fault,
    is_upload_fault,
)
from livedash_pipeline.local.batch_api.faults.shown_kinds import ListingFault, OddValidation, SurvivingInput


@dataclass(frozen=True)
class Call:
    """One call: its operation as in `app.py`, the batch and file that it is about, and the metadata that a create sends."""

    operation: str
    batch_id: str | None = None
    file_id: str | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StruckListing:
    """A fault that strikes a call of the listing, as the `number`-th that it struck, with the seed of its script."""

    fault: ListingFault
    seed: int
    number: int


UploadFault = VisibilityLag | Dialect | SurvivingInput | OddValidation


@dataclass
class _Installed:
    """A fault and its counters: what fitted its match, and what it struck."""

    bound: BoundFault
    fitted: int = 0
    struck: int = 0

    def may_strike(self) -> bool:
        """Counts one more that fits, and returns whether it is one of those to strike."""
        self.fitted += 1
        match, times = self.bound.fault.match, self.bound.fault.times
        if match.nth not in (None, self.fitted) or (times is not None and self.struck >= times):
            return False
        share = None if is_line_fault(self.bound.fault) else match.share
        return chosen(share, self.bound.seed, self.bound.number, self.fitted)


class FaultDesk:
    """The faults that are installed; safe to share between threads."""

    def __init__(self, script: FaultScript | None = None) -> None:
        self._lock = threading.Lock()
        self._installed: list[_Installed] = []
        if script is not None:
            self.install(script)

    def install(self, script: FaultScript, *, replace: bool = False) -> list[BoundFault]:
        """Adds a script's faults behind those there are, or in their place, and returns them."""
        with self._lock:
            if replace:
                self._installed = []
            number = len(self._installed)
            new = [
                BoundFault(fault=fault, seed=script.seed, number=index)
                for index, fault in enumerate(script.faults, start=number)
            ]
            self._installed += map(_Installed, new)
        return new

    def count_strike(self, bound: BoundFault) -> None:
        """Counts a fault that was bound by name to a batch that existed before it."""
        with self._lock:
            for each in self._installed:
                each.struck += each.bound is bound

    def document(self) -> dict[str, Any]:
        """Returns what is installed and how often each fault has struck."""
        with self._lock:
            return {
                "faults": [
                    {**each.bound.fault.model_dump(), "seed": each.bound.seed, "struck": each.struck}
                    for each in self._installed
                ]
            }

    def for_call(self, call: Call) -> CallFault | None:
        """Returns the fault that strikes a call; called once for each."""
        found: CallFault | None = None
        with self._lock:
            for each in self._fitting(call, is_call_fault):
                if isinstance(each.bound.fault, CallFault) and each.may_strike() and found is None:
                    found = each.bound.fault
                    each.struck += 1
        return found

    def for_batch(
        self, batch_id: str, input_file_id: str, metadata: Mapping[str, Any] | None = None
    ) -> list[BoundFault]:
        """Returns the faults of a new batch and of its lines; called once for each."""
        found = []
        with self._lock:
            for each in self._fitting(Call("create_batch", batch_id, input_file_id, metadata), is_batch_fault):
                if each.may_strike():
                    each.struck += 1
                    found.append(each.bound)
        return found

    def for_upload(self, file_id: str) -> list[UploadFault]:
        """Returns the faults of a new input file; called once for each. Those of a dialect are not used up by it."""
        found: list[UploadFault] = []
        with self._lock:
            for each in self._fitting(Call("upload_file", None, file_id), lambda _fault: True):
                fault = each.bound.fault
                if isinstance(fault, Dialect) and fault.match.nth is None:
                    found.append(fault)
                if isinstance(fault, UploadFault) and is_upload_fault(fault) and each.may_strike():
                    each.struck += 1
                    found.append(fault)
        return found

    def for_listing(self) -> list[StruckListing]:
        """Returns the faults that strike a call of `list_batches`; called once for each."""
        found: list[StruckListing] = []
        with self._lock:
            for each in self._installed:
                fault = each.bound.fault
                if isinstance(fault, ListingFault) and each.may_strike():
                    each.struck += 1
                    found.append(StruckListing(fault, each.bound.seed, each.struck))
        return found

    def _fitting(self, call: Call, is_kind: Callable[[FaultKind], bool]) -> Iterator[_Installed]:
        for each in self._installed:
            fault = each.bound.fault
            if not is_kind(fault) or getattr(fault, "operation", "any") not in ("any", call.operation):
                continue
            match = fault.match
            if match.batch_id not in (None, call.batch_id) or match.file_id not in (None, call.file_id):
                continue
            if match.metadata is None or match.metadata.items() <= (call.metadata or {}).items():
                yield each
