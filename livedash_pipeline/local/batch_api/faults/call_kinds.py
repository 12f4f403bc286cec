"""Ways in which one call can go wrong: its connection, its status, its time, and the answer of a direct chat completion.

Add a kind here and to a union, and let `fault_gate.py` and `faulty_service.py` act on it. Pure data. `nth` of the match counts
the calls of the fault's operation.
"""

from typing import Annotated, Literal

from pydantic import Field

from livedash_pipeline.local.batch_api.faults.fault_base import Base, Operation, Seconds, Share


class _Call(Base):
    operation: Operation | Literal["any"]
    hang: Seconds = 0.0
    """Seconds of the wall before the connection breaks, for a client that is to run into its own time-out."""


class LoseReply(_Call):
    """The call takes effect, its answer never comes: the connection breaks."""

    kind: Literal["lose_reply"]


class Drop(_Call):
    """The connection breaks before the call takes effect."""

    kind: Literal["drop"]


class Delay(_Call):
    """The connection breaks, and the call takes effect `seconds` later; None: when `release` says so, perhaps never."""

    kind: Literal["delay"]
    operation: Literal["create_batch", "cancel_batch", "delete_file"]
    seconds: Seconds | None = None


class Status(_Call):
    """An error is answered; `acted`: the call takes effect all the same, as when a proxy gives up too early."""

    kind: Literal["status"]
    status: Annotated[int, Field(ge=400, le=599)]
    code: str | None = None
    message: str | None = None
    retry_after: Seconds | None = None
    acted: bool = False


class Truncate(_Call):
    """The call takes effect and its answer ends early; `silent`: with a length that says that this is all."""

    kind: Literal["truncate"]
    keep: Share = 0.5
    silent: bool = False


class Slow(_Call):
    """The call takes effect and its answer takes `seconds` of the wall to arrive, in pieces."""

    kind: Literal["slow"]
    seconds: Seconds


class Late(_Call):
    """The call takes effect at once, and its whole answer comes `seconds` of the wall later, with nothing before."""

    kind: Literal["late"]
    seconds: Seconds


class OddAnswer(Base):
    """The answer to a direct chat completion is of no use: a refusal, nothing, or cut in the middle by limit or filter.

    It is billed like the good one. Faults of the same names strike lines of batches.
    """

    kind: Literal["odd_answer"]
    operation: Literal["chat_completion"] = "chat_completion"
    answer: Literal["refusal", "empty", "length", "content_filter"]


UnreliableCall = LoseReply | Drop | Delay | Status | Truncate | Slow | Late
"""Of a call to any operation; `OddAnswer` strikes direct chat completions alone."""
