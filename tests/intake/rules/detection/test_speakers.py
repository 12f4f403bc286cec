"""Which names are the user's and which the assistant's."""

from __future__ import annotations

import pytest

from livedash_pipeline.intake.rules.detection.speakers import guess_speakers, role_of_word


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Visitor", "user"),
        ("BEZOEKER", "user"),
        ("visitor #4711", "user"),
        ("Клиент", "user"),
        ("Acme Bot", "assistant"),
        ("Emma (Agent)", "assistant"),
        ("Support-Team", "assistant"),
        ("système", "system"),
        ("Customer Support", None),
        ("Jan", None),
        ("", None),
    ],
)
def test_words_say_who_speaks(name: str, role: str | None) -> None:
    assert role_of_word(name) == role


@pytest.mark.parametrize(
    ("spoken", "users", "assistants", "others"),
    [
        ([["User", "Assistant"]], [], [], "unknown"),
        ([["User", "Emma"], ["Tom", "User"]], [], ["Emma", "Tom"], "assistant"),
        ([["Klant", "Emma"]], ["Klant"], ["Emma"], "unknown"),
        ([["Agent", "Jan"]], ["Agent"][:0], ["Agent"], "user"),
        ([["Bot", "Jan"], ["Bot", "Piet"]], [], ["Bot"], "user"),
        ([["Bot", "Emma", "Jan"], ["Piet", "Bot", "Emma"]], [], ["Bot", "Emma"], "user"),
        ([["Jan", "Emma"], ["Piet", "Emma"]], [], ["Emma"], "user"),
        ([["Jan", "Emma"], ["Jan", "Emma"]], ["Jan"], ["Emma"], "unknown"),
        ([["Jan", "Emma"], ["Emma", "Jan"]], [], [], "unknown"),
        ([["Jan", "Emma"], ["Piet", "Tom"]], [], [], "unknown"),
        ([["Jan", "Emma"]], [], [], "unknown"),
        ([["Visitor 1", "Emma"], ["Visitor 2", "Emma"]], [], ["Emma"], "user"),
        ([["Agent 1", "Klant"], ["Agent 2", "Klant"]], ["Klant"], ["Agent 1", "Agent 2"], "assistant"),
        ([["Klant", "Bot", "Jan"], ["Klant", "Bot"]], ["Klant"], ["Bot", "Jan"], "unknown"),
        ([[], ["\u200b", "x" * 300, "a\0", ""]], [], [], "unknown"),
    ],
)
def test_names_are_given_to_the_parties(
    spoken: list[list[str]], users: list[str], assistants: list[str], others: str
) -> None:
    guess = guess_speakers(spoken)
    assert (guess.names["user"], sorted(guess.names["assistant"]), guess.others) == (users, assistants, others)


def test_no_more_names_are_listed_than_a_person_can_check() -> None:
    assert len(guess_speakers([["User", *(f"Agent {number}" for number in range(999))]]).names["assistant"]) == 50


@pytest.mark.parametrize(
    ("spoken", "asked"),
    [
        ([["Jan", "Emma"]], "'Emma', 'Jan'"),
        ([["Jan", "Emma"], ["Jan", "Emma"]], "the user from the assistant: 'Emma', 'Jan'"),
        ([["Klant", "Bot", "Jan"], ["Klant", "Bot"]], "further assistants from users: 'Jan'"),
        ([["Agent", "Jan"]], "One transcript"),
    ],
)
def test_what_names_leave_open_is_asked(spoken: list[list[str]], asked: str) -> None:
    assert any(asked in sentence for sentence in guess_speakers(spoken).unclear)
