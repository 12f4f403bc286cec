"""One line of a batch turned into one line of its output or error file.

Add another kind of result line here; lines that are wrong on purpose are in `line_faults.py`. Where the lines go and when
they run is in `runs.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from livedash_pipeline.local.batch_api.batches.lines import parse_object, write_line
from livedash_pipeline.local.batch_api.batches.validation import CHAT_COMPLETIONS
from livedash_pipeline.local.batch_api.refusals import Refusal

NOT_RUN = {
    "batch_cancelled": "This request was not executed because the batch was cancelled.",
    "batch_expired": "This request could not be executed before the completion window expired.",
}

Answer = Callable[[Mapping[str, Any], str, int], dict[str, Any]]
"""Answers a chat completion request: body, id and creation time of the completion; raises `Refusal` for a 4xx or 5xx."""


@dataclass(frozen=True)
class LineResult:
    """A line of the output file (`succeeded`) or of the error file.

    `usage` is what the completion used, and so what the line is billed; None where nothing was completed. `written` stands
    in the file in place of the document, and may be no line or several; `elsewhere` stands in the other file.
    """

    custom_id: str
    document: dict[str, Any]
    succeeded: bool
    usage: dict[str, Any] | None = None
    written: bytes | None = None
    elsewhere: bytes = b""

    def files(self) -> tuple[bytes, bytes]:
        """Returns what goes to the output file and what to the error file."""
        own = write_line(self.document) if self.written is None else self.written
        return (own, self.elsewhere) if self.succeeded else (self.elsewhere, own)


@dataclass(frozen=True)
class LinePlace:
    """Which line of which batch: the ids of its result follow from this, so that a line run again gives the same."""

    batch_id: str
    position: int

    def new_id(self, prefix: str) -> str:
        """Returns the id with this prefix for this line."""
        text = f"{prefix}/{self.batch_id}/{self.position}"
        return prefix + blake2b(text.encode(), digest_size=16).hexdigest()


def run_line(line: bytes, place: LinePlace, endpoint: str, answer: Answer, created: int) -> LineResult:
    """Answers a line that has passed validation; a refusal by the model becomes a line of the error file."""
    request = read_request(line)
    try:
        if endpoint != CHAT_COMPLETIONS:
            raise Refusal(400, f"This local stand-in answers {CHAT_COMPLETIONS} only, not {endpoint}.")
        body = answer(request["body"], place.new_id("chatcmpl-"), created)
    except Refusal as refusal:
        return refused_line(request["custom_id"], place, refusal)
    return _result(request["custom_id"], place, 200, body)


def skip_line(line: bytes, place: LinePlace, code: str) -> LineResult:
    """Reports a line that never ran; `code` is a key of `NOT_RUN`."""
    custom_id = read_request(line)["custom_id"]
    error = {"code": code, "message": NOT_RUN[code]}
    document = {"id": place.new_id("batch_req_"), "custom_id": custom_id, "response": None, "error": error}
    return LineResult(custom_id, document, succeeded=False)


def refused_line(custom_id: str, place: LinePlace, refusal: Refusal) -> LineResult:
    """Reports a line that was answered with an error."""
    return _result(custom_id, place, refusal.status, refusal.document())


def read_request(line: bytes) -> dict[str, Any]:
    """Returns the request on a line that has passed validation."""
    request = parse_object(line)
    if request is None:
        raise AssertionError("a line that passed validation no longer parses: the kept input file has changed")
    return request


def _result(custom_id: str, place: LinePlace, status: int, body: dict[str, Any]) -> LineResult:
    document = {
        "id": place.new_id("batch_req_"),
        "custom_id": custom_id,
        "response": {"status_code": status, "request_id": place.new_id("req_"), "body": body},
        "error": None,
    }
    usage = body.get("usage")
    billed = (usage if isinstance(usage, dict) else {}) if status == 200 else None
    return LineResult(custom_id, document, succeeded=status == 200, usage=billed)
