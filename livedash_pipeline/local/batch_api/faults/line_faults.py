"""Result lines that are wrong on purpose: what each fault of a line makes of its result.

Add a fault of a line here. Which line is struck is decided by `batch_faults.py`. A fault of the answer strikes only lines that
were answered; whatever was answered stays billed, even if nobody gets to see it.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from livedash_pipeline.local.batch_api.answering.questions import REFUSAL_TEXT
from livedash_pipeline.local.batch_api.batches.line_results import LinePlace, LineResult, read_request, refused_line
from livedash_pipeline.local.batch_api.batches.lines import write_line
from livedash_pipeline.local.batch_api.faults.fault_kinds import (
    AnswerShape,
    CutAnswer,
    DuplicateLine,
    ErrorLine,
    ForeignLine,
    GarbledLine,
    InvalidJson,
    LineFault,
    LineShape,
    LostLine,
    MissingLine,
    OddText,
    OffSchema,
    OtherSession,
    RefusedAnswer,
    StringBody,
    UsageShape,
)
from livedash_pipeline.local.batch_api.faults.line_shapes import ANSWER_SHAPES, LINE_SHAPES, USAGE_SHAPES
from livedash_pipeline.local.batch_api.refusals import Refusal

INVALID_ANSWER = "Here is the analysis you asked for: the user wrote about several things."
_ODD = {"nul": "\x00", "surrogate": "\ud800", "line_separator": "\u2028"}

RunLine = Callable[[], LineResult]
Choice = dict[str, Any]


def run_faulty(line: bytes, place: LinePlace, fault: LineFault, run: RunLine) -> LineResult:
    """Returns the result of a line that a fault has struck.

    Args:
        line: the request.
        place: where the line stands.
        fault: what struck it.
        run: answers the line; not called where the fault comes before the answer.
    """
    custom_id = read_request(line)["custom_id"]
    if isinstance(fault, LostLine):
        return _lost(custom_id, place)
    if isinstance(fault, ErrorLine):
        return refused_line(custom_id, place, _trouble(fault))
    result = run()
    if isinstance(fault, MissingLine):
        return replace(result, written=b"")
    if isinstance(fault, DuplicateLine | ForeignLine | GarbledLine):
        return _rewritten(result, fault)
    if isinstance(fault, StringBody):
        return _with_string_body(result)
    return _with_answer(result, fault) if result.succeeded else result


def _lost(custom_id: str, place: LinePlace) -> LineResult:
    response = {"status_code": 0, "request_id": "", "body": {}}
    document = {"id": place.new_id("batch_req_"), "custom_id": custom_id, "response": response, "error": None}
    return LineResult(custom_id, document, succeeded=False)


def _trouble(fault: ErrorLine) -> Refusal:
    messages = {429: "Rate limit reached for requests."}
    default = messages.get(fault.status, "The server had an error while processing your request.")
    kind = "server_error" if fault.status >= 500 else fault.code or "invalid_request_error"
    return Refusal(fault.status, fault.message or default, code=fault.code, kind=kind)


def _rewritten(result: LineResult, fault: DuplicateLine | ForeignLine | GarbledLine) -> LineResult:
    own = write_line(result.document)
    if isinstance(fault, GarbledLine):
        return replace(result, written=own[: len(own) // 2] + b"\n")
    if isinstance(fault, ForeignLine):
        return replace(result, written=own + write_line({**result.document, "custom_id": fault.custom_id}))
    return replace(result, elsewhere=own) if fault.other_file else replace(result, written=own + own)


def _with_string_body(result: LineResult) -> LineResult:
    response = result.document["response"]
    text = json.dumps(response["body"], ensure_ascii=False)
    return replace(result, document={**result.document, "response": {**response, "body": text}})


def _with_answer(result: LineResult, fault: LineFault) -> LineResult:
    """Changes the first choice of a completion, or the shape of what is said of it."""
    document = copy.deepcopy(result.document)
    if isinstance(fault, LineShape):
        return replace(result, document=LINE_SHAPES[fault.shape](document))
    if isinstance(fault, UsageShape):
        body = document["response"]["body"]
        body["usage"] = USAGE_SHAPES[fault.shape](body["usage"])
        return replace(result, document=document)
    choice: Choice = document["response"]["body"]["choices"][0]
    message = choice["message"]
    content = message.get("content") or ""
    if isinstance(fault, RefusedAnswer):
        message.update(content=None, refusal=REFUSAL_TEXT)
    elif isinstance(fault, CutAnswer):
        message["content"], choice["finish_reason"] = content[: int(len(content) * fault.keep)], "length"
    elif isinstance(fault, InvalidJson):
        message["content"] = INVALID_ANSWER
    elif isinstance(fault, OffSchema):
        message["content"] = json.dumps({"answer": 42})
    elif isinstance(fault, OtherSession):
        message["content"] = _edited(content, lambda answer: {**answer, "session_id": fault.session_id})
    elif isinstance(fault, AnswerShape):
        message["content"] = ANSWER_SHAPES[fault.shape](content)
    elif isinstance(fault, OddText):
        message["content"] = _with_odd_text(content, _ODD[fault.text])
    return replace(result, document=document)


def _with_odd_text(content: str, odd: str) -> str:
    try:
        return _edited(content, lambda answer: {**answer, "summary": f"{answer['summary']}{odd}"})
    except (ValueError, TypeError, KeyError):  # an answer without a summary
        return content + odd


def _edited(content: str, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    return json.dumps(edit(json.loads(content)), ensure_ascii=False)
