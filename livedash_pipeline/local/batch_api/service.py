"""The Batch API as a Python object: every operation of the service, without HTTP and without a clock of its own.

Add an operation here first, then a route for it in `app.py`. Each operation first advances all batches to the clock's
present, so in one thread everything is repeatable: same clock, same ids, same bytes. Documents are returned as dictionaries,
refusals raised as `Refusal`.
"""

import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from hmac import compare_digest
from pathlib import Path
from typing import Any, BinaryIO

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.answering.chat import complete_chat
from livedash_pipeline.local.batch_api.answering.upstream import Upstream
from livedash_pipeline.local.batch_api.batches.batch_creation import REPEAT, BatchCreation
from livedash_pipeline.local.batch_api.batches.batch_request import check_integer
from livedash_pipeline.local.batch_api.batches.batch_views import look_at, show_batch, show_file
from livedash_pipeline.local.batch_api.batches.line_runs import Answering
from livedash_pipeline.local.batch_api.batches.pace import Pace
from livedash_pipeline.local.batch_api.batches.runs import BatchRuns
from livedash_pipeline.local.batch_api.documents import model_document, page
from livedash_pipeline.local.batch_api.faults.batch_faults import answers_to
from livedash_pipeline.local.batch_api.faults.delayed_calls import DelayedCalls
from livedash_pipeline.local.batch_api.faults.fault_desk import FaultDesk
from livedash_pipeline.local.batch_api.faults.listing_faults import FaultyListing
from livedash_pipeline.local.batch_api.faults.odd_files import odd_content, show_result_file
from livedash_pipeline.local.batch_api.faults.script import FaultScript
from livedash_pipeline.local.batch_api.faults.shown_kinds import ShownBy
from livedash_pipeline.local.batch_api.file_shelf import FileShelf, deleted
from livedash_pipeline.local.batch_api.journal import Entry, Journal
from livedash_pipeline.local.batch_api.records import ENDED, BatchRecord, FileRecord
from livedash_pipeline.local.batch_api.refusals import (
    Refusal,
    model_not_found,
    wrong_type,
)
from livedash_pipeline.local.batch_api.spending.reports import SpendingReports
from livedash_pipeline.local.batch_api.store import Store
from livedash_pipeline.local.private_files import open_private
from livedash_pipeline.services.openai.tokens import load_encoding


