"""The stand-in's answers to free questions, worked out from the conversation by the rules stated here; no model is asked.

The question is the last user message. An answer has these sentences, each on a line of its own and in this order, as far as they
apply:

- `You asked: "…"`: the question in one line, its first 200 characters
- `This is turn N; M earlier answers were shown.`: user messages up to this one, assistant messages before it
- `Before that you asked: "…"`: the user message before, its first 80 characters
- `The question is in English.`: the language as `answers.recognise_language` sees it
- `The page is in fr.`: the two letters behind `page language:` (also `pageLanguage=`) in a system or developer message
- `2 + 3 = 5`: each sum in the question of two numbers with `+ - * × / ÷` between them, at most 5; division to 6 decimals
- `Keywords: permit, renew.`: the first 5 distinct words of 4 letters or more that are no stop-words of the five languages
- `According to [1]: …`: from lines `[1] text` of system and developer messages those that hold a keyword, else the first, at most
  3, each with its first 200 characters

A line of the question that says `Please refuse this.` makes the model refuse, one that says `Please say nothing.` makes the
answer empty; the first such line counts. Add a rule, and its line here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from livedash_pipeline.local.batch_api.answering import vocabulary
from livedash_pipeline.local.batch_api.answering.answers import recognise_language
from livedash_pipeline.local.batch_api.answering.chat_request import message_text
from livedash_pipeline.local.batch_api.answering.phrases import fold, word_set

REFUSE_MARKER = "Please refuse this."
EMPTY_MARKER = "Please say nothing."
REFUSAL_TEXT = "I'm sorry, but I can't help with that."
NO_QUESTION = "This is the local stand-in for the Batch API. It answers by rules; no model has read this request."
MOST_SUMS, MOST_KEYWORDS, MOST_SOURCES = 5, 5, 3

_QUOTED, _QUOTED_BEFORE = 200, 80
_DIVISION_STEP = Decimal("0.000001")
_PAGE_LANGUAGE = re.compile(r"\bpage[ _-]?language\W{1,4}([a-z]{2})\b", re.IGNORECASE)
_SUM = re.compile(r"(?<![\w./-])(\d{1,9}(?:\.\d{1,6})?) ?([-+*/×÷]) ?(\d{1,9}(?:\.\d{1,6})?)(?![\w./-]?\d)", re.ASCII)
_KEYWORD = re.compile(r"[^\W\d_]{4,}")
_SOURCE = re.compile(r"^[ \t]*\[(\d{1,3})\][ \t]*(\S.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Reply:
    """What the assistant says: a text, which is the reason of a refusal if it `refused`."""

    text: str
    refused: bool = False


def answer_question(messages: Sequence[Mapping[str, Any]]) -> Reply:
    """Returns the reply to the last user message of a conversation; without one, a short fixed text."""
    asked = [index for index, message in enumerate(messages) if message["role"] == "user"]
    if not asked:
        return Reply(NO_QUESTION)
    question = message_text(messages[asked[-1]])
    for line in map(str.strip, question.splitlines()):
        if line == REFUSE_MARKER:
            return Reply(REFUSAL_TEXT, refused=True)
        if line == EMPTY_MARKER:
            return Reply("")
    return Reply("\n".join(_sentences(messages, asked, question)))


def _sentences(messages: Sequence[Mapping[str, Any]], asked: Sequence[int], question: str) -> Iterator[str]:
    shown = sum(message["role"] == "assistant" for message in messages[: asked[-1]])
    instructions = "\n".join(
        message_text(message) for message in messages if message["role"] in ("system", "developer")
    )
    keywords = find_keywords(question)
    yield f'You asked: "{_one_line(question, _QUOTED)}"'
    yield f"This is turn {len(asked)}; {shown} earlier answers were shown."
    if len(asked) > 1:
        yield f'Before that you asked: "{_one_line(message_text(messages[asked[-2]]), _QUOTED_BEFORE)}"'
    yield f"The question is in {vocabulary.LANGUAGES[recognise_language(question)]}."
    page = _PAGE_LANGUAGE.search(instructions)
    if page:
        yield f"The page is in {page[1].lower()}."
    yield from find_sums(question)
    if keywords:
        yield f"Keywords: {', '.join(keywords)}."
    for number, text in _sources(instructions, keywords):
        yield f"According to [{number}]: {_one_line(text, _QUOTED)}"


def find_sums(question: str) -> list[str]:
    """Returns the sums that a question asks for, with their results."""
    return [_worked_out(*match.groups()) for match in _SUM.finditer(question)][:MOST_SUMS]


def find_keywords(question: str) -> list[str]:
    """Returns the first distinct words of a question that say what it is about, in lower case."""
    found = dict.fromkeys(_KEYWORD.findall(question.lower()))
    return [word for word in found if fold(word) not in _stop_words()][:MOST_KEYWORDS]


def _worked_out(left: str, sign: str, right: str) -> str:
    a, b = Decimal(left), Decimal(right)
    if sign in "/÷":
        result = f"{(a / b).quantize(_DIVISION_STEP).normalize():f}" if b else "no number"
    else:
        result = f"{(a + b if sign == '+' else a - b if sign == '-' else a * b).normalize():f}"
    return f"{left} {sign} {right} = {result}"


def _sources(instructions: str, keywords: Sequence[str]) -> list[tuple[str, str]]:
    sources = [(match[1], match[2]) for match in _SOURCE.finditer(instructions)]
    fitting = [source for source in sources if any(word in source[1].lower() for word in keywords)]
    return fitting[:MOST_SOURCES] or sources[:1]


def _one_line(text: str, length: int) -> str:
    return " ".join(text.split())[:length]


@cache
def _stop_words() -> frozenset[str]:
    return frozenset().union(*map(word_set, vocabulary.STOP_WORDS.values()))
