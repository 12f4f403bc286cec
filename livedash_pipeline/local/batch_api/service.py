"""The Batch API as a Python object: every operation of the service, without HTTP and without a clock of its own.

Add an operation here first, then a route for it in `app.py`. Each operation first advances all batches to the clock's
present, so in one thread everything is repeatable: same clock, same ids, same bytes. Documents are returned as dictionaries,
refusals raised as `Refusal`.
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from livedash_pipeline.local.batch_api.batch_request import check_batch_request, check_expiry, check_integer
from livedash_pipeline.local.batch_api.catalogue import Catalogue
from livedash_pipeline.local.batch_api.chat import complete_chat
from livedash_pipeline.local.batch_api.lines import iterate_lines, parse_object
from livedash_pipeline.local.batch_api.pace import Pace
from livedash_pipeline.local.batch_api.records import ENDED, BatchRecord, FileRecord
from livedash_pipeline.local.batch_api.refusals import (
    Refusal,
    invalid_value,
    model_not_found,
    wrong_type,
)
from livedash_pipeline.local.batch_api.runs import BatchRuns
from livedash_pipeline.local.batch_api.store import Store
from livedash_pipeline.openai_batch.tokens import load_encoding

MAX_UPLOAD_BYTES = 512 * 1024 * 1024
BATCH_FILE_SECONDS = 2_592_000
_PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
_CHUNK = 1024 * 1024
_MODEL_CREATED = 1_735_689_600


def random_id(prefix: str) -> str:
    """Return a new id: the prefix and 32 random hexadecimal digits."""
    return prefix + secrets.token_hex(16)


class BatchService:
    """The stand-in's operations on one state directory.

    Args:
        state_dir: where files and records are kept; created if absent. One process at a time.
        clock: the present, in seconds since 1970.
        speed: simulated seconds in one second of the clock; 0 means at once. See `Pace`.
        new_id: makes an id from its prefix, such as `batch_`.
        models: names of models known besides those of the catalogue.
        api_keys: the keys that are accepted; None accepts any key that is not empty.
        pace: durations of a batch's states; its speed is replaced by `speed`.
        lines_per_look: how many lines an operation may process before it answers; None for all that are due. With a
            number, somebody has to call `advance()` for large batches.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        clock: Callable[[], float],
        speed: float = 1.0,
        new_id: Callable[[str], str] = random_id,
        models: Collection[str] | None = None,
        api_keys: Collection[str] | None = None,
        pace: Pace | None = None,
        lines_per_look: int | None = None,
    ) -> None:
        load_encoding()
        self._clock = clock
        self._new_id = new_id
        self._catalogue = Catalogue(models or ())
        self._api_keys = None if api_keys is None else frozenset(api_keys)
        self._lines_per_look = lines_per_look
        self.speed = speed
        pace = replace(pace or Pace(), speed=speed)
        self._store = Store(state_dir)
        self._runs = BatchRuns(self._store, self._catalogue, pace)

    def close(self) -> None:
        """Release the state directory; the state stays."""
        self._store.close()

    def advance(self, *, lines: int | None = None) -> None:
        """Bring batches and files to the clock's present, processing at most `lines` lines (None: all that are due)."""
        now = self._clock()
        for file_id in self._store.expired_files(now):
            self._store.remove_file(file_id)
        self._runs.advance(now, lines=lines)

    def check_key(self, authorization: str | None) -> None:
        """Raise `Refusal` (401) unless an Authorization header carries a key that is accepted."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(401, "You didn't provide an API key in an Authorization header (Bearer YOUR_KEY).")
        if self._api_keys is not None and key.strip() not in self._api_keys:
            raise Refusal(401, "Incorrect API key provided.", code="invalid_api_key")

    # Files

    def upload_file(
        self, stream: BinaryIO, *, filename: str, purpose: str, expires_after: object = None
    ) -> dict[str, Any]:
        """Store a file from a stream and return its File object."""
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
            size = _write_content(stream, path, must_parse=purpose == "batch")
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        now = self._clock()
        expires_at = None if kept is None else now + kept
        record = FileRecord(file_id, filename, purpose, size, now, expires_at)
        self._store.add_file(record)
        return record.document()

    def list_files(
        self,
        *,
        purpose: str | None = None,
        after: str | None = None,
        limit: object = None,
        order: str | None = None,
    ) -> dict[str, Any]:
        """Return a page of files, newest first unless `order` is asc."""
        self._look()
        count = 10_000 if limit is None else check_integer("limit", limit, 1, 10_000)
        if order not in (None, "asc", "desc"):
            raise invalid_value("order", order, "'asc' and 'desc'")
        if after is not None:
            self._file(after)
        ascending = order == "asc"
        found = self._store.files(purpose=purpose, after=after, limit=count + 1, ascending=ascending)
        return _page([file.document() for file in found], count)

    def get_file(self, file_id: str) -> dict[str, Any]:
        """Return a File object."""
        self._look()
        return self._file(file_id).document()

    def file_content(self, file_id: str) -> Path:
        """Return the path under which a file's content can be read."""
        self._look()
        return self._store.content_path(self._file(file_id).id)

    def delete_file(self, file_id: str) -> dict[str, Any]:
        """Delete a file. A batch that is past validation does not miss it."""
        self._look()
        self._store.remove_file(self._file(file_id).id)
        return {"id": file_id, "object": "file", "deleted": True}

    # Batches

    def create_batch(self, body: object) -> dict[str, Any]:
        """Create a batch; whether its input file exists and is any good is found out by its validation."""
        self._look()
        asked = check_batch_request(body)
        record = BatchRecord(
            id=self._new_id("batch_"),
            endpoint=asked["endpoint"],
            input_file_id=asked["input_file_id"],
            created_at=self._clock(),
            output_file=self._new_id("file-"),
            error_file=self._new_id("file-"),
            metadata=asked.get("metadata"),
            output_expires_seconds=check_expiry("output_expires_after", asked.get("output_expires_after")),
        )
        self._store.add_batch(record)
        return record.document()

    def list_batches(self, *, after: str | None = None, limit: object = None) -> dict[str, Any]:
        """Return a page of batches, newest first."""
        self._look()
        count = 20 if limit is None else check_integer("limit", limit, 1, 100)
        if after is not None:
            self._batch(after)
        found = self._store.batches(after=after, limit=count + 1)
        return _page([batch.document() for batch in found], count)

    def get_batch(self, batch_id: str) -> dict[str, Any]:
        """Return a Batch object."""
        self._look()
        return self._batch(batch_id).document()

    def cancel_batch(self, batch_id: str) -> dict[str, Any]:
        """Begin to cancel a batch; harmless for one that is cancelled already, refused (409) for one that ended otherwise."""
        self._look()
        with self._store.transaction():
            batch = self._batch(batch_id)
            if batch.status in ENDED and batch.status != "cancelled":
                raise Refusal(409, f"Cannot cancel a batch with status '{batch.status}'.")
            if batch.status not in ("cancelling", "cancelled"):
                batch.status, batch.cancelling_at = "cancelling", self._clock()
                self._store.save_batch(batch)
        return batch.document()

    # Models and chat

    def list_models(self) -> dict[str, Any]:
        """Return all models, aliases and snapshots."""
        return {"object": "list", "data": [_model_document(name) for name in self._catalogue.names()]}

    def get_model(self, name: str) -> dict[str, Any]:
        """Return one model, or refuse with 404 `model_not_found`."""
        if self._catalogue.get(name) is None:
            raise model_not_found(name)
        return _model_document(name)

    def chat_completion(self, body: object) -> dict[str, Any]:
        """Answer a chat completion request at once."""
        if not isinstance(body, dict):
            raise wrong_type("body", "an object", body)
        return complete_chat(body, self._catalogue, completion_id=self._new_id("chatcmpl-"), created=int(self._clock()))

    def _look(self) -> None:
        self.advance(lines=self._lines_per_look)

    def _file(self, file_id: str) -> FileRecord:
        record = self._store.file(file_id)
        if record is None:
            raise Refusal(404, f"No such File object: {file_id}", param="id")
        return record

    def _batch(self, batch_id: str) -> BatchRecord:
        record = self._store.batch(batch_id)
        if record is None:
            raise Refusal(404, f"No batch found with id '{batch_id}'.")
        return record


def _write_content(stream: BinaryIO, path: Path, *, must_parse: bool) -> int:
    """Copy a stream to a file in pieces and return its size; refuse what the service refuses on upload."""
    size = 0
    with path.open("wb") as target:
        while piece := stream.read(_CHUNK):
            size += len(piece)
            if size > MAX_UPLOAD_BYTES:
                raise Refusal(400, "File is too large.")
            target.write(piece)
    if size == 0:
        raise Refusal(400, "File is empty.")
    if must_parse:
        with path.open("rb") as written:
            if not any(line and parse_object(line) is not None for _, line in iterate_lines(written)):
                message = "Invalid file format. Input file must have at least one line that is a JSON object."
                raise Refusal(400, message)
    return size


def _page(found: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Return a list object from up to `count` + 1 documents; the one too many says that there are more."""
    data = found[:count]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > count,
    }


def _model_document(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _MODEL_CREATED, "owned_by": "livedash-stand-in"}
