"""The check of a batch's requests file before any line of it runs: `check_requests`.

Add a rule about a line's envelope here, with the service's code for it. What a model refuses about a body (a parameter it
does not take, a bad schema) is found when the line runs and belongs to `chat_request.py`. Memory is bounded: 16 bytes for
each custom id, 8 for each offset, and one entry for each faulty line of at most 50,000.
"""

from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any, BinaryIO

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.batches.lines import MAX_LINE_BYTES, iterate_lines, parse_object
from livedash_pipeline.local.batch_api.refusals import Refusal

MAX_REQUESTS = 50_000
MAX_FILE_BYTES = 209_715_200
CHAT_COMPLETIONS = "/v1/chat/completions"


@dataclass(frozen=True)
class Fault:
    """One entry of a batch's `errors.data`; `line` counts from 1, None where the fault is the file's."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None

    def document(self) -> dict[str, Any]:
        """Returns the entry as the service shows it, nulls included."""
        return asdict(self)


def refused(fault: Fault) -> Refusal:
    """Returns the refusal by which a server that checks a requests file at once tells of a fault."""
    where = "" if fault.line is None else f" (line {fault.line})"
    return Refusal(400, f"{fault.message}{where}", code=fault.code, param=fault.param)


@dataclass(frozen=True)
class CheckedRequests:
    """What the check found: faults (then nothing runs), or the model and the byte offset of every request."""

    faults: list[Fault]
    model: str | None = None
    offsets: "array[int]" = field(default_factory=lambda: array("Q"))


def missing_file(file_id: str) -> Fault:
    """Returns the fault of a batch whose input file does not exist (any more) or is not a requests file."""
    return Fault("invalid_request", f"Cannot find file {file_id}, or the key has no access to it.", "file_id")


def too_large() -> Fault:
    """Returns the fault of a requests file above the size limit."""
    return Fault("invalid_request", f"The batch input file is larger than the maximum {MAX_FILE_BYTES} bytes.")


def check_requests(
    stream: BinaryIO,
    endpoint: str,
    catalogue: Catalogue,
    *,
    max_requests: int = MAX_REQUESTS,
    longest_line: int = MAX_LINE_BYTES,
) -> CheckedRequests:
    """Reads a requests file from its start and reports the first fault of every faulty line; skips blank lines."""
    check = _Check(endpoint, catalogue)
    offsets = array("Q")
    faults: list[Fault] = []
    for number, (offset, line) in enumerate(iterate_lines(stream, longest_line), start=1):
        if line is not None and not line.strip():
            continue
        if len(offsets) == max_requests:
            message = f"The batch input file has more than the maximum {max_requests} requests."
            return CheckedRequests([Fault("invalid_request", message)])
        offsets.append(offset)
        fault = check.fault_of(line, number)
        if fault is not None:
            faults.append(fault)
    if not offsets:
        faults.append(Fault("empty_file", "The batch input file has no requests."))
    return CheckedRequests(faults, check.model, offsets)


def split_faults(content: bytes) -> list[Fault]:
    """What a server finds that splits a file wherever `str.splitlines` does, instead of at 0x0A alone."""
    lines = enumerate(content.decode().splitlines(), start=1)
    broken = [number for number, line in lines if line.strip() and parse_object(line.encode()) is None]
    return [Fault("invalid_json_line", "This line is not parseable as valid JSON.", None, number) for number in broken]


class _Check:
    """The rules for one line, and what has to be remembered from the lines before it."""

    def __init__(self, endpoint: str, catalogue: Catalogue) -> None:
        self.model: str | None = None
        self._endpoint = endpoint
        self._catalogue = catalogue
        self._seen: set[bytes] = set()

    def fault_of(self, line: bytes | None, number: int) -> Fault | None:
        request = parse_object(line) if line is not None else None
        if request is None:
            return Fault("invalid_json_line", "This line is not parseable as valid JSON.", None, number)
        return self._envelope(request, number) or self._body(request["body"], number)

    def _envelope(self, request: Mapping[str, Any], number: int) -> Fault | None:
        for name in ("custom_id", "method", "url", "body"):
            if request.get(name) is None:
                message = f"Missing required parameter: '{name}'."
                return Fault("missing_required_parameter", message, name, number)
        for name, kind in (("custom_id", str), ("method", str), ("url", str), ("body", dict)):
            if not isinstance(request[name], kind):
                return Fault("invalid_request", f"Invalid type for '{name}'.", name, number)
        if request["method"] != "POST":
            return Fault("invalid_request", "The method of a request must be POST.", "method", number)
        if request["url"] != self._endpoint:
            message = "The URL provided for this request does not match the batch endpoint."
            return Fault("invalid_url", message, "url", number)
        return self._custom_id(request["custom_id"], number)

    def _custom_id(self, custom_id: str, number: int) -> Fault | None:
        # A digest, because nothing bounds the length of a custom id.
        digest = blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest in self._seen:
            message = f"The custom_id '{custom_id[:64]}' is used by another request of this file; it must be unique."
            return Fault("duplicate_custom_id", message, "custom_id", number)
        self._seen.add(digest)
        return None

    def _body(self, body: Mapping[str, Any], number: int) -> Fault | None:
        if body.get("stream"):
            message = "Streaming is not supported in the Batch API."
            return Fault("streaming_unsupported", message, "body.stream", number)
        name = body.get("model")
        if name is None:
            return Fault("invalid_request", "The model parameter is required.", "body.model", number)
        if self._catalogue.get(name) is None:
            message = f"The model '{name}' is not known or not offered in the Batch API."
            return Fault("model_not_found", message, "body.model", number)
        if self._endpoint == CHAT_COMPLETIONS and body.get("messages") is None:
            return Fault("invalid_request", "The messages parameter is required.", "body.messages", number)
        if self.model is None:
            self.model = name
        if name != self.model:
            message = f"The model '{name}' differs from '{self.model}' in an earlier line; a file has one model."
            return Fault("mismatched_model", message, "body.model", number)
        return None
