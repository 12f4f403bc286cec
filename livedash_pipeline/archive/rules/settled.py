"""Which sessions may be archived: those of the month that are settled, as their rows stand.

Add a reason to leave a session where it is. The statement `archive/session_states` reads what is judged here; the same rule is
asked again, under lock, before texts are deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from livedash_pipeline.archive.rules.months import Month
from livedash_pipeline.base.rules.states import StageStatus, is_done


class Unsettled(StrEnum):
    """Why a session is left where it is."""

    OTHER_MONTH = "other_month"
    """Its chat began in another month, as its messages say by now."""
    ERASED = "erased"
    """It was erased on request: what is left of it goes nowhere."""
    STALE = "stale"
    """A newer transcript waits until a request is settled."""
    OPEN_REQUEST = "open_request"
    """A request about it is pending or at the service."""
    STAGE_NOT_DONE = "stage_not_done"
    """A stage of it is under way, or waits without a failure before it."""
    FETCH_DUE = "fetch_due"
    """Its transcript is fetched again by itself."""
    DERIVATION_DUE = "derivation_due"
    """Its row or its transcript is newer than its messages."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """What decides whether a session is settled, as `archive/session_states` reads it.

    Attributes:
        start_time: When the chat began.
        stages: Its status at each stage, in the order of the stages.
        is_erased: It was erased on request.
        is_stale: A newer transcript waits until a request is settled.
        has_open_request: A request about it is pending or at the service.
        is_fetch_due: A failed fetch is tried again by itself.
        is_derivation_due: Row or transcript are newer than the messages, and may still be read.
    """

    start_time: datetime
    stages: Sequence[StageStatus]
    is_erased: bool
    is_stale: bool
    has_open_request: bool
    is_fetch_due: bool
    is_derivation_due: bool


def why_unsettled(state: SessionState, month: Month) -> Unsettled | None:
    """Returns the first reason to leave a session where it is; None if it is settled and of the month."""
    reasons = {
        Unsettled.OTHER_MONTH: not month.start <= state.start_time < month.end,
        Unsettled.ERASED: state.is_erased,
        Unsettled.STALE: state.is_stale,
        Unsettled.OPEN_REQUEST: state.has_open_request,
        Unsettled.STAGE_NOT_DONE: not is_done(state.stages),
        Unsettled.FETCH_DUE: state.is_fetch_due,
        Unsettled.DERIVATION_DUE: state.is_derivation_due,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


class Sized(Protocol):
    """Something with texts."""

    @property
    def text_bytes(self) -> int:
        """Size of its texts in bytes."""


_Sized = TypeVar("_Sized", bound=Sized)


def groups_of(sessions: Iterable[_Sized], *, most_sessions: int, most_bytes: int) -> Iterator[list[_Sized]]:
    """Splits sessions, in their order, into groups that fit into memory; one that is larger than that is a group by itself."""
    group: list[_Sized] = []
    size = 0
    for session in sessions:
        if group and (len(group) >= most_sessions or size + session.text_bytes > most_bytes):
            yield group
            group, size = [], 0
        group.append(session)
        size += session.text_bytes
    if group:
        yield group
