"""The files of the stand-in: taken in, listed, shown and deleted, as the faults that struck them want it.

Add here what the service does with a file; how its content is measured and checked at the upload is in `uploads.py`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.batches.batch_request import check_expiry, check_integer
from livedash_pipeline.local.batch_api.batches.batch_views import show_file
from livedash_pipeline.local.batch_api.batches.validation import CHAT_COMPLETIONS, check_requests, refused
from livedash_pipeline.local.batch_api.documents import page
from livedash_pipeline.local.batch_api.faults.batch_faults import NEVER, hide
from livedash_pipeline.local.batch_api.faults.fault_desk import FaultDesk
from livedash_pipeline.local.batch_api.faults.fault_kinds import Dialect, VisibilityLag
from livedash_pipeline.local.batch_api.faults.shown_kinds import SurvivingInput
from livedash_pipeline.local.batch_api.records import FileRecord
from livedash_pipeline.local.batch_api.refusals import Refusal, invalid_value
from livedash_pipeline.local.batch_api.store import Store
from livedash_pipeline.local.batch_api.uploads import write_content

BATCH_FILE_SECONDS = 2_592_000
_PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")


class FileShelf:
    """The files of a store.

    Args:
        store: where they are kept.
        catalogue: the models that a requests file may name, where a fault has it checked at its upload.
        fault_desk: says what goes wrong.
        clock: the present, in seconds since 1970.
        new_id: makes an id from its prefix.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        fault_desk: FaultDesk,
        clock: Callable[[], float],
        new_id: Callable[[str], str],
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._fault_desk = fault_desk
        self._clock = clock
        self._new_id = new_id

    def upload(self, stream: BinaryIO, *, filename: str, purpose: str, expires_after: object) -> dict[str, Any]:
        """Stores a file from a stream and returns its File object."""
        if purpose not in _PURPOSES:
            raise invalid_value("purpose", purpose, ", ".join(map(repr, _PURPOSES)))
        if purpose == "batch" and not filename.endswith(".jsonl"):
            raise Refusal(400, "Invalid file format for Batch API. Must be .jsonl")
        kept = check_expiry("expires_after", expires_after)
        if kept is None and purpose == "batch":
            kept = BATCH_FILE_SECONDS
        file_id = self._new_id("file-")
        path = self._store.content_path(file_id)
        try:
            size = write_content(stream, path, must_parse=purpose == "batch")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        now = self._clock()
        expires_at = None if kept is None else now + kept
        record = FileRecord(file_id, filename, purpose, size, now, expires_at)
        for fault in self._fault_desk.for_upload(file_id) if purpose == "batch" else ():
            if isinstance(fault, VisibilityLag):
                hide(record, [fault], now)
            elif isinstance(fault, Dialect):
                record.time_format = fault.time_format
            elif isinstance(fault, SurvivingInput):
                record.survives = True
            else:
                self._check_upload(path)
        self._store.add_file(record)
        return show_file(record)

    def page(self, *, purpose: str | None, after: str | None, limit: object, order: str | None) -> dict[str, Any]:
        """Returns a page of files, newest first unless `order` is asc."""
        count = 10_000 if limit is None else check_integer("limit", limit, 1, 10_000)
        if order not in (None, "asc", "desc"):
            raise invalid_value("order", order, "'asc' and 'desc'")
        if after is not None:
            self.one(after)
        ascending = order == "asc"
        found = self._store.files(purpose=purpose, after=after, limit=count + 1, ascending=ascending, now=self._clock())
        return page([show_file(file) for file in found], count)

    def one(self, file_id: str) -> FileRecord:
        """Returns a file that can be seen, or refuses (404)."""
        record = self._store.file(file_id)
        if record is None or not record.is_shown(self._clock()):
            raise Refusal(404, f"No such File object: {file_id}", param="id")
        return record

    def delete(self, file_id: str) -> dict[str, Any]:
        """Deletes a file and returns the answer to that."""
        record = self.one(file_id)
        if record.survives:
            record.shown_at = record.listed_at = NEVER
            self._store.save_file(record)
        else:
            self._store.remove_file(record.id)
        return deleted(file_id)

    def _check_upload(self, path: Path) -> None:
        """Refuses a bad requests file; its content is removed."""
        with path.open("rb") as stream:
            faults = check_requests(stream, CHAT_COMPLETIONS, self._catalogue).faults
        if faults:
            path.unlink()
            raise refused(faults[0])


def deleted(file_id: str) -> dict[str, Any]:
    """Returns the answer to the deletion of a file."""
    return {"id": file_id, "object": "file", "deleted": True}
