"""What a turn shows the model, what its end means, and which way it is asked."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import product
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.chat_states import ChatMode, ChatState, Tier
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.chats.rules import turn_ends
from livedash_pipeline.chats.rules.progress import progress_of
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.slices import Breaker, Pace, breaker_for, is_slice
from livedash_pipeline.chats.rules.tiers import MARGIN, WINDOW, tier_of
from livedash_pipeline.chats.rules.turn_ends import Then, back_off, chat_after, end_of_turn, is_failure, state_of_chat
from livedash_pipeline.chats.rules.turn_lines import turn_line
from livedash_pipeline.chats.rules.turns import (
    Exchange,
    Source,
    input_hash,
    is_too_short,
    source_of,
    turn_body,
    turn_messages,
)
from tests.conftest import NOW

PLAIN = Configuration(
    provider="openai",
    base_url="https://api.example.org/v1",
    model="gpt-5-mini",
    parameters={"max_completion_tokens": 100, "response_format": None},
    system_prompt="Be helpful.",
    prompt_version="1",
    concurrency=2,
    requests_per_minute=None,
    timeout_seconds=5,
    search_provider="none",
    page_language=None,
    override_text=None,
    turn_policy="stop",
)
SOURCE = Source("document", "1", "Handbook", "https://example.org/h", "Thirty days." + "x" * 5000)


@pytest.mark.parametrize("question", ["", " ", "?", "a?", "ab", "…!?", "1.", "中"])
def test_what_says_too_little_is_not_asked(question: str) -> None:
    assert is_too_short(question)


@pytest.mark.parametrize("question", ["why", "a b c?", "中文", "なぜ", "왜요", "לָמָּה", "क्यों", "abc", "1+1=2"])
def test_what_says_enough_is_asked(question: str) -> None:
    assert not is_too_short(question)


def test_a_plain_turn_is_instructions_and_question() -> None:
    assert turn_messages(PLAIN, "Who?") == [
        {"role": "system", "content": "Be helpful."},
        {"role": "user", "content": "Who?"},
    ]


def test_everything_that_is_known_is_shown_in_its_place() -> None:
    rich = PLAIN.model_copy(update={"override_text": "Be brief.", "page_language": "fr"})
    bare = Source("answer", "2", "Earlier", None, "An answer.")
    messages = turn_messages(
        rich,
        "Who?",
        context="Some context.",
        url="https://example.org",
        sources=[SOURCE, bare],
        history=[Exchange("First?", "One.")],
    )
    system = messages[0]["content"]
    for part in (
        "Be brief.",
        "language fr",
        "https://example.org",
        "Some context.",
        "[1] Handbook",
        "[2] Earlier\nAn answer.",
    ):
        assert part in system
    assert len(system) < 3000
    assert [message["content"] for message in messages[1:]] == ["First?", "One.", "Who?"]
    assert source_of(SOURCE.document()) == SOURCE


def test_the_hash_names_all_that_is_shown() -> None:
    messages = turn_messages(PLAIN, "Who?")
    other = PLAIN.model_copy(update={"model": "gpt-4.1"})
    hashes = {
        input_hash(PLAIN, messages),
        input_hash(other, messages),
        input_hash(PLAIN, turn_messages(PLAIN, "Why?")),
        input_hash(PLAIN.model_copy(update={"parameters": {}}), messages),
    }
    assert len(hashes) == 4
    assert PLAIN.digest != other.digest


def test_a_line_holds_the_body_and_nothing_that_a_reader_takes_for_its_end() -> None:
    request_id = uuid4()
    line = turn_line(request_id, PLAIN, turn_messages(PLAIN, "Who\u2028are you?"))
    document = json.loads(line)
    assert (document["custom_id"], document["url"]) == (str(request_id), "/v1/chat/completions")
    assert document["body"] == turn_body(PLAIN, turn_messages(PLAIN, "Who\u2028are you?"))
    assert "response_format" not in document["body"]
    assert "\u2028" not in line.decode()


@pytest.mark.parametrize(
    ("outcome", "is_free", "attempts", "then", "code", "counts"),
    [
        (Outcome.PARSED, False, 1, Then.ENDED, "answered", True),
        (Outcome.REFUSED, False, 1, Then.ENDED, "refused", True),
        (Outcome.TRUNCATED, False, 1, Then.ENDED, "truncated", True),
        (Outcome.INVALID_OUTPUT, False, 1, Then.ENDED, "invalid_output", True),
        (Outcome.REJECTED, False, 1, Then.ENDED, "rejected", True),
        (Outcome.NOT_RUN, False, 9, Then.HELD, "not_run", False),
        (Outcome.TRANSIENT, True, 9, Then.AGAIN, "transient", False),
        (Outcome.TRANSIENT, False, 2, Then.AGAIN, "transient", True),
        (Outcome.TRANSIENT, False, 3, Then.ENDED, "transient", True),
        (Outcome.ARTIFACT_UNAVAILABLE, False, 1, Then.AGAIN, "artifact_unavailable", True),
        (Outcome.ARTIFACT_UNAVAILABLE, False, 3, Then.ENDED, "artifact_unavailable", True),
    ],
)
def test_the_end_of_a_call_decides_about_its_turn(
    outcome: Outcome, is_free: bool, attempts: int, then: Then, code: str, counts: bool
) -> None:
    end = end_of_turn(outcome, is_free=is_free, attempts=attempts, max_attempts=3)
    assert (end.then, end.code, end.counts) == (then, code, counts)


def test_a_refusal_that_may_be_its_own_uses_tries_up() -> None:
    ends = [
        end_of_turn(Outcome.NOT_RUN, is_free=False, may_be_its_own=True, attempts=attempts, max_attempts=3)
        for attempts in (2, 3)
    ]
    assert [(end.then, end.counts) for end in ends] == [(Then.HELD, True), (Then.ENDED, True)]


@pytest.mark.parametrize(
    ("codes", "state", "code"),
    [
        (["answered"], ChatState.COMPLETED, "answered"),
        (["too_short"], ChatState.SKIPPED, "too_short"),
        (["refused", "too_short"], ChatState.SKIPPED, "refused"),
        (["too_short", "answered"], ChatState.COMPLETED, "answered"),
        (["answered", "truncated", "earlier_turn_failed"], ChatState.FAILED, "truncated"),
        (["answered", "cancelled"], ChatState.CANCELLED, "cancelled"),
        (["transient", "cancelled"], ChatState.FAILED, "transient"),
    ],
)
def test_the_turns_decide_about_their_conversation(codes: list[str], state: ChatState, code: str) -> None:
    assert state_of_chat(codes) == (state, code)


@pytest.mark.parametrize(
    ("codes", "stops", "cancelling", "state"),
    [
        (["answered", None], True, False, ChatState.PROCESSING),
        (["answered", None], True, True, ChatState.CANCELLED),
        (["truncated", None], True, False, ChatState.FAILED),
        (["truncated", None], False, False, ChatState.PROCESSING),
        (["truncated", "answered"], False, True, ChatState.FAILED),
        (["answered", "answered"], True, True, ChatState.COMPLETED),
    ],
)
def test_a_conversation_goes_on_until_nothing_is_left(
    codes: list[str | None], stops: bool, cancelling: bool, state: ChatState
) -> None:
    assert chat_after(codes, stops=stops, cancelling=cancelling) is state


def test_skips_and_cancels_are_no_failures() -> None:
    fine = [turn_ends.ANSWERED, turn_ends.TOO_SHORT, turn_ends.REFUSED, turn_ends.CANCELLED]
    assert not any(map(is_failure, fine))
    assert is_failure(turn_ends.EARLIER_TURN_FAILED)


@example(3, 0.5)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_waits_grow_and_end(attempts: int, jitter: float) -> None:
    assert 0.5 <= back_off(attempts, jitter) <= 90


@pytest.mark.parametrize(
    ("mode", "hours", "turns", "tier"),
    [
        (ChatMode.SLICES, None, 1, Tier.SLICES),
        (ChatMode.BATCH, 1, 1, Tier.BATCH),
        (ChatMode.AUTO, None, 1, Tier.BATCH),
        (ChatMode.AUTO, 26, 1, Tier.BATCH),
        (ChatMode.AUTO, 25.9, 1, Tier.SLICES),
        (ChatMode.AUTO, 26, 2, Tier.SLICES),
        (ChatMode.AUTO, 50, 2, Tier.BATCH),
        (ChatMode.AUTO, -1, 0, Tier.SLICES),
    ],
)
def test_the_cheap_way_is_taken_where_it_is_in_time(
    mode: ChatMode, hours: float | None, turns: int, tier: Tier
) -> None:
    assert timedelta(hours=26) == WINDOW + MARGIN
    due = None if hours is None else NOW + timedelta(hours=hours)
    assert tier_of(mode, due, turns=turns, now=NOW) is tier


def test_a_breaker_opens_after_failures_in_a_row() -> None:
    breaker = Breaker(limit=3)
    seen = [
        breaker.note(troubled=troubled, answered=answered)
        for troubled, answered in ((True, False), (True, False), (False, True), (False, False), *[(True, False)] * 3)
    ]
    assert seen == [False, False, False, False, False, False, True]
    assert breaker_for(8).limit == 12


def test_calls_are_spread_over_a_minute() -> None:
    assert (Pace(None).take(5), Pace(None).wait(5)) == (0, 0)
    pace = Pace(60)
    assert pace.wait(5) == 0
    assert [pace.take(10), pace.take(10), pace.take(10)] == [0, 1, 2]
    assert pace.take(100) == 0


def test_slices_have_a_length() -> None:
    assert [is_slice(each) for each in (0, 0.9, 1, 300, 300.1, float("nan"))] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_progress_is_told_once_something_is_over() -> None:
    begun = NOW - timedelta(minutes=1)
    none = progress_of(total=10, still_open=10, started_at=begun, ended_at=None, now=NOW)
    assert (none.percent, none.per_minute, none.estimated_end_at) == (0, None, None)
    assert progress_of(total=10, still_open=3, started_at=None, ended_at=None, now=NOW).per_minute is None
    half = progress_of(total=10, still_open=5, started_at=begun, ended_at=None, now=NOW)
    assert (half.percent, half.per_minute, half.estimated_end_at) == (50, 5.0, NOW + timedelta(minutes=1))
    for still_open, ended in product((0, 5), (NOW, None)):
        if ended is not None or not still_open:
            known = progress_of(total=10, still_open=still_open, started_at=begun, ended_at=ended, now=NOW)
            assert known.estimated_end_at is None
