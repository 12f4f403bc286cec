"""One line of a batch turned into one line of its output or error file.

Add another kind of result line here. Where the lines go and when they run is in `runs.py`.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from livedash_pipeline.local.batch_api.catalogue import Catalogue
from livedash_pipeline.local.batch_api.chat import complete_chat
from livedash_pipeline.local.batch_api.lines import parse_object
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.validation import CHAT_COMPLETIONS

NOT_RUN = {
    "batch_cancelled": "This request was not executed because the batch was cancelled.",
    "batch_expired": "This request could not be executed before the completion window expired.",
}


@dataclass(frozen=True)
class LineResult:
    """A line of the output file (`succeeded`) or of the error file, and the usage of its completion, if any."""

    document: dict[str, Any]
    succeeded: bool
    usage: dict[str, Any] | None = None


@dataclass(frozen=True)
class LinePlace:
    """Which line of which batch: the ids of its result follow from this, so that a line run again gives the same."""

    batch_id: str
    position: int

    def new_id(self, prefix: str) -> str:
        """Return the id with this prefix for this line."""
        text = f"{prefix}/{self.batch_id}/{self.position}"
        return prefix + blake2b(text.encode(), digest_size=16).hexdigest()


def run_line(line: bytes, place: LinePlace, endpoint: str, catalogue: Catalogue, created: int) -> LineResult:
    """Answer a line that has passed validation; a refusal by the model becomes a line of the error file."""
    request = _request(line)
    try:
        if endpoint != CHAT_COMPLETIONS:
            raise Refusal(400, f"This local stand-in answers {CHAT_COMPLETIONS} only, not {endpoint}.")
        body = complete_chat(request["body"], catalogue, completion_id=place.new_id("chatcmpl-"), created=created)
    except Refusal as refusal:
        return _result(request, place, refusal.status, refusal.document())
    return _result(request, place, 200, body)


def skip_line(line: bytes, place: LinePlace, code: str) -> LineResult:
    """Report a line that never ran; `code` is a key of `NOT_RUN`."""
    error = {"code": code, "message": NOT_RUN[code]}
    document = {"id": place.new_id("batch_req_"), "custom_id": _request(line)["custom_id"]}
    return LineResult({**document, "response": None, "error": error}, succeeded=False)


def _result(request: dict[str, Any], place: LinePlace, status: int, body: dict[str, Any]) -> LineResult:
    document = {
        "id": place.new_id("batch_req_"),
        "custom_id": request["custom_id"],
        "response": {"status_code": status, "request_id": place.new_id("req_"), "body": body},
        "error": None,
    }
    return LineResult(document, succeeded=status == 200, usage=body.get("usage"))


def _request(line: bytes) -> dict[str, Any]:
    request = parse_object(line)
    if request is None:
        raise AssertionError("a line that passed validation no longer parses: the kept input file has changed")
    return request
