"""Makes the shown objects of batches and files, distorted by the faults that struck them.

Add here what a fault changes in the object; what it changes in the batch itself is in `batch_faults.py`.
"""

import math
from datetime import UTC, datetime
from typing import Any

from livedash_pipeline.local.batch_api.faults.batch_faults import BatchFaults, faults_of
from livedash_pipeline.local.batch_api.faults.fault_kinds import (
    Dialect,
    LateOutputFile,
    UnknownState,
    UnstatedUsage,
    WrongCounts,
)
from livedash_pipeline.local.batch_api.faults.shown_kinds import (
    ChangedMetadata,
    EndWord,
    FrozenListing,
    MovesWhenRetrieved,
    RenamedId,
    RenamedInputFile,
    ShownBy,
    WrongCreatedAt,
)
from livedash_pipeline.local.batch_api.records import ENDED, BatchRecord, FileRecord

_TIMES = tuple(f"{word}_at" for word in ("created", "in_progress", "expires", "finalizing", *ENDED, "cancelling"))


def show_batch(batch: BatchRecord, now: float, by: ShownBy) -> dict[str, Any]:
    """Returns the Batch object as the faults distort it in answers of one operation."""
    document = batch.document()
    if not batch.faults:
        return document
    faults = faults_of(batch)
    if batch.snapshot and (by == "list" or faults.all(MovesWhenRetrieved)):
        document = dict(batch.snapshot)
    for word in faults.all(EndWord):
        _rename_end(document, word)
    for wrong in faults.all(WrongCounts):
        document["request_counts"] = _wrong_counts(document["request_counts"], wrong)
    if faults.all(UnstatedUsage):
        document["usage"] = None
    ended = batch.completed_at or batch.expired_at or batch.cancelled_at
    if any(late.seconds is None or now < (ended or now) + late.seconds for late in faults.all(LateOutputFile)):
        document["output_file_id"] = None
    for unknown in faults.all(UnknownState):
        lasts = math.inf if unknown.seconds is None else unknown.seconds
        if batch.status not in ENDED and now < batch.created_at + lasts:
            document["status"] = unknown.word
    for dialect in faults.all(Dialect):
        _speak(document, dialect)
    _change_identity(document, batch, faults, by)
    return document


def look_at(batch: BatchRecord, by: ShownBy) -> dict[str, Any]:
    """Returns what changes in a batch's record because an operation shows it."""
    if not batch.faults:
        return {}
    faults = faults_of(batch)
    changes: dict[str, Any] = {}
    if by == "list" and batch.snapshot is None and faults.all(FrozenListing):
        changes["snapshot"] = batch.document()
    for moves in faults.all(MovesWhenRetrieved):
        if by == "retrieve":
            changes = {"retrieved": batch.retrieved + 1, "snapshot": _seen_after(batch, moves.retrievals)}
        elif by == "cancel":
            changes = {"snapshot": batch.document()}
    return changes


def show_file(file: FileRecord) -> dict[str, Any]:
    """Returns the File object, its creation time as its faults write it."""
    document = file.document()
    document["created_at"] = write_time(document["created_at"], file.time_format)
    return document


def write_time(seconds: int | None, time_format: str) -> int | str | None:
    """Returns a time as the dialect `time_format` writes it."""
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


def _seen_after(batch: BatchRecord, retrievals: int) -> dict[str, Any]:
    """Returns what a retrieval finds: the truth, or before its time a batch that is still running."""
    truth = batch.document()
    if batch.retrieved + 1 >= retrievals or batch.status not in ENDED:
        return truth
    return {**(batch.snapshot or truth), "status": "in_progress", "in_progress_at": truth["in_progress_at"]}


def _rename_end(document: dict[str, Any], word: EndWord) -> None:
    ended = document["status"]
    if ended not in ENDED or word.of not in ("any", ended):
        return
    document["status"] = word.word
    if not word.output_file:
        document["output_file_id"] = None
    if not word.end_time:
        document[f"{ended}_at"] = None


def _change_identity(document: dict[str, Any], batch: BatchRecord, faults: BatchFaults, by: ShownBy) -> None:
    """Distorts the identity of a batch: ids, metadata, time of creation."""
    for changed in faults.all(ChangedMetadata):
        if by in changed.by:
            _change_metadata(document, changed)
    for wrong_time in faults.all(WrongCreatedAt):
        if by in wrong_time.by:
            _change_created_at(document, wrong_time)
    for renamed in faults.all(RenamedId):
        if by in renamed.by:
            document["id"] = f"{renamed.prefix}{batch.id}"
    for renamed_file in faults.all(RenamedInputFile):
        if by in renamed_file.by:
            prefix = renamed_file.prefix
            document["input_file_id"] = None if prefix is None else f"{prefix}{batch.input_file_id}"


def _change_metadata(document: dict[str, Any], changed: ChangedMetadata) -> None:
    sent: dict[str, str] = document.get("metadata") or {}
    if changed.change == "missing":
        document.pop("metadata", None)
    elif changed.change == "null":
        document["metadata"] = None
    else:
        changes = (_changed_pair(key, value, changed) for key, value in sent.items())
        document["metadata"] = dict(pair for pair in changes if pair is not None)


def _changed_pair(key: str, value: str, changed: ChangedMetadata) -> tuple[str, str] | None:
    match changed.change:
        case "cut":
            return key, value[: changed.keep]
        case "lower_case":
            return key, value.lower()
        case "upper_case":
            return key, value.upper()
        case "upper_keys":
            return key.upper(), value
        case "dropped":
            return None if _is_dropped(key, changed.keys) else (key, value)
    return None


def _is_dropped(key: str, keys: tuple[str, ...]) -> bool:
    return key in keys if keys else key.startswith("livedash")


def _change_created_at(document: dict[str, Any], wrong: WrongCreatedAt) -> None:
    if wrong.says == "missing" or "created_at" not in document:
        # Another such fault may have left it out already.
        document.pop("created_at", None)
        return
    true = document["created_at"]
    document["created_at"] = {
        "null": None,
        "milliseconds": true * 1000 if isinstance(true, int) else true,
        "shifted": true + int(wrong.seconds) if isinstance(true, int) else true,
        "fixed": int(wrong.seconds),
    }[wrong.says]