def random_id(prefix: str) -> str:
    """Returns a new id: the prefix and 32 random hexadecimal digits."""
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
        admin_keys: the keys that may read costs and usage; None accepts any that begins with sk-admin-, and none at all where
            `api_keys` are given.
        pace: durations of a batch's states; its speed is replaced by `speed`.
        lines_per_look: how many lines an operation may process before it answers; None for all that are due. With a
            number, somebody has to call `advance()` for large batches.
        faults: what is to go wrong, as far as it concerns batches, files and lines; faults of calls are made by
            `FaultyService` and the HTTP gate, who ask `fault_desk` for them.
        upstream: a server that answers in place of the rules, and whose models are then the only ones; closed with this.
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
        admin_keys: Collection[str] | None = None,
        pace: Pace | None = None,
        lines_per_look: int | None = None,
        faults: FaultScript | None = None,
        upstream: Upstream | None = None,
    ) -> None:
        load_encoding()
        self._clock = clock
        self._new_id = new_id
        self._catalogue = _catalogue(models or (), upstream)
        self._api_keys = None if api_keys is None else tuple(key.encode() for key in api_keys)
        # Answers of an upstream take their time, and none of it is that of somebody who only looks.
        self._lines_per_look = 0 if upstream else lines_per_look
        self._upstream = upstream
        self.speed = speed
        pace = replace(pace or Pace(), speed=speed)
        self._store = Store(state_dir)
        self._journal = Journal(self._store)
        reading = () if admin_keys is None and api_keys is not None else admin_keys
        self.reports = SpendingReports(self._journal, clock, self._look, reading)
        late = {
            "create_batch": self._create,
            REPEAT: self._repeat,
            "cancel_batch": self._cancel,
            "delete_file": self._delete,
        }
        self._delayed = DelayedCalls(self._store, self._journal, late)
        self.fault_desk = FaultDesk(faults)
        self._answering = self._answering_by(upstream)
        self._runs = BatchRuns(self._store, self._catalogue, pace, self._journal, self._answering)
        self._files = FileShelf(self._store, self._catalogue, self.fault_desk, clock, new_id)
        self._creation = BatchCreation(self._store, self._runs, self._journal, self.fault_desk, new_id)

    def _answering_by(self, upstream: Upstream | None) -> Answering:
        if upstream:
            return Answering(upstream.answer, upstream.map, at_once=4 * upstream.concurrency, takes_time=True)
        return Answering(
            lambda body, completion_id, created: complete_chat(
                body, self._catalogue, completion_id=completion_id, created=created
            )
        )

    @property
    def is_stand_in(self) -> bool:
        """Whether its answers follow rules; with an upstream, whether that says so of itself."""
        return self._upstream is None or self._upstream.is_stand_in

    @property
    def spends_for_its_owner(self) -> bool:
        """Whether an upstream answers, with its owner's key: then nothing is shown or steered without a key, either."""
        return self._upstream is not None

    @property
    def lines_per_turn(self) -> int | None:
        """How many lines a worker should process before it looks at the clock again; None for all that are due."""
        return self._answering.at_once if self._answering.takes_time else None

    def close(self) -> None:
        """Releases the state directory; the state stays."""
        if self._upstream:
            self._upstream.close()
        self._store.close()

    def advance(self, *, lines: int | None = None) -> None:
        """Brings batches and files to the clock's present, processing at most `lines` lines (None: all that are due)."""
        now = self._clock()
        for file_id in self._store.expired_files(now):
            self._store.remove_file(file_id)
        while (due := self._delayed.next_due(now)) is not None:
            # At its own time, so that it makes no difference when somebody looks.
            self._runs.advance(due, lines=lines)
            self._delayed.carry_out(due)
        self._runs.advance(now, lines=lines)

    def check_key(self, authorization: str | None) -> None:
        """Raises `Refusal` (401) unless an Authorization header carries a key that is accepted."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal(401, "You didn't provide an API key in an Authorization header (Bearer YOUR_KEY).")
        given = key.strip().encode(errors="surrogateescape")
        # A sum looks at every key: how long it takes says nothing about which came close.
        if self._api_keys is not None and not sum(compare_digest(given, known) for known in self._api_keys):
            raise Refusal(401, "Incorrect API key provided.", code="invalid_api_key")

    # Files

    def upload_file(
        self, stream: BinaryIO, *, filename: str, purpose: str, expires_after: object = None
    ) -> dict[str, Any]:
        """Stores a file from a stream and returns its File object."""
        return self._files.upload(stream, filename=filename, purpose=purpose, expires_after=expires_after)

    def list_files(
        self,
        *,
        purpose: str | None = None,
        after: str | None = None,
        limit: object = None,
        order: str | None = None,
    ) -> dict[str, Any]:
        """Returns a page of files, newest first unless `order` is asc."""
        self._look()
        return self._files.page(purpose=purpose, after=after, limit=limit, order=order)

    def get_file(self, file_id: str) -> dict[str, Any]:
        """Returns a File object."""
        self._look()
        file = self._files.one(file_id)
        batch = self._batch_of(file)
        if batch is None:
            return show_file(file)
        return show_result_file(file, batch, self._store.content_path(file.id).read_bytes, self._clock())

    def file_content(self, file_id: str) -> Path:
        """Returns the path under which a file's content can be read."""
        self._look()
        file = self._files.one(file_id)
        batch, path = self._batch_of(file), self._store.content_path(file.id)
        odd = None if batch is None else odd_content(file, batch, path.read_bytes, self._clock())
        if odd is None:
            return path
        served = self._store.content_path(f"{file.id}.odd")
        with open_private(served, "wb") as target:
            target.write(odd)
        return served

    def delete_file(self, file_id: str) -> dict[str, Any]:
        """Deletes a file. A batch that is past validation does not miss it."""
        self._look()
        return self._delete(file_id, self._clock())

    # Batches

    def create_batch(self, body: object) -> dict[str, Any]:
        """Creates a batch; whether its input file exists and is any good is found out by its validation."""
        self._look()
        return self._create(body, self._clock())

    def _create(self, body: object, at: float) -> dict[str, Any]:
        record, repeat_at = self._creation.create(body, at)
        if repeat_at is not None:
            self._delayed.add(REPEAT, body, repeat_at)
        return show_batch(record, at, "create")

    def _repeat(self, body: object, at: float) -> dict[str, Any]:
        return show_batch(self._creation.repeat(body, at), at, "create")

    def list_batches(self, *, after: str | None = None, limit: object = None) -> dict[str, Any]:
        """Returns a page of batches, newest first."""
        self._look()
        count = 20 if limit is None else check_integer("limit", limit, 1, 100)
        behind = None if after is None else self._named(after).id
        now = self._clock()
        struck = self.fault_desk.for_listing()
        if struck:
            listed = self._store.batches(after=None, limit=-1, now=now)
            return FaultyListing(struck, now).page(listed, behind, count, lambda batch: self._show(batch, "list"))
        found = self._store.batches(after=behind, limit=count + 1, now=now)
        return page([self._show(batch, "list") for batch in found], count)

    def get_batch(self, batch_id: str) -> dict[str, Any]:
        """Returns a Batch object."""
        self._look()
        return self._show(self._batch(batch_id), "retrieve")

    def cancel_batch(self, batch_id: str) -> dict[str, Any]:
        """Begins to cancel a batch; harmless for one that is cancelled already, refused (409) for one that ended otherwise."""
        self._look()
        return self._cancel(batch_id, self._clock())

    def _cancel(self, batch_id: str, at: float) -> dict[str, Any]:
        with self._store.transaction():
            batch = self._batch(batch_id)
            if batch.status in ENDED and batch.status != "cancelled":
                raise Refusal(409, f"Cannot cancel a batch with status '{batch.status}'.")
            if batch.status not in ("cancelling", "cancelled"):
                batch.status, batch.cancelling_at = "cancelling", at
                self._store.save_batch(batch)
            return self._show(batch, "cancel")

    def pretend(self, operation: str, argument: str) -> dict[str, Any]:
        """Returns the answer to a `delete_file` or `cancel_batch` that does not happen."""
        self._look()
        if operation == "delete_file":
            return deleted(self._files.one(argument).id)
        cancelling = {"status": "cancelling", "cancelling_at": int(self._clock())}
        return {**show_batch(self._batch(argument), self._clock(), "cancel"), **cancelling}

    def _show(self, batch: BatchRecord, by: ShownBy) -> dict[str, Any]:
        """Returns a batch as an operation shows it; some faults change the batch by that."""
        changes = look_at(batch, by)
        if changes:
            self._store.change_batch(batch.id, changes)
            for name, value in changes.items():
                setattr(batch, name, value)
        return show_batch(batch, self._clock(), by)

    # Models and chat

    def list_models(self) -> dict[str, Any]:
        """Returns all models, aliases and snapshots."""
        return {"object": "list", "data": [model_document(name) for name in self._catalogue.names()]}

    def get_model(self, name: str) -> dict[str, Any]:
        """Returns one model, or refuses with 404 `model_not_found`."""
        if self._catalogue.get(name) is None:
            raise model_not_found(name)
        return model_document(name)

    def chat_completion(self, body: object) -> dict[str, Any]:
        """Answers a chat completion request at once, and bills it whether or not the answer arrives."""
        if not isinstance(body, dict):
            raise wrong_type("body", "an object", body)
        at = self._clock()
        completion = self._answering.answer(body, self._new_id("chatcmpl-"), int(at))
        self._journal.bill_call(completion, body, at)
        return completion

    # Faults and journal

    def install_faults(self, script: FaultScript, *, replace: bool = False) -> None:
        """Adds a script's faults, or replaces all by them; those that name a batch strike it if it exists."""
        for new in self.fault_desk.install(script, replace=replace):
            if self._runs.strike(new, self._clock()):
                self.fault_desk.count_strike(new)

    def delay(self, operation: str, argument: object, seconds: float | None) -> None:
        """Lets a call take effect later: `create_batch` with its body, `cancel_batch` and `delete_file` with an id.

        Args:
            operation: its name.
            argument: its one argument, which JSON can hold.
            seconds: after how many seconds of the clock; None: when `release_delayed` is called.
        """
        self._delayed.add(operation, argument, None if seconds is None else self._clock() + seconds)

    def release_delayed(self) -> int:
        """Lets all calls that were delayed without bound take effect at the next look, and returns how many they are."""
        return self._delayed.release(self._clock())

    def faults(self) -> dict[str, Any]:
        """Returns the installed faults, how often each has struck, and how many delayed calls wait."""
        return {**self.fault_desk.document(), "delayed": self._delayed.waiting()}

    def note(self, entry: Entry) -> None:
        """Writes an entry into the journal, with the batch's own id where it was called by another."""
        named = entry.batch_id
        if named and not self._store.batch(named) and (called := self._store.batch_called(named)):
            entry = replace(entry, batch_id=called.id)
        self._journal.add(entry, self._clock())

    def journal(self, *, after: int = 0, batch_id: str | None = None) -> dict[str, Any]:
        """Returns the journal's `entries` behind number `after` and the `bill`, both of one batch if one is named."""
        return self._journal.document(after=after, batch_id=batch_id)

    def _delete(self, file_id: str, _at: float) -> dict[str, Any]:
        return self._files.delete(file_id)

    def _look(self) -> None:
        self.advance(lines=self._lines_per_look)

    def _batch(self, batch_id: str) -> BatchRecord:
        record = self._named(batch_id)
        if not answers_to(record, batch_id):
            raise _no_batch(batch_id)
        return record

    def _batch_of(self, file: FileRecord) -> BatchRecord | None:
        """Returns the batch whose results a file holds, if any fault struck it."""
        batch = self._store.batch(file.filename.rpartition("_")[0]) if file.purpose == "batch_output" else None
        return batch if batch is not None and batch.faults else None

    def _named(self, name: str) -> BatchRecord:
        """Returns the batch with an id or an alias, whether or not it can be retrieved by it."""
        record = self._store.batch(name) or self._store.batch_called(name)
        if record is None or not record.is_shown(self._clock()):
            raise _no_batch(name)
        return record


def _no_batch(name: str) -> Refusal:
    return Refusal(404, f"No batch found with id '{name}'.")


def _catalogue(models: Collection[str], upstream: Upstream | None) -> Catalogue:
    """Returns the models of the stand-in, or those of its upstream; every name if that does not tell its models."""
    if upstream is None:
        return Catalogue(models)
    return Catalogue(upstream.models or (), known=(), any_name=upstream.models is None)
