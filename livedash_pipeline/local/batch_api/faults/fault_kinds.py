"""Every way in which the stand-in can misbehave, one frozen model for each: what it is called and what it can be told.

Add a kind here, in `call_kinds.py` where it is about one call, or in `shown_kinds.py` where it is about what the service shows;
put it into one of the unions, and let the module that the union names act on it. Pure data: nothing happens here. All durations
are seconds of the service's clock, whatever its speed; those of `hang`, `slow` and `late` are of the wall.
"""

from typing import Annotated, Literal

from pydantic import Field

from livedash_pipeline.local.batch_api.faults.call_kinds import OddAnswer, UnreliableCall
from livedash_pipeline.local.batch_api.faults.fault_base import Base, Count, Seconds, Share
from livedash_pipeline.local.batch_api.faults.shown_kinds import ListingFault, Pretend, ShownFault, SurvivingInput


class VisibilityLag(Base):
    """What was made cannot be seen for a while: a batch, its input file from the upload on, or its result files."""

    kind: Literal["visibility_lag"]
    seconds: Seconds
    of: Literal["batch", "input_file", "result_files"] = "batch"
    on: Literal["get", "list", "both"] = "both"


class VanishBatch(Base):
    """Nobody can see the batch any more from `after` seconds after its creation; it goes on all the same."""

    kind: Literal["vanish_batch"]
    after: Seconds = 0.0


class VanishFile(Base):
    """A result file is gone `after` seconds after the batch has ended; the batch still names it."""

    kind: Literal["vanish_file"]
    file: Literal["output", "error", "both"] = "output"
    after: Seconds = 0.0


class Expire(Base):
    """The batch expires as soon as this share of its lines has run."""

    kind: Literal["expire"]
    share: Share


class Stuck(Base):
    """The batch stays in a state for that much longer; None: for ever."""

    kind: Literal["stuck"]
    state: Literal["validating", "in_progress", "finalizing", "cancelling"] = "finalizing"
    seconds: Seconds | None = None


class WrongCounts(Base):
    """`request_counts` is off by these numbers; `all_completed`: it says that every line succeeded."""

    kind: Literal["wrong_counts"]
    all_completed: bool = False
    total_by: int = 0
    completed_by: int = 0
    failed_by: int = 0


class UnstatedUsage(Base):
    """The batch object states no `usage`, as those of many services and of older batches."""

    kind: Literal["unstated_usage"]


class TokenLimit(Base):
    """Validation fails with `token_limit_exceeded` if the model's prompt tokens in all batches not ended exceed `limit`."""

    kind: Literal["token_limit"]
    limit: Annotated[int, Field(ge=0)]
    model: str | None = None


class FailValidation(Base):
    """Validation finds this one fault, whatever the file holds."""

    kind: Literal["fail_validation"]
    code: str
    message: str = "The batch was refused by a fault script."
    param: str | None = None
    line: Count | None = None


class SplitLines(Base):
    """Validation splits the file wherever some readers end a line, as at U+2028, and finds what is no JSON then."""

    kind: Literal["split_lines"]


class EmptyErrorFile(Base):
    """A batch without errors names an error file all the same, of zero bytes."""

    kind: Literal["empty_error_file"]


class OddFile(Base):
    """A result file is served as something else than its lines, until `seconds` after the end (None: for ever).

    `html_page`, `json_error`, `plain_text`: what a proxy says with status 200. `empty_body`; `binary_body`: bytes of no meaning;
    `gzip_bytes`: compressed and not said to be; `utf16_body`: in another encoding; `longer_body`: with more behind it;
    `other_batch`: lines about requests of another batch.

    Attributes:
        file: which of the two.
        seconds: how long.
        sized: whether the File object states the size of what is served.
    """

    kind: Literal[
        "html_page",
        "json_error",
        "plain_text",
        "empty_body",
        "binary_body",
        "gzip_bytes",
        "utf16_body",
        "longer_body",
        "other_batch",
    ]
    file: Literal["output", "error", "both"] = "output"
    seconds: Seconds | None = None
    sized: bool = False


class OtherSize(Base):
    """The File object of a result file states another size: `bytes`, or `by` more than it has; null with `unknown`."""

    kind: Literal["other_size"]
    file: Literal["output", "error", "both"] = "output"
    bytes: Annotated[int, Field(ge=0)] | None = None
    by: int = 0
    unknown: bool = False
    seconds: Seconds | None = None


class LateOutputFile(Base):
    """The batch names its output file only `seconds` after its end; None: never."""

    kind: Literal["late_output_file"]
    seconds: Seconds | None = None


class Dialect(Base):
    """The batch object, and the `created_at` of its input file, are written as other vendors write them."""

    kind: Literal["dialect"]
    upper_case_states: bool = False
    empty_ids: bool = False
    null_counts: bool = False
    time_format: Literal["seconds", "milliseconds", "string", "iso"] = "seconds"


