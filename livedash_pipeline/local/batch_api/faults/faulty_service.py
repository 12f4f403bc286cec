"""The service with faults of calls, for use in this process: the same operations, some of which lie.

Add an operation when `BatchService` gets one. What a broken connection is over HTTP (`fault_gate.py`) is `ReplyLost` here; every
call is written into the journal. Single-threaded use with a given clock is repeatable.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO, TypeVar, cast

from livedash_pipeline.local.batch_api.faults.call_kinds import (
    Delay,
    Late,
    LoseReply,
    OddAnswer,
    Slow,
    Status,
    Truncate,
    UnreliableCall,
)
from livedash_pipeline.local.batch_api.faults.fault_desk import Call
from livedash_pipeline.local.batch_api.faults.odd_answers import odd_completion
from livedash_pipeline.local.batch_api.faults.shown_kinds import Pretend
from livedash_pipeline.local.batch_api.journal import Entry
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.service import BatchService

_T = TypeVar("_T")
_MESSAGES = {
    408: "The request took too long.",
    409: "The resource is being changed by another request.",
    425: "It is too early for this request.",
    429: "Rate limit reached for requests.",
}
MAKING = {"create_batch": "batch_id", "upload_file": "file_id", "chat_completion": "detail"}
"""Operations that make something, and where its id stands in the journal."""
_QUOTA_MESSAGE = "You exceeded your current quota, please check your plan and billing details."


class ReplyLost(Exception):  # noqa: N818 -- what a caller sees of the network, raised to leave the call
    """No whole answer came; whether the call took effect, or still will, only the journal knows."""


class FaultyService:
    """A service behind an unreliable connection.

    Args:
        service: what acts; its `fault_desk` says what goes wrong.
        sleep: passes the seconds of `hang` and of slow and late answers, on the clock of the caller.
    """

    def __init__(self, service: BatchService, *, sleep: Callable[[float], None] = lambda _seconds: None) -> None:
        self.service = service
        self._sleep = sleep

    def upload_file(
        self, stream: BinaryIO, *, filename: str, purpose: str, expires_after: object = None
    ) -> dict[str, Any]:
        """As `BatchService.upload_file`."""
        return self._call(
            Call("upload_file"),
            lambda: self.service.upload_file(stream, filename=filename, purpose=purpose, expires_after=expires_after),
        )

    def list_files(
        self, *, purpose: str | None = None, after: str | None = None, limit: object = None, order: str | None = None
    ) -> dict[str, Any]:
        """As `BatchService.list_files`."""
        call = Call("list_files")
        return self._call(call, lambda: self.service.list_files(purpose=purpose, after=after, limit=limit, order=order))

    def get_file(self, file_id: str) -> dict[str, Any]:
        """As `BatchService.get_file`."""
        return self._call(Call("get_file", None, file_id), lambda: self.service.get_file(file_id))

    def file_content(self, file_id: str) -> bytes:
        """Returns a file's content, which `BatchService.file_content` names, as much of it as arrives."""
        call = Call("download_file", None, file_id)
        return self._call(call, lambda: self.service.file_content(file_id).read_bytes())

    def delete_file(self, file_id: str) -> dict[str, Any]:
        """As `BatchService.delete_file`."""
        return self._call(Call("delete_file", None, file_id), lambda: self.service.delete_file(file_id), file_id)

    def create_batch(self, body: object) -> dict[str, Any]:
        """As `BatchService.create_batch`."""
        return self._call(
            Call("create_batch", None, input_file_of(body), metadata_of(body)),
            lambda: self.service.create_batch(body),
            body,
        )

    def list_batches(self, *, after: str | None = None, limit: object = None) -> dict[str, Any]:
        """As `BatchService.list_batches`."""
        return self._call(Call("list_batches"), lambda: self.service.list_batches(after=after, limit=limit))

    def get_batch(self, batch_id: str) -> dict[str, Any]:
        """As `BatchService.get_batch`."""
        return self._call(Call("get_batch", batch_id), lambda: self.service.get_batch(batch_id))

    def cancel_batch(self, batch_id: str) -> dict[str, Any]:
        """As `BatchService.cancel_batch`."""
        return self._call(Call("cancel_batch", batch_id), lambda: self.service.cancel_batch(batch_id), batch_id)

    def list_models(self) -> dict[str, Any]:
        """As `BatchService.list_models`."""
        return self._call(Call("list_models"), self.service.list_models)

    def get_model(self, name: str) -> dict[str, Any]:
        """As `BatchService.get_model`."""
        return self._call(Call("get_model"), lambda: self.service.get_model(name))

    def chat_completion(self, body: object) -> dict[str, Any]:
        """As `BatchService.chat_completion`."""
        return self._call(Call("chat_completion"), lambda: self.service.chat_completion(body))

    def _call(self, call: Call, act: Callable[[], _T], argument: object = None) -> _T:
        fault = self.service.fault_desk.for_call(call)
        entry = replace(entry_of(call), fault=fault.kind if fault else None)
        if fault is None or isinstance(fault, Slow | Late | OddAnswer):
            self._sleep(fault.seconds if isinstance(fault, Slow) else 0.0)
            return self._alter(self._act(entry, act, delivered=True), fault)
        if isinstance(fault, Status):
            return self._refuse(entry, act, fault)
        if isinstance(fault, Pretend):
            self._note(replace(entry, acted=False, status=200))
            return cast(_T, self.service.pretend(entry.operation, str(argument)))
        return self._break(entry, act, fault, argument)

    def _alter(self, reply: _T, fault: Slow | Late | OddAnswer | None) -> _T:
        if isinstance(fault, OddAnswer):
            return cast(_T, odd_completion(cast(dict[str, Any], reply), fault))
        if isinstance(fault, Late):
            self._sleep(fault.seconds)
        return reply

    def _refuse(self, entry: Entry, act: Callable[[], _T], fault: Status) -> _T:
        refusal = refusal_of(fault)
        if fault.acted:
            with suppress(ReplyLost):
                self._act(entry, act, status=refusal.status)
        else:
            self._note(replace(entry, acted=False, status=refusal.status, delivered=True, detail=refusal.message))
        raise refusal

    def _break(self, entry: Entry, act: Callable[[], _T], fault: UnreliableCall, argument: object) -> _T:
        if isinstance(fault, Truncate):
            reply = self._act(entry, act)
            if isinstance(reply, bytes):
                return cast(_T, reply[: int(len(reply) * fault.keep)])
        elif isinstance(fault, LoseReply):
            self._act(entry, act)
        else:
            if isinstance(fault, Delay):
                self.service.delay(entry.operation, argument, fault.seconds)
            self._note(replace(entry, acted=False))
        self._sleep(fault.hang)
        raise ReplyLost(f"{entry.operation}: no whole answer came ({fault.kind}).")

    def _act(self, entry: Entry, act: Callable[[], _T], *, status: int | None = None, delivered: bool = False) -> _T:
        """Carries out a call and notes it; raises what the call raises, unless the answer is lost."""
        try:
            reply = act()
        except Refusal as refusal:
            refused = replace(entry, acted=False, status=refusal.status, delivered=delivered, detail=refusal.message)
            self._note(refused)
            if delivered:
                raise
            raise ReplyLost(f"{entry.operation}: no whole answer came.") from None
        made = reply if isinstance(reply, dict) else {}
        self._note(replace(with_ids(entry, made), status=status or 200, delivered=delivered))
        return reply

    def _note(self, entry: Entry) -> None:
        self.service.note(entry)


