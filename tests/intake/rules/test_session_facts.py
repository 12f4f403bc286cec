"""What a session's columns say, from its row and its messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.intake.rules.session_facts import RowFacts, average_response_seconds, derive_facts

NOON = datetime(2025, 5, 1, 12, 0, tzinfo=UTC)
ROW = RowFacts(NOON, NOON + timedelta(seconds=60), 7, "from the row", Decimal("3.500"))


def at(seconds: float | None, role: str = "user", content: str = "x") -> Message:
    return Message(role, content, None if seconds is None else NOON + timedelta(seconds=seconds))


def test_session_without_messages_is_told_by_its_row() -> None:
    facts = derive_facts(ROW, [])
    assert (facts.start_time, facts.end_time, facts.duration_seconds) == (ROW.start_time, ROW.end_time, 60)
    assert (facts.messages_sent, facts.initial_msg, facts.avg_response_time) == (7, "from the row", Decimal("3.500"))


def test_timed_messages_widen_the_session_and_replace_counts() -> None:
    facts = derive_facts(ROW, [at(-5, content="first"), at(-3, "assistant"), at(80), at(90, "assistant")])
    assert (facts.start_time, facts.end_time) == (NOON - timedelta(seconds=5), NOON + timedelta(seconds=90))
    assert facts.duration_seconds == 95
    assert (facts.messages_sent, facts.initial_msg, facts.avg_response_time) == (2, "first", Decimal("6.000"))


def test_messages_inside_the_row_leave_its_times() -> None:
    facts = derive_facts(ROW, [at(10), at(20, "assistant")])
    assert (facts.start_time, facts.end_time) == (ROW.start_time, ROW.end_time)


def test_one_untimed_message_leaves_the_rows_times() -> None:
    facts = derive_facts(ROW, [at(-5), at(None, "assistant"), at(90)])
    assert (facts.start_time, facts.end_time) == (ROW.start_time, ROW.end_time)


def test_a_wrong_century_decides_nothing() -> None:
    facts = derive_facts(ROW, [at(-40 * 366 * 86_400), at(0, "assistant"), at(40 * 366 * 86_400)])
    assert (facts.start_time, facts.end_time) == (ROW.start_time, ROW.end_time)
    assert facts.avg_response_time == ROW.avg_response_time


def test_session_without_a_users_message_counts_none_and_keeps_the_rows_first_message() -> None:
    facts = derive_facts(ROW, [at(0, "assistant"), at(1, "system")])
    assert (facts.messages_sent, facts.initial_msg) == (0, "from the row")


def test_response_time_starts_at_the_last_message_of_a_run_and_ends_at_the_first_answer() -> None:
    messages = [at(0), at(10), at(11, "system"), at(14, "assistant"), at(30, "assistant"), at(40), at(45, "assistant")]
    assert average_response_seconds(messages) == Decimal("4.500")


def test_response_time_needs_a_timed_pair() -> None:
    assert average_response_seconds([at(0), at(5)]) is None
    assert average_response_seconds([at(None), at(5, "assistant")]) is None
    assert average_response_seconds([at(0), at(None, "assistant"), at(5, "assistant")]) is None
    assert average_response_seconds([at(9), at(5, "assistant")]) is None


MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(["user", "assistant", "system", "unknown"]),
        st.text(min_size=1, max_size=5),
        st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1)).map(lambda t: t.replace(tzinfo=UTC)),  # noqa: DTZ001
    ),
    max_size=8,
)


@given(MESSAGES)
def test_facts_fit_their_columns(messages: list[Message]) -> None:
    facts = derive_facts(ROW, messages)
    assert facts.start_time <= facts.end_time
    assert 0 <= facts.duration_seconds < 2**31
    assert facts.avg_response_time is not None
    assert 0 <= facts.avg_response_time < 10**9
