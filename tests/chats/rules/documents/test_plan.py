"""What batches of the old system become: codes, states, columns, times, and what is kept of how they were asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState
from livedash_pipeline.chats.rules.documents.moved import MovedBatch, MovedChat, MovedTurn
from livedash_pipeline.chats.rules.documents.plan import PlannedBatch, cells_of, own_ids, plan_batch, times_of, usable
from livedash_pipeline.chats.rules.documents.snapshot import configuration_of, name_of, type_of, uploader_of

T = datetime(2024, 7, 1, 10, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def turn(state: str = "COMPLETED", **fields: Any) -> MovedTurn:
    values: dict[str, Any] = {
        "legacy_id": None,
        "question": "Where do I apply?",
        "answer": "Online." if state == "COMPLETED" else None,
        "error": None,
        "state": state,
        "citations": (),
        "model": None,
        "input_tokens": None,
        "output_tokens": None,
        "started_at": None,
        "completed_at": None,
        "cells": {},
    }
    return MovedTurn(**values | fields)


def chat(*turns: MovedTurn) -> MovedChat:
    return MovedChat(None, None, turns)


def batch(*chats: MovedChat, **fields: Any) -> MovedBatch:
    values: dict[str, Any] = dict.fromkeys(
        ("name", "type", "ai_provider", "search_provider", "page_language", "apply_overrides", "uploader", "created_at")
    )
    values |= {"file": "export.json", "line": 1, "legacy_id": "1", "status": ""}
    return MovedBatch(**values | fields, chats=chats)


def planned(*chats: MovedChat, **fields: Any) -> PlannedBatch:
    found = plan_batch(batch(*chats, **fields))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("turns", "code", "state"),
    [
        ([turn()], "answered", ChatState.COMPLETED),
        ([turn(), turn("FAILED", error="timeout")], "imported_failure", ChatState.FAILED),
        ([turn(), turn("CANCELLED")], "cancelled", ChatState.CANCELLED),
        ([turn("SKIPPED", error="blocked")], "refused", ChatState.SKIPPED),
        ([turn("SKIPPED")], "refused", ChatState.SKIPPED),
        ([turn("SKIPPED", error="ShortQuery")], "too_short", ChatState.SKIPPED),
        ([turn("SKIPPED", question="?!")], "too_short", ChatState.SKIPPED),
        ([turn("SKIPPED"), turn()], "answered", ChatState.COMPLETED),
    ],
)
def test_a_chat_ends_as_its_turns_did(turns: list[MovedTurn], code: str, state: ChatState) -> None:
    (found,) = planned(chat(*turns)).chats
    assert (found.code, found.state) == (code, state)
    assert found.error == ("timeout" if state is ChatState.FAILED else None)


@pytest.mark.parametrize(
    ("states", "word", "status"),
    [
        (["COMPLETED", "SKIPPED"], "processed", ChatBatchStatus.COMPLETED),
        (["COMPLETED", "FAILED"], "processed", ChatBatchStatus.COMPLETED_WITH_FAILURES),
        (["FAILED"], "completed", ChatBatchStatus.FAILED),
        (["COMPLETED", "CANCELLED"], "processing", ChatBatchStatus.CANCELLED),
        (["COMPLETED"], " Cancelled ", ChatBatchStatus.CANCELLED),
    ],
)
def test_a_batch_ends_by_its_chats_unless_it_was_cancelled(
    states: list[str], word: str, status: ChatBatchStatus
) -> None:
    found = planned(*(chat(turn(state)) for state in states), status=word)
    assert found.status is status
    assert sum(found.counts.values()) == len(states)


def test_chats_without_turns_are_left_out() -> None:
    assert plan_batch(batch()) is None
    assert plan_batch(batch(chat())) is None
    assert len(planned(chat(), chat(turn())).chats) == 1


def test_columns_stand_in_the_order_in_which_they_appear() -> None:
    found = planned(
        chat(turn(cells={"b": "1"}), turn(cells={"a": "2", "b": "3"})), chat(turn(cells={"c": "4"}), turn())
    )
    assert found.columns == ("b", "a", "c")
    assert [cells_of(each, found.columns) for each in found.turns] == [["1"], ["3", "2"], ["", "", "4"], []]
    assert found.left_out == 0


def test_a_batch_has_no_more_columns_than_a_file_may_have() -> None:
    found = planned(*(chat(turn(cells={f"{place}": "x"})) for place in range(502)))
    assert (len(found.columns), found.left_out) == (500, 2)
    assert cells_of(list(found.turns)[501], found.columns) == []


def test_times_are_those_of_the_documents() -> None:
    turns = (turn(started_at=T + SECOND, completed_at=T + 3 * SECOND), turn(started_at=T, completed_at=T + 2 * SECOND))
    found = planned(chat(*turns), created_at=T - SECOND)
    times = times_of(found, NOW)
    assert (times.created_at, times.started_at, times.ended_at) == (T - SECOND, T, T + 3 * SECOND)
    assert (found.chats[0].started_at, found.chats[0].completed_at) == (T, T + 3 * SECOND)


def test_times_that_are_not_in_the_documents_are_now() -> None:
    nothing = times_of(planned(chat(turn())), NOW)
    assert (nothing.created_at, nothing.started_at, nothing.ended_at) == (NOW, None, NOW)
    started = times_of(planned(chat(turn(started_at=T))), NOW)
    assert (started.created_at, started.ended_at) == (T, NOW)


def test_a_batch_never_ends_before_it_was_made() -> None:
    times = times_of(planned(chat(turn(completed_at=T)), created_at=T + SECOND), NOW)
    assert times.ended_at == times.created_at == T + SECOND
    future = times_of(planned(chat(turn()), created_at=NOW + SECOND), NOW)
    assert future.ended_at == NOW + SECOND


@pytest.mark.parametrize("moment", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), None])
def test_moments_at_the_ends_of_the_calendar_count_as_missing(moment: datetime | None) -> None:
    assert usable(moment) is None
    assert usable(T) == T


def test_an_old_id_is_kept_once() -> None:
    assert own_ids(["a", None, "b", "a", "c"], {"c"}) == ["a", None, "b", None, None]


def test_the_configuration_says_what_the_documents_say() -> None:
    turns = (turn(model="gpt-4o"), turn(model="gpt-5"), turn(model="gpt-5"), turn())
    found = configuration_of(
        batch(chat(*turns), ai_provider="azure", search_provider="google", page_language="fr", apply_overrides=True)
    )
    assert (found.provider, found.model, found.search_provider, found.page_language) == (
        "azure", "gpt-5", "google", "fr",
    )  # fmt: skip
    assert (found.endpoint, found.parameters, found.override_text) == (
        "imported.invalid/v1",
        {"max_tokens": 1000},
        None,
    )


def test_what_the_documents_do_not_say_is_unknown() -> None:
    found = configuration_of(batch(chat(turn(model="\n"))))
    assert (found.provider, found.model, found.search_provider, found.page_language) == (
        "unknown", "unknown", "none", None,
    )  # fmt: skip
    assert configuration_of(batch(chat(turn()))).model == "unknown"


def test_names_are_one_line_of_two_hundred_characters() -> None:
    assert name_of(batch(name=" Été\n2024 🌞\x7f ")) == "Été 2024 🌞"
    assert len(name_of(batch(name="x" * 300))) == 200
    assert name_of(batch()) == name_of(batch(name="\t")) == "Batch 1"
    assert (type_of(batch()), type_of(batch(type="quick\n"))) == ("question", "quick")
    assert (uploader_of(batch()), uploader_of(batch(uploader="a@b.example"))) == (None, "a@b.example")