class UnknownState(Base):
    """Until `seconds` after the creation (None: until the end), the status is a word that nobody knows."""

    kind: Literal["unknown_state"]
    word: str = "queued"
    seconds: Seconds | None = None


class MissingLine(Base):
    """The line is run and billed, and stands in neither file."""

    kind: Literal["missing_line"]


class DuplicateLine(Base):
    """The line's result stands twice in its file; `other_file`: once in each of the two."""

    kind: Literal["duplicate_line"]
    other_file: bool = False


class ForeignLine(Base):
    """Behind the line's result stands the same one under an id that nobody asked for."""

    kind: Literal["foreign_line"]
    custom_id: str = "somebody-else"


class LostLine(Base):
    """The line is lost inside the service: `status_code` 0, no request id, an empty body, no error."""

    kind: Literal["lost_line"]


class ErrorLine(Base):
    """The line gets an error: 429 or 5xx for trouble that passes, 429 with `insufficient_quota`, 4xx for a refusal."""

    kind: Literal["error_line"]
    status: Annotated[int, Field(ge=400, le=599)] = 500
    code: str | None = None
    message: str | None = None


class GarbledLine(Base):
    """The line's result is cut in the middle and is no JSON."""

    kind: Literal["garbled_line"]


class StringBody(Base):
    """The `body` of the response is the JSON text of the object."""

    kind: Literal["string_body"]


class RefusedAnswer(Base):
    """The model refuses: no content, a `refusal` instead."""

    kind: Literal["refusal"]


class CutAnswer(Base):
    """The answer ends at the token limit: `finish_reason` length; `keep` 0 leaves an empty content."""

    kind: Literal["length"]
    keep: Share = 0.5


class InvalidJson(Base):
    """The answer is prose, not JSON."""

    kind: Literal["invalid_json"]


class OffSchema(Base):
    """The answer is a JSON object with other keys than the schema's."""

    kind: Literal["off_schema"]


class OtherSession(Base):
    """The answer speaks of another session."""

    kind: Literal["other_session"]
    session_id: str = "00000000-0000-4000-8000-000000000000"


class LineShape(Base):
    """The line is written in another shape, as some service was seen to write it; see `line_shapes.py`."""

    kind: Literal["line_shape"]
    shape: Literal[
        "in_response",
        "in_line",
        "in_result",
        "response_as_text",
        "without_status",
        "in_tool_call",
        "in_function_call",
        "in_reasoning",
        "content_as_object",
        "choices_as_object",
        "plain_completion",
        "answer_in_body",
        "two_different_calls",
        "unknown_shape",
    ]


class UsageShape(Base):
    """The line's usage is stated in other names or in another sense; see `line_shapes.py`."""

    kind: Literal["usage_shape"]
    shape: Literal[
        "zero_beside", "camel_case", "digits_as_text", "reasoning_outside", "cached_on_top", "prompt_and_total"
    ]


class AnswerShape(Base):
    """The model writes its answer in another shape; see `line_shapes.py`."""

    kind: Literal["answer_shape"]
    shape: Literal[
        "fence",
        "plain_fence",
        "thoughts",
        "orphan_thoughts",
        "text_before",
        "text_behind",
        "byte_order_mark",
        "list",
        "wrapper",
        "string",
        "raw_line_end",
        "trailing_comma",
        "twice",
        "repeated_key",
        "boolean_text",
        "category_words",
        "locale",
        "one_question",
        "null_questions",
        "short_summary",
        "three_letters",
        "truncated",
        "single_quotes",
        "two_objects",
        "two_session_ids",
        "empty_summary",
        "unknown_category",
    ]


class OddText(Base):
    """The answer's summary (of another answer: its text) ends in something that is hard to store or to split."""

    kind: Literal["odd_text"]
    text: Literal["nul", "surrogate", "line_separator"]


CallFault = UnreliableCall | Pretend | OddAnswer
"""Of one call; acted on by `faulty_service.py` in this process and by `fault_gate.py` over HTTP."""

BatchFault = (
    VisibilityLag
    | VanishBatch
    | VanishFile
    | Expire
    | Stuck
    | WrongCounts
    | UnstatedUsage
    | TokenLimit
    | FailValidation
    | SplitLines
    | EmptyErrorFile
    | OddFile
    | OtherSize
    | LateOutputFile
    | Dialect
    | UnknownState
    | SurvivingInput
    | ShownFault
)
"""Of one batch; acted on by `runs.py`, shown by `batch_faults.py` and `batch_views.py`, its files by `odd_files.py`."""

AnswerFault = (
    RefusedAnswer | CutAnswer | InvalidJson | OffSchema | OtherSession | OddText | LineShape | UsageShape | AnswerShape
)
LineFault = MissingLine | DuplicateLine | ForeignLine | LostLine | ErrorLine | GarbledLine | StringBody | AnswerFault
"""Of one line of a batch; acted on by `line_faults.py`."""

FaultKind = CallFault | BatchFault | LineFault | ListingFault
