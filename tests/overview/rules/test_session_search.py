"""What a search of sessions reads from an address, and the order that it walks in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.overview.rules.session_search import (
    LOOK_THROUGH,
    LOOK_THROUGH_STAGES,
    LOOK_THROUGH_WORDS,
    PARAMETERS,
    SessionFilter,
    Walk,
    choose_walk,
    first_open,
    read_search,
    search_key,
)

QUESTION = UUID("0197a3c2-5b1e-7d44-9c3a-2f8e61d0b7a4")
S = StageStatus


def test_everything_is_read() -> None:
    given = {
        "id": " chat-4711 ", "from": "2025-05-01", "to": "2025-05-01T13:30", "language": "NL", "category": "Onboarding",
        "sentiment": "Positive", "escalated": "yes", "hr": "none", "analysed": "no", "question": str(QUESTION),
        "words": "Roster  LEAVE roster", "stage": "ai_analysis", "status": "failed",
    }  # fmt: skip
    assert set(given) == set(PARAMETERS) - {"on"}
    wanted, faults = read_search(given)
    assert faults == []
    assert wanted == SessionFilter(
        name="chat-4711",
        since=datetime(2025, 5, 1),  # noqa: DTZ001 - local times of a company
        until=datetime(2025, 5, 1, 13, 31),  # noqa: DTZ001
        language="nl",
        category="onboarding",
        sentiment="positive",
        escalated="yes",
        forwarded_hr="none",
        analysed="no",
        question_id=QUESTION,
        words=("roster", "leave"),
        stage="AI_ANALYSIS",
        status=S.FAILED,
    )


def test_empty_fields_are_not_given() -> None:
    assert read_search(dict.fromkeys(PARAMETERS, " ")) == (SessionFilter(), [])
    assert read_search({}) == (SessionFilter(), [])


def test_the_end_of_a_day_is_the_next_one() -> None:
    wanted, _ = read_search({"from": "2025-05-01 08:00", "to": "2025-05-31"})
    assert (wanted.since, wanted.until) == (datetime(2025, 5, 1, 8), datetime(2025, 6, 1))  # noqa: DTZ001


def test_a_day_is_its_beginning_and_its_end() -> None:
    wanted, _ = read_search({"on": "2025-05-01", "from": ""})
    assert wanted == read_search({"from": "2025-05-01", "to": "2025-05-01"})[0]
    wanted, _ = read_search({"on": "2025-05-01", "to": "2025-05-02"})
    assert wanted == read_search({"from": "2025-05-01", "to": "2025-05-02"})[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("id", "x" * 256),
        ("id", "a\x07b"),
        ("from", "2025-02-30"),
        ("from", "yesterday"),
        ("from", "0001-01-01"),
        ("to", "9999-12-31"),
        ("to", "2025-05-01T25:00"),
        ("language", "dutch"),
        ("category", "a-b"),
        ("sentiment", "happy"),
        ("escalated", "true"),
        ("hr", "1"),
        ("analysed", "none"),
        ("question", "1"),
        ("words", "a b c d e f"),
        ("words", "x" * 201),
        ("words", "a\x07"),
    ],
)
def test_what_is_not_understood_is_a_fault_of_its_parameter(name: str, text: str) -> None:
    wanted, faults = read_search({name: text})
    assert [fault.parameter for fault in faults] == [name]
    assert len(faults[0].message) < 250
    assert wanted == SessionFilter()


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"stage": "ai_analysis"}, "status"),
        ({"status": "failed"}, "stage"),
        ({"stage": "a b", "status": "failed"}, "stage"),
        ({"stage": "ai_analysis", "status": "lost"}, "status"),
        ({"from": "2025-05-02", "to": "2025-05-01"}, "to"),
    ],
)
def test_filters_that_do_not_go_together_are_a_fault(given: dict[str, str], parameter: str) -> None:
    wanted, faults = read_search(given)
    assert faults[-1].parameter in (parameter, "status", "stage")
    assert parameter in {fault.parameter for fault in faults}
    assert wanted.stage is wanted.status is None


@given(st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=300)))
def test_any_text_is_read_or_a_fault(given: dict[str, str]) -> None:
    wanted, faults = read_search(given)
    assert {fault.parameter for fault in faults} <= set(PARAMETERS)
    assert search_key(wanted, Walk.TIME, None)["list"] == "sessions"


def test_only_ids_and_times_need_no_look_at_rows() -> None:
    indexed, _ = read_search({"id": "x", "from": "2025-05-01"})
    assert not indexed.looks
    looked, _ = read_search({"language": "nl"})
    assert (looked.looks, looked.look_through) == (True, LOOK_THROUGH)
    staged, _ = read_search({"stage": "ai_analysis", "status": "failed"})
    assert staged.look_through == LOOK_THROUGH_STAGES
    worded, _ = read_search({"words": "x", "stage": "ai_analysis", "status": "failed"})
    assert worded.look_through == LOOK_THROUGH_WORDS


@pytest.mark.parametrize(
    ("given", "rare", "walk"),
    [
        ({}, True, Walk.TIME),
        ({"language": "nl"}, True, Walk.TIME),
        ({"id": "x", "question": str(QUESTION)}, True, Walk.NAME),
        ({"question": str(QUESTION)}, True, Walk.QUESTION),
        ({"question": str(QUESTION)}, False, Walk.TIME),
        ({"stage": "ai_analysis", "status": "failed"}, True, Walk.STAGE),
        ({"stage": "ai_analysis", "status": "failed"}, False, Walk.TIME),
        ({"stage": "ai_analysis", "status": "pending"}, True, Walk.TIME),
        ({"stage": "ai_analysis", "status": "completed"}, True, Walk.TIME),
        ({"stage": "transcript_fetch", "status": "failed"}, False, Walk.STAGE),
        ({"stage": "session_creation", "status": "pending"}, False, Walk.STAGE),
        ({"stage": "session_creation", "status": "skipped"}, False, Walk.TIME),
    ],
)
def test_a_search_walks_where_an_index_serves(given: dict[str, str], rare: bool, walk: Walk) -> None:
    wanted, _ = read_search(given)
    assert choose_walk(wanted, is_rare=lambda _: rare) is walk


def test_a_cursor_is_bound_to_every_filter() -> None:
    keys = [search_key(read_search(given)[0], Walk.TIME, None) for given in ({}, {"words": "a b"}, {"words": "a"})]
    keys.append(search_key(SessionFilter(), Walk.TIME, "acme"))
    keys.append(search_key(SessionFilter(), Walk.STAGE, None))
    assert len({str(key) for key in keys}) == len(keys)


def test_the_first_open_stage_is_shown() -> None:
    stages = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "AI_ANALYSIS")
    assert first_open({}, stages) == ("CSV_IMPORT", S.PENDING)
    done = {"CSV_IMPORT": S.COMPLETED, "TRANSCRIPT_FETCH": S.SKIPPED}
    assert first_open(done, stages) == ("AI_ANALYSIS", S.PENDING)
    assert first_open(done | {"TRANSCRIPT_FETCH": S.FAILED}, stages) == ("TRANSCRIPT_FETCH", S.FAILED)
    assert first_open(done | {"AI_ANALYSIS": S.COMPLETED}, stages) == ("AI_ANALYSIS", S.COMPLETED)
