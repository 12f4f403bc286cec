"""Making batches: the record of a new one, what a fault script binds to it, and creates that make two.

Add here what happens between a create and the batch's validation, which is in `runs.py`.
"""

from collections.abc import Callable
from typing import Any

from livedash_pipeline.local.batch_api.batches.batch_request import check_batch_request, check_expiry
from livedash_pipeline.local.batch_api.batches.runs import BatchRuns
from livedash_pipeline.local.batch_api.batches.validation import refused
from livedash_pipeline.local.batch_api.faults.batch_faults import bind, faults_of
from livedash_pipeline.local.batch_api.faults.fault_desk import FaultDesk
from livedash_pipeline.local.batch_api.faults.shown_kinds import RepeatedCreate
from livedash_pipeline.local.batch_api.journal import Entry, Journal
from livedash_pipeline.local.batch_api.records import BatchRecord
from livedash_pipeline.local.batch_api.store import Store

REPEAT = "repeat_create"


class BatchCreation:
    """Makes the batches of a store.

    Args:
        store: where they are kept.
        runs: validates a batch whose faults want it validated at once.
        journal: gets the batches that nobody asked for.
        fault_desk: says what goes wrong.
        new_id: makes an id from its prefix.
    """

    def __init__(
        self, store: Store, runs: BatchRuns, journal: Journal, fault_desk: FaultDesk, new_id: Callable[[str], str]
    ) -> None:
        self._store = store
        self._runs = runs
        self._journal = journal
        self._fault_desk = fault_desk
        self._new_id = new_id

    def create(self, body: object, at: float) -> tuple[BatchRecord, float | None]:
        """Makes a batch, or two where a fault repeats the call; returns the one to answer, and when to `repeat` the call."""
        first = self._make(body, at)
        repeated = faults_of(first).repeated
        if repeated is None:
            return first, None
        if repeated.seconds:
            return first, at + repeated.seconds
        second = self.repeat(body, at)
        self._journal.add(Entry(REPEAT, second.id, second.input_file_id, fault=repeated.kind), at)
        return (second if repeated.answered == "second" else first), None

    def repeat(self, body: object, at: float) -> BatchRecord:
        """Makes the second batch of a call."""
        return self._make(body, at, again=True)

    def _make(self, body: object, at: float, *, again: bool = False) -> BatchRecord:
        asked: dict[str, Any] = check_batch_request(body)
        record = BatchRecord(
            id=self._new_id("batch_"),
            endpoint=asked["endpoint"],
            input_file_id=asked["input_file_id"],
            created_at=at,
            output_file=self._new_id("file-"),
            error_file=self._new_id("file-"),
            metadata=asked.get("metadata"),
            output_expires_seconds=check_expiry("output_expires_after", asked.get("output_expires_after")),
        )
        bound = self._fault_desk.for_batch(record.id, record.input_file_id, record.metadata)
        bind(record, [each for each in bound if not (again and isinstance(each.fault, RepeatedCreate))], at)
        if faults_of(record).validated_at == "create":
            faults = self._runs.check(record)
            if faults:
                raise refused(faults[0])
        self._store.add_batch(record)
        return record