def entry_of(call: Call) -> Entry:
    """Returns the journal's entry for a call that has just been made."""
    return Entry(call.operation, call.batch_id, call.file_id)


def with_ids(entry: Entry, made: dict[str, Any]) -> Entry:
    """Returns an entry with the id of what an operation of `MAKING` has made, as the answer shows it."""
    name = MAKING.get(entry.operation)
    change: dict[str, Any] = {name: made.get("id")} if name else {}
    return replace(entry, **change)


def input_file_of(body: object) -> str | None:
    """Returns the input file that the body of a create names, if it names one."""
    named = body.get("input_file_id") if isinstance(body, dict) else None
    return named if isinstance(named, str) else None


def metadata_of(body: object) -> dict[str, Any] | None:
    """Returns the metadata that the body of a create holds, if it holds some."""
    found = body.get("metadata") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else None


def refusal_of(fault: Status) -> Refusal:
    """Returns the refusal that a fault answers with."""
    quota = fault.code == "insufficient_quota"
    default = _QUOTA_MESSAGE if quota else _MESSAGES.get(fault.status, "The server had an error, please try again.")
    kind = "server_error" if fault.status >= 500 else fault.code or "invalid_request_error"
    message = fault.message or default
    return Refusal(fault.status, message, code=fault.code, kind=kind, retry_after=fault.retry_after)
