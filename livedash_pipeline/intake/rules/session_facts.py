"""What a session's own columns say, from its CSV row and its messages.

Add facts that follow from these two alone; what a model says about a session is `analysis.rules.answer`. Messages are the better
witness where they are timed, the CSV row where they are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from livedash_pipeline.intake.rules.messages import Message

# A message that lies further than this from the CSV row, or an answer that took longer, has a wrong date: it decides nothing.
# It also keeps durations within the integer, and response times within the numeric(12,3), that hold them.
PLAUSIBLE = timedelta(days=366)
_MOST_SECONDS = 2**31 - 1
_MILLISECOND = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class RowFacts:
    """The part of a CSV row that messages may correct; response time in seconds."""

    start_time: datetime
    end_time: datetime
    messages_sent: int | None
    initial_msg: str | None
    avg_response_time: Decimal | None


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """The derived columns of a session; duration in whole seconds, response time in seconds to three decimals."""

    start_time: datetime
    end_time: datetime
    duration_seconds: int
    messages_sent: int | None
    initial_msg: str | None
    avg_response_time: Decimal | None


def derive_facts(row: RowFacts, messages: Sequence[Message]) -> SessionFacts:
    """Facts of one session.

    Start and end are the row's, widened to the first and last message where all are timed. Messages sent are those of the
    user, the first message is the user's first, and the response time is the mean from a user's last message before an
    answer to that answer; the row's values stand where messages do not tell.
    """
    start, end = _span(row, messages)
    asked = [message.content for message in messages if message.role == "user"]
    response = average_response_seconds(messages)
    return SessionFacts(
        start_time=start,
        end_time=end,
        duration_seconds=min(int((end - start).total_seconds()), _MOST_SECONDS),
        messages_sent=len(asked) if messages else row.messages_sent,
        initial_msg=asked[0] if asked else row.initial_msg,
        avg_response_time=row.avg_response_time if response is None else response,
    )


def average_response_seconds(messages: Sequence[Message]) -> Decimal | None:
    """Mean seconds from a user's message to the assistant's next; None where no such pair is timed."""
    waits = list(_waits(messages))
    if not waits:
        return None
    return (Decimal(sum(wait.total_seconds() for wait in waits)) / len(waits)).quantize(_MILLISECOND)


def _span(row: RowFacts, messages: Sequence[Message]) -> tuple[datetime, datetime]:
    times = [message.sent_at for message in messages if message.sent_at is not None]
    if not times or len(times) < len(messages):
        return row.start_time, row.end_time
    first, last = min(times), max(times)
    start = first if row.start_time - PLAUSIBLE <= first < row.start_time else row.start_time
    end = last if row.end_time < last <= row.end_time + PLAUSIBLE else row.end_time
    return start, end


def _waits(messages: Sequence[Message]) -> Iterator[timedelta]:
    asked_at: datetime | None = None
    for message in messages:
        if message.role == "user":
            asked_at = message.sent_at
        elif message.role == "assistant" and asked_at is not None:
            # An untimed answer ends the wait all the same: the next one is an answer to something else.
            wait = None if message.sent_at is None else message.sent_at - asked_at
            asked_at = None
            if wait is not None and timedelta(0) <= wait <= PLAUSIBLE:
                yield wait
