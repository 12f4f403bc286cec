"""Shapes of answers: those that leave no doubt are taken, each repair with its flag, and the others are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.analysis.rules.answer_reading import Answer, InvalidAnswer, read_answer
from livedash_pipeline.analysis.rules.answer_text import MAX_LAYERS, FoundObject, NoObject, find_object
from tests.analysis.rules.test_analysis import GOOD, SESSION

TEXT = json.dumps(GOOD)
OTHER = json.dumps(GOOD | {"sentiment": "NEGATIVE"})
HALF = len(TEXT) // 2


def with_(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


# Each text means the good answer, and took these repairs.
TAKEN = [
    ("as asked", TEXT, ""),
    ("pretty printed", json.dumps(GOOD, indent=2), ""),
    ("with an extra key", with_(confidence=0.9), ""),
    ("keys in another order", json.dumps(dict(reversed(GOOD.items()))), ""),
    ("fence with a name", f"```json\n{TEXT}\n```", "code_fence"),
    ("fence without a name", f"```\n{TEXT}\n```", "code_fence"),
    ("fence on one line", f"```json {TEXT} ```", "code_fence"),
    ("fence in a fence", f"```\n```json\n{TEXT}\n```\n```", "code_fence"),
    ("fence that is never closed", f"```json\n{TEXT}", "code_fence"),
    ("fence in text", f"Here it is:\n```json\n{TEXT}\n```\nAnything else?", "code_fence text_around"),
    ("fence around a list", f"```json\n[{TEXT}]\n```", "code_fence wrapped"),
    ("thoughts before", f"<think>\nThe user {{asks}} about leave.\n</think>\n\n{TEXT}", "thinking_removed"),
    ("thoughts by another name", f"<thinking>Hm.</thinking>{TEXT}", "thinking_removed"),
    ("thoughts in brackets", f"[THINK]Hm.[/THINK]{TEXT}", "thinking_removed"),
    ("thoughts in other brackets", f"◁think▷Hm.◁/think▷{TEXT}", "thinking_removed"),
    ("thoughts without a beginning", f"The user asks.\n</think>\n{TEXT}", "thinking_removed"),
    ("no thoughts", f"<think></think>{TEXT}", "thinking_removed"),
    ("thoughts with a draft", f"<think>{OTHER}</think>{TEXT}", "thinking_removed"),
    ("thoughts, then a fence", f"<think>Hm.</think>\n```json\n{TEXT}\n```", "code_fence thinking_removed"),
    (
        "channels",
        f"<|channel|>analysis<|message|>Hm {{}}.<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}",
        "thinking_removed",
    ),
    ("text before", f"Sure, here is the analysis:\n{TEXT}", "text_around"),
    ("text behind", f"{TEXT}\nLet me know if [1] is unclear.", "text_around"),
    ("text on both sides", f"Sure:\n{TEXT}\nDone.", "text_around"),
    ("tags around", f"<answer>{TEXT}</answer>", "text_around"),
    ("a stop token behind", f"{TEXT}<|im_end|>", "text_around"),
    ("text around a list", f"Sure: [{TEXT}] Done.", "text_around"),
    ("byte order mark", f"\ufeff{TEXT}", "byte_order_mark"),
    ("white space around", f"\r\n\t {TEXT}\n\n", ""),
    ("list of one", f"[{TEXT}]", "wrapped"),
    ("list of lists", f"[[{TEXT}]]", "wrapped"),
    ("wrapper by the schema's name", json.dumps({"session_analysis": GOOD}), "wrapped"),
    ("wrapper by another name", json.dumps({"result": GOOD}), "wrapped"),
    ("wrapper with other keys", json.dumps({"status": "ok", "data": GOOD, "n": 1}), "wrapped"),
    ("call in place of an answer", json.dumps({"name": "session_analysis", "arguments": TEXT}), "json_in_text wrapped"),
    ("wrapper in a wrapper", json.dumps({"response": [{"analysis": GOOD}]}), "wrapped"),
    ("JSON in a string", json.dumps(TEXT), "json_in_text"),
    ("JSON in a string twice", json.dumps(json.dumps(TEXT)), "json_in_text"),
    ("the same object twice", f"{TEXT}\n{TEXT}", "repeated_object"),
    ("a list of the same object twice", f"[{TEXT}, {TEXT}]", "repeated_object wrapped"),
    ("trailing comma", f"{TEXT[:-1]},\n}}", "trailing_comma"),
    ("trailing comma in the list", TEXT.replace('left?"]', 'left?",]'), "trailing_comma"),
    ("a key repeated alike", f'{TEXT[:-1]}, "language": "nl"}}', "repeated_keys"),
    ("a key repeated otherwise", f'{{"language": "de", {TEXT[1:]}', "repeated_keys"),
    ("the id repeated alike", f'{TEXT[:-1]}, "session_id": "{SESSION}"}}', "repeated_keys"),
    ("keys in camel case", TEXT.replace("session_id", "sessionId").replace("forwarded_hr", "forwardedHr"), "key_names"),
    ("keys as words", TEXT.replace("session_id", "Session ID"), "key_names"),
    ("language in capitals", with_(language="NL"), "letter_case"),
    ("language with a region", with_(language="nl-NL"), "locale_tag"),
    ("language with a region and a dot", with_(language="nl_BE.UTF-8"), "locale_tag"),
    ("language by its English name", with_(language="Dutch"), "language_name"),
    ("language by its own name", with_(language="Nederlands"), "language_name"),
    ("language in three letters", with_(language="nld"), "language_code"),
    ("language in three older letters", with_(language="DUT"), "language_code letter_case"),
    ("language in three letters with a region", with_(language="nld-NL"), "language_code locale_tag"),
    ("sentiment in lower case", with_(sentiment="neutral"), "letter_case"),
    ("sentiment with spaces", with_(sentiment=" NEUTRAL\n"), ""),
    ("category in lower case", with_(category="leave_vacation"), "letter_case"),
    ("category as words", with_(category="Leave Vacation"), "word_form"),
    ("category with a hyphen", with_(category="leave-vacation"), "word_form"),
    ("category with a stroke", with_(category="Leave / Vacation"), "word_form"),
    ("category in camel case", with_(category="LeaveVacation"), "word_form"),
    ("booleans as text", with_(escalated="false", forwarded_hr="TRUE "), "boolean_text"),
    ("one question as text", with_(questions=GOOD["questions"][0]), "single_question"),
    ("a blank question", with_(questions=["", *GOOD["questions"]]), "blank_questions"),
    ("a question twice", with_(questions=GOOD["questions"] * 2), "duplicate_questions"),
    ("id without hyphens", with_(session_id=SESSION.replace("-", "")), "session_id_form"),
    ("id in braces", with_(session_id="{" + SESSION + "}"), "session_id_form"),
    ("id in capitals", with_(session_id=SESSION.upper()), ""),
]
# Each text means the good answer with this change.
CHANGED: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "raw line end",
        TEXT.replace("about ", "about\n"),
        {"summary": "The user asked about\nholidays."},
        "control_characters",
    ),
    (
        "raw tab",
        TEXT.replace("about ", "about\t"),
        {"summary": "The user asked about\tholidays."},
        "control_characters",
    ),
    (
        "raw line end in a fence",
        "```json\n" + TEXT.replace("about ", "about\n") + "\n```",
        {"summary": "The user asked about\nholidays."},
        "code_fence control_characters",
    ),
    (
        "raw line end and trailing comma",
        TEXT.replace("about ", "about\n")[:-1] + ",}",
        {"summary": "The user asked about\nholidays."},
        "control_characters trailing_comma",
    ),
    ("a comma and a bracket in a string", with_(summary='A list ["a",] here.'), {"summary": 'A list ["a",] here.'}, ""),
    (
        "fence in a string",
        f"```\n{with_(summary='He wrote ```x``` here.')}\n```",
        {"summary": "He wrote ```x``` here."},
        "code_fence",
    ),
    ("language with a region", with_(language="en-US"), {"language": "en"}, "locale_tag"),
    ("language with a script", with_(language="zh-Hans"), {"language": "zh"}, "locale_tag"),
    ("language with script and region", with_(language="zh_Hans_CN"), {"language": "zh"}, "locale_tag"),
    ("English by name", with_(language="English"), {"language": "en"}, "language_name"),
    ("English in three letters", with_(language="eng"), {"language": "en"}, "language_code"),
    ("German in older letters", with_(language="ger"), {"language": "de"}, "language_code"),
    ("Papiamento, which has no two letters", with_(language="pap"), {"language": "pap"}, "language_code"),
    ("Filipino, which has no two letters", with_(language="fil-PH"), {"language": "fil"}, "language_code locale_tag"),
    ("Papiamento by name", with_(language="Papiamento"), {"language": "pap"}, "language_name"),
    ("two letters that are no code", with_(language="jp"), {"language": "jp"}, "language_unlisted"),
    ("questions are null", with_(questions=None), {"questions": []}, "questions_null"),
    ("a short summary", with_(summary="Leave."), {"summary": "Leave."}, "summary_short"),
    ("a word behind Other", with_(category="Unrecognized/Other"), {"category": "UNRECOGNIZED_OTHER"}, "word_form"),
]
REFUSED = [
    ("nothing", "", "the answer is not JSON"),
    ("prose", "The user asked about leave.", "the answer is not JSON"),
    ("cut off", TEXT[:HALF], "the answer is not JSON"),
    ("cut off before its end", TEXT[:-1], "the answer is not JSON"),
    ("cut off in a fence", f"```json\n{TEXT[:HALF]}\n```", "the answer is not JSON"),
    ("wrapper cut off", '{"session_analysis": ' + TEXT, "the answer is not JSON"),
    ("list cut off", f"[{TEXT}", "the answer is not JSON"),
    ("list cut off behind a comma", f"[{TEXT}, ", "the answer is not JSON"),
    ("second object cut off", f"{TEXT} {OTHER[:HALF]}", "the answer is not JSON"),
    ("string cut off", json.dumps(TEXT)[:-1], "the answer is not JSON"),
    ("thoughts without an end", f"<think>The user asks. {TEXT}", "the answer is cut off while the model was thinking"),
    ("nothing but thoughts", f"<think>{TEXT}</think>", "the answer is not JSON"),
    ("two different objects", f"{TEXT}\n{OTHER}", "the answer holds different objects"),
    ("two different objects in a list", f"[{TEXT}, {OTHER}]", "the answer holds different objects"),
    (
        "two different objects under keys",
        json.dumps({"a": GOOD, "b": json.loads(OTHER)}),
        "the answer holds different objects",
    ),
    ("two different fences", f"```\n{TEXT}\n```\n```\n{OTHER}\n```", "the answer holds different objects"),
    ("a stray bracket", f"{TEXT} }}", "the answer is not JSON"),
    ("braces in the text before", f"As {{asked}}: {TEXT}", "the answer is not JSON"),
    ("single quotes", str(GOOD), "the answer is not JSON"),
    ("comments", TEXT.replace("{", "{ // language\n", 1), "the answer is not JSON"),
    ("keys without quotes", TEXT.replace('"language"', "language"), "the answer is not JSON"),
    ("a list of nothing", "[]", "the answer is not a JSON object"),
    ("a number", "7", "the answer is not a JSON object"),
    ("null", "null", "the answer is not a JSON object"),
    ("another object", '{"answer": 42}', "language is missing"),
    ("a key missing", json.dumps(without("summary")), "summary is missing"),
    ("a key missing in a wrapper", json.dumps([without("questions")]), "questions is missing"),
    (
        "a key missing whose object stands inside",
        json.dumps(without("questions") | {"inner": GOOD}),
        "questions is missing",
    ),
    ("another session", with_(session_id=str(UUID(int=7))), "session_id is another session's"),
    ("no id", with_(session_id=""), "session_id is another session's"),
    ("half an id", with_(session_id=SESSION[:18]), "session_id is another session's"),
    ("two ids", f'{{"session_id": "{UUID(int=7)}", {TEXT[1:]}', "session_id is given twice"),
    ("two ids, ours first", f'{TEXT[:-1]}, "session_id": "{UUID(int=7)}"}}', "session_id is given twice"),
    ("an unknown language", with_(language="Klingonese"), "language is no code or name of a language"),
    ("three letters that are no code", with_(language="qqq"), "language is no code or name of a language"),
    ("two languages", with_(language="nl, en"), "language is no code or name of a language"),
    ("no language", with_(language=""), "language is no code or name of a language"),
    ("null as language", with_(language=None), "language has the wrong type"),
    ("an unknown sentiment", with_(sentiment="MIXED"), "sentiment is not one of the three words"),
    ("an unknown category", with_(category="Holidays"), "category is not one of the thirteen words"),
    ("two categories", with_(category="LEAVE_VACATION, ONBOARDING"), "category is not one of the thirteen words"),
    ("a list of categories", with_(category=["LEAVE_VACATION"]), "category has the wrong type"),
    ("yes as a boolean", with_(escalated="yes"), "escalated has the wrong type"),
    ("null as a boolean", with_(escalated=None), "escalated has the wrong type"),
    ("one as a boolean", with_(forwarded_hr=1), "forwarded_hr has the wrong type"),
    ("questions by number", with_(questions={"1": "Where?"}), "questions has the wrong type"),
    ("a question that is none", with_(questions=[None]), "questions has an item that is not text"),
    ("no summary", with_(summary=""), "summary is empty"),
    ("a blank summary", with_(summary=" \n"), "summary is empty"),
    ("null as summary", with_(summary=None), "summary has the wrong type"),
]


def read(text: str) -> Answer:
    answer = read_answer(text, SESSION)
    assert isinstance(answer, Answer), answer
    return answer


@pytest.mark.parametrize(("text", "flags"), [case[1:] for case in TAKEN], ids=[case[0] for case in TAKEN])
def test_a_shape_without_doubt_is_the_good_answer_with_its_flags(text: str, flags: str) -> None:
    answer = read(text)
    assert answer.analysis.model_dump(mode="json") == GOOD
    assert answer.flags == tuple(flags.split())


@pytest.mark.parametrize(("text", "change", "flags"), [c[1:] for c in CHANGED], ids=[c[0] for c in CHANGED])
def test_a_shape_without_doubt_means_what_it_says(text: str, change: dict[str, Any], flags: str) -> None:
    answer = read(text)
    assert answer.analysis.model_dump(mode="json") == GOOD | change
    assert answer.flags == tuple(flags.split())


@pytest.mark.parametrize(("text", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_doubtful_shape_is_refused_with_its_reason(text: str, reason: str) -> None:
    assert read_answer(text, SESSION) == InvalidAnswer(reason)


def test_every_beginning_of_an_answer_is_refused() -> None:
    for text in (TEXT, f"[{TEXT}]", json.dumps({"data": GOOD}), f"```json\n{TEXT}", json.dumps(TEXT)):
        whole = text.rstrip("`\n")
        assert [end for end in range(len(whole)) if isinstance(read_answer(whole[:end], SESSION), Answer)] == []


Wrap = Callable[[str], str]
# What may stand around a text that is JSON, and around any text.
OF_JSON: list[Wrap] = [
    lambda text: f"[{text}]",
    lambda text: f'{{"session_analysis": {text}}}',
    lambda text: f'{{"status": "ok", "data": {text}}}',
]
OF_OBJECTS: list[Wrap] = [lambda text: f"Sure, this is it:\n{text}\nAnything else?"]
OF_ALL: list[Wrap] = [
    lambda text: f"```json\n{text}\n```",
    lambda text: f"<think>First {{the}} user.</think>\n{text}",
    lambda text: f"\ufeff{text}",
    lambda text: f"\n {text}\r\n",
]
SPOKEN = st.text(st.characters(exclude_characters="`{}[]\x00<", exclude_categories=["Cs"]), min_size=10, max_size=40)


@st.composite
def wrapped_answers(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A good answer, and a text of it in up to five wrappings."""
    summary = draw(SPOKEN.filter(lambda text: len(text.strip()) >= 10))
    good = GOOD | {"summary": summary.strip(), "escalated": draw(st.booleans())}
    text = json.dumps(good, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2])))
    is_json, is_bare = True, True
    for _ in range(draw(st.integers(0, 5))):
        kinds = ["all"] + ["json", "string"] * is_json + ["object"] * is_bare
        kind = draw(st.sampled_from(kinds))
        if kind == "json":
            text = draw(st.sampled_from(OF_JSON))(text)
        elif kind == "string":
            text, is_bare = json.dumps(text), False
        elif kind == "object":
            text, is_json, is_bare = OF_OBJECTS[0](text), False, False
        else:
            text, is_json, is_bare = draw(st.sampled_from(OF_ALL))(text), False, False
            if draw(st.booleans()):
                # A text is JSON again as a string of it.
                text, is_json = json.dumps(text), True
    return good, text


