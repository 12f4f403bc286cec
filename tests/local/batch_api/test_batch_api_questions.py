"""The rules by which the stand-in answers free questions, directly and in a batch."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI

from livedash_pipeline.local.batch_api.answering.answers import recognise_language
from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.answering.chat import complete_chat
from livedash_pipeline.local.batch_api.answering.questions import (
    EMPTY_MARKER,
    NO_QUESTION,
    REFUSAL_TEXT,
    REFUSE_MARKER,
    Reply,
    answer_question,
    find_keywords,
    find_sums,
)
from livedash_pipeline.local.batch_api.answering.replies import answer_chat
from livedash_pipeline.local.batch_api.answering.tokens import count_tokens
from livedash_pipeline.local.batch_api.service import BatchService
from tests.local.batch_api.conftest import Requests

INSTRUCTIONS = """You answer questions about permits. Page language: fr
[1] A permit is renewed online. https://a.example/permits
 [2] Fees are paid by card.
Not a source [3].
[4] A permit has a number."""


def said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def asked(question: str, *before: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4.1-mini", "messages": [*before, said("user", question)], **more}


def lines(question: str, *before: dict[str, str]) -> list[str]:
    return answer_chat(asked(question, *before)).text.split("\n")


def test_an_answer_says_what_it_was_asked_in_which_turn_and_by_which_sources() -> None:
    before = [
        said("system", INSTRUCTIONS),
        said("user", "Can I renew\nmy permit?"),
        said("assistant", "Yes."),
    ]
    assert lines("How  long does a permit last?\nAnd what is 2 + 3?", *before) == [
        'You asked: "How long does a permit last? And what is 2 + 3?"',
        "This is turn 2; 1 earlier answers were shown.",
        'Before that you asked: "Can I renew my permit?"',
        "The question is in English.",
        "The page is in fr.",
        "2 + 3 = 5",
        "Keywords: long, permit, last.",
        "According to [1]: A permit is renewed online. https://a.example/permits",
        "According to [4]: A permit has a number.",
    ]


def test_what_does_not_apply_is_left_out() -> None:
    assert lines("Hi!") == [
        'You asked: "Hi!"',
        "This is turn 1; 0 earlier answers were shown.",
        "The question is in English.",
    ]
    assert lines("Hi!", said("developer", "pageLanguage=NL\n[7] Fees."))[3:] == [
        "The page is in nl.",
        "According to [7]: Fees.",
    ]


@pytest.mark.parametrize(
    ("question", "language"), [("Wo ist mein Dienstplan?", "German"), ("Où est le bureau ?", "French")]
)
def test_the_language_is_that_of_the_question(question: str, language: str) -> None:
    assert f"The question is in {language}." in lines(question, said("system", INSTRUCTIONS))
    assert recognise_language(question) == language[:2].lower().replace("ge", "de")


@pytest.mark.parametrize(
    ("question", "sums"),
    [
        ("What is 2 + 3?", ["2 + 3 = 5"]),
        ("10-4, 6*7, 3 × 5 and 8 ÷ 2", ["10 - 4 = 6", "6 * 7 = 42", "3 × 5 = 15", "8 ÷ 2 = 4"]),
        ("7/3 and 1/0", ["7 / 3 = 2.333333", "1 / 0 = no number"]),
        ("1.5 + 1.50", ["1.5 + 1.50 = 3"]),
        ("1000 * 1000", ["1000 * 1000 = 1000000"]),
        ("on 2024-03-05 at 12:30, version 1.2.3", []),
        ("1+1 1+1 1+1 1+1 1+1 1+1", ["1 + 1 = 2"] * 5),
        ("٢ + ٣", []),
    ],
)
def test_sums_are_worked_out(question: str, sums: list[str]) -> None:
    assert find_sums(question) == sums


def test_keywords_are_words_of_any_script_but_stop_words() -> None:
    question = "What about permits, PERMITS and паспорта when où tarjeta 更新方法は 2024 word2?"
    assert find_keywords(question) == ["permits", "паспорта", "tarjeta", "更新方法は", "word"]


def test_a_conversation_without_a_question_gets_a_fixed_text() -> None:
    assert answer_question([said("system", INSTRUCTIONS)]) == Reply(NO_QUESTION)


def test_markers_make_the_model_refuse_or_say_nothing() -> None:
    assert answer_question([said("user", f"Tell me.\n  {REFUSE_MARKER}\n{EMPTY_MARKER}")]) == Reply(REFUSAL_TEXT, True)
    assert answer_question([said("user", f"{EMPTY_MARKER}\n{REFUSE_MARKER}")]) == Reply("")
    # Only a line of the last question counts.
    assert lines(f"Why {REFUSE_MARKER}")[0].startswith("You asked: ")
    assert lines("And now?", said("user", REFUSE_MARKER))[0] == 'You asked: "And now?"'


def test_an_answer_for_a_json_object_is_one() -> None:
    as_object = {"type": "json_object"}
    answered = answer_chat(asked("As json: 2 + 3?", response_format=as_object))
    assert "2 + 3 = 5" in json.loads(answered.text)["answer"]
    assert answer_chat(asked(f"json\n{REFUSE_MARKER}", response_format=as_object)) == Reply(REFUSAL_TEXT, refused=True)
    assert answer_chat(asked(f"json\n{EMPTY_MARKER}", response_format=as_object)) == Reply("")
    assert answer_chat(asked("2 + 3?", response_format={"type": "text"})) == answer_chat(asked("2 + 3?"))


def test_a_refusal_and_an_empty_answer_cost_their_tokens() -> None:
    refused = complete_chat(asked(REFUSE_MARKER), Catalogue(()), completion_id="c", created=1)
    assert refused["choices"][0]["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": REFUSAL_TEXT,
        "annotations": [],
    }
    assert refused["choices"][0]["finish_reason"] == "stop"
    assert refused["usage"]["completion_tokens"] == count_tokens(REFUSAL_TEXT)
    empty = complete_chat(asked(EMPTY_MARKER), Catalogue(()), completion_id="c", created=1)
    assert (empty["choices"][0]["message"]["content"], empty["usage"]["completion_tokens"]) == ("", 0)


def test_a_batch_answers_questions_as_a_direct_call_does(
    open_service: Callable[..., BatchService], requests: Requests
) -> None:
    service = open_service(speed=0)
    questions = ["What is 2 + 3?", REFUSE_MARKER, EMPTY_MARKER]
    content = requests.jsonl(*(requests.line(str(n), asked(question)) for n, question in enumerate(questions)))
    batch = service.get_batch(requests.create(service, content))
    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
    for line in requests.results(service, batch["output_file_id"]):
        direct = service.chat_completion(asked(questions[int(line["custom_id"])]))
        assert line["response"]["body"]["choices"] == direct["choices"]
        assert line["response"]["body"]["usage"] == direct["usage"]


def test_a_client_reads_answer_and_refusal(quiet_client: OpenAI) -> None:
    answered = quiet_client.chat.completions.create(**asked("What is 2 + 3?"))
    assert "2 + 3 = 5" in (answered.choices[0].message.content or "")
    refused = quiet_client.chat.completions.create(**asked(REFUSE_MARKER)).choices[0].message
    assert (refused.content, refused.refusal) == (None, REFUSAL_TEXT)


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant", "system", "developer", "tool"]), st.text()), max_size=6)
)
def test_any_conversation_gets_the_same_reply_again(messages: list[tuple[str, str]]) -> None:
    conversation = [said(role, text) for role, text in messages]
    assert answer_question(conversation) == answer_question(conversation)


@pytest.mark.parametrize("part", ["1 + ", "1+1", "[1] a\n", "page language ", "a ", "1.", "- "])
def test_a_long_question_is_answered_in_a_moment(part: str) -> None:
    assert answer_question([said("system", part * 50_000), said("user", part * 50_000)]).text
