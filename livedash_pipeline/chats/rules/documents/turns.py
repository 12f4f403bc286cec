"""One item of the old system becomes a turn: what it asked, what it was answered, and the state that it ends in.

An item with an answer is COMPLETED, unless its own word says otherwise. One without an answer is FAILED or SKIPPED if it says
so, FAILED if it claims to be complete, and CANCELLED else. The old system sometimes gave an item its question as its answer;
such an answer counts only with a citation or output tokens. Add a word of the old system to `_WORDS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from livedash_pipeline.base.rules.text import storable
from livedash_pipeline.chats.rules.documents.fields import Fields, is_reference
from livedash_pipeline.chats.rules.documents.kinds import Library
from livedash_pipeline.chats.rules.documents.moved import MovedTurn, TurnState
from livedash_pipeline.chats.rules.intake.columns import QUESTION_NAMES

QUESTION_AS_ANSWER = "question_as_answer"
NO_ANSWER = "no_answer"
NO_REASON = "no_reason_given"

_ANSWERS = ("answer", "redactedanswer", "response", "output")
_ANSWER_TEXTS = ("content", "answer", "redactedanswer", "text", "englishanswer", "response")
_QUESTION_TEXTS = (*QUESTION_NAMES, "content", "text", "englishquestion")
_ERRORS = ("error", "errormessage", "failurereason", "lasterror", "errorcode")
_ERROR_TEXTS = ("code", "message", "name", "error")
_CITATIONS = ("citations", "citation", "citationurl")
_ADDRESSES = ("url", "providedcitationurl", "aicitationurl", "citationurl", "href")
_MOST_CITATIONS = 100
_WORDS: dict[str, TurnState] = {
    **dict.fromkeys(("completed", "complete", "processed", "done", "success", "succeeded", "finished"), "COMPLETED"),
    **dict.fromkeys(("failed", "failure", "error", "errored", "timeout"), "FAILED"),
    **dict.fromkeys(("skipped", "blocked", "refused", "rejected"), "SKIPPED"),
    **dict.fromkeys(("cancelled", "canceled", "aborted"), "CANCELLED"),
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer and what else its document says."""

    text: str | None
    fields: Fields | None


@dataclass(frozen=True, slots=True)
class _End:
    """How an item ended."""

    state: TurnState
    answer: str | None
    error: str | None


def read_turn(fields: Fields, library: Library) -> MovedTurn | None:
    """The turn of an item; None, and a problem, where it has no question."""
    question, asked = _question(fields, library)
    answer = _answer(fields, library)
    if question is None:
        fields.problem("no_question", f'The item "{fields.id or "without an id"}" has no question and is left out.')
        return None
    sources = [each for each in (fields, answer.fields) if each is not None]
    citations = tuple(dict.fromkeys(each for source in sources for each in _citations(source)))[:_MOST_CITATIONS]
    model = _first(source.text("model", "aimodel", "modelname") for source in sources)
    read = _first(source.number("inputtokens", "prompttokens") for source in sources)
    written = _first(source.number("outputtokens", "completiontokens") for source in sources)
    end = _end(fields, question, answer.text, evidence=bool(citations or written))
    finished = fields.moment("completedat", "finishedat", "processedat", "updatedat", "createdat")
    parts = (("question.", asked), ("answer.", answer.fields))
    cells = {name: text for prefix, part in parts if part is not None for name, text in part.cells(prefix).items()}
    return MovedTurn(
        fields.id,
        question,
        end.answer,
        end.error,
        end.state,
        citations,
        model,
        input_tokens=read,
        output_tokens=written,
        started_at=fields.moment("startedat", "createdat"),
        completed_at=None if end.state == "CANCELLED" else finished,
        cells=fields.cells() | cells,
    )


def _question(fields: Fields, library: Library) -> tuple[str | None, Fields | None]:
    """The question, and its document where it has one."""
    for name in QUESTION_NAMES:
        found = _followed(fields, name, "question", library)
        text = found.text(*_QUESTION_TEXTS) if isinstance(found, Fields) else found
        if text is not None:
            return text, found if isinstance(found, Fields) else None
    return None, None


def _answer(fields: Fields, library: Library) -> _Answer:
    for name in _ANSWERS:
        found = _followed(fields, name, "answer", library)
        if isinstance(found, Fields):
            return _Answer(found.text(*_ANSWER_TEXTS), found)
        if found is not None:
            return _Answer(found, None)
    return _Answer(None, None)


def _followed(fields: Fields, name: str, what: str, library: Library) -> Fields | str | None:
    """The text of a field, or the document that is embedded there or that it refers to."""
    value = fields.value(name)
    if is_reference(value):
        document = library.part(value)
        if document is None:
            fields.problem(f"missing_{what}", f'The {what} "{value}" is in no file.')
            return None
        return fields.inside(document.fields)
    return fields.inside(value) if isinstance(value, dict) else fields.text(name)


def _end(fields: Fields, question: str, answer: str | None, *, evidence: bool) -> _End:
    copied = answer is not None and answer.strip() == question.strip() and not evidence
    if copied:
        answer = None
    word, error = _word(fields, answered=answer is not None), _error(fields)
    if word == "SKIPPED":
        return _End(word, answer, error)
    if word == "FAILED":
        return _End(word, answer, error or (QUESTION_AS_ANSWER if copied else NO_REASON))
    if answer is not None:
        # An error beside an answer is that of an earlier try: the old system did not clear it.
        return _End("COMPLETED", answer, None)
    if word == "CANCELLED":
        return _End(word, None, None)
    reason = error or (QUESTION_AS_ANSWER if copied else NO_ANSWER if word == "COMPLETED" else None)
    return _End("FAILED" if reason else "CANCELLED", None, reason)


def _word(fields: Fields, *, answered: bool) -> TurnState | None:
    """The state that the item claims; None for one that is not final."""
    word = _WORDS.get((fields.text("status", "state") or "").strip().lower())
    flags = [fields.value(name) is True for name in ("skipped", "blocked")]
    return "SKIPPED" if any(flags) and not answered else word


def _error(fields: Fields) -> str | None:
    """The first error that says anything; a document of one is read by its code."""
    for name in _ERRORS:
        value = fields.value(name)
        if isinstance(value, dict):
            text = fields.inside(value).text(*_ERROR_TEXTS)
        elif isinstance(value, bool):
            text = NO_REASON if value else None
        else:
            text = fields.text(name)
        if text is not None:
            return text
    return None


def _citations(fields: Fields) -> Iterator[str]:
    for name in _CITATIONS:
        value = fields.value(name)
        for each in value if isinstance(value, list) else [value]:
            text = fields.inside(each).text(*_ADDRESSES) if isinstance(each, dict) else each
            if isinstance(text, str) and text.strip():
                yield str(storable(text.strip()))


def _first(values: Iterator[Any]) -> Any:
    """The first that is there; all are read, so that each is accounted for."""
    return next((value for value in list(values) if value is not None), None)