@given(wrapped_answers())
def test_any_wrappings_of_a_good_answer_give_the_same_analysis(case: tuple[dict[str, Any], str]) -> None:
    good, text = case
    assert read(text).analysis.model_dump(mode="json") == good


WORDS = ["{", "}", "[", "]", '"', "\\", ",", "```", "```json\n", "<think>", "</think>", "\ufeff", "x"]
PIECES = st.sampled_from([TEXT, OTHER, TEXT[:HALF], TEXT[HALF:], *WORDS])


@given(st.lists(PIECES, max_size=8).map("".join))
def test_any_text_is_read_or_refused_and_an_answer_is_never_made_up(text: str) -> None:
    answer = read_answer(text, SESSION)
    if isinstance(answer, Answer):
        assert answer.analysis.model_dump(mode="json") in (GOOD, json.loads(OTHER))


DEEP = ["{" * 100_000, "[" * 100_000, '{"a":' * 5_000 + TEXT + "}" * 5_000, "[" * 900 + TEXT + "]" * 900]


@pytest.mark.parametrize("text", DEEP, ids=["objects", "lists", "closed objects", "closed lists"])
def test_deep_nesting_is_refused(text: str) -> None:
    assert isinstance(read_answer(text, SESSION), InvalidAnswer)


def test_an_object_of_any_keys_is_found() -> None:
    assert find_object('Sure: {"a": 1}', ["a"]) == FoundObject({"a": 1}, frozenset({"text_around"}))
    assert find_object('{"a": 1, "a": 2}', ["a"], unique=["a"]) == NoObject("a is given twice")


def test_fences_in_fences_are_taken_off_up_to_a_limit() -> None:
    text = TEXT
    for _ in range(MAX_LAYERS + 1):
        text = f"```\n{text}\n```"
    assert find_object(text, GOOD) == NoObject("the answer is wrapped too often")


def test_a_string_with_braces_that_holds_no_object_stays_a_string() -> None:
    document = {"note": "use {braces", "other": "{}", "third": '{"a": 1'}
    assert find_object(json.dumps(document), ["wanted"]) == FoundObject(document, frozenset())


def test_objects_in_lists_in_lists_are_found_up_to_a_limit() -> None:
    text = "[" * (MAX_LAYERS + 1) + TEXT + "]" * (MAX_LAYERS + 1)
    assert isinstance(find_object(text, GOOD), NoObject)
