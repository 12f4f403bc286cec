"""Turns a line of a result file into the final outcome of its request, and chooses what is stored of it.

`ledger.rules.results.result_lines` says what kind of line it is, and the kind of request whether its answer is usable; this
module combines the two. `ledger.store.results.settlement` applies outcomes to rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from livedash_pipeline.base.rules.json_lines import objects_on
from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES, Outcome
from livedash_pipeline.base.rules.text import storable
from livedash_pipeline.ledger.rules.results import answer_bodies
from livedash_pipeline.ledger.rules.results.answers import AnswerReader, UnusableAnswer, UsableAnswer
from livedash_pipeline.ledger.rules.results.line_bodies import find_body
from livedash_pipeline.ledger.rules.results.result_lines import UNREADABLE_LINE, ResultLine
from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import ValidationClass, classify_validation
from livedash_pipeline.ledger.rules.service.remote import RemoteError

USABLE_PRECEDENCE = 3
"""The precedence of a usable answer over other lines about its request (`JudgedLine`)."""


@dataclass(frozen=True)
class JudgedLine:
    """The outcome of one line; `parsed_answer` is JSON as the kind of request reads it, `raw_answer` an unusable answer."""

    outcome: Outcome
    error_code: str | None
    error_message: str | None
    flags: tuple[str, ...]
    parsed_answer: str | None
    raw_answer: str | None

    @property
    def precedence(self) -> int:
        """The line with the highest number counts where several are about one request, the first of equal ones.

        Paid lines come before unpaid ones; among them usable answers come first, then readable ones.
        """
        if self.outcome not in PAID_OUTCOMES:
            return 0
        return USABLE_PRECEDENCE if self.outcome is Outcome.PARSED else 1 + (self.error_code != UNREADABLE_LINE)


def is_success(line: ResultLine, judged: JudgedLine) -> bool:
    """Whether the service counts the line as completed: by its status or, without one, because it holds a paid answer."""
    if line.http_status is None:
        return judged.outcome in PAID_OUTCOMES and not line.unreadable
    return 200 <= line.http_status < 300


def judge_line(line: ResultLine, subject_id: str, read_answer: AnswerReader) -> JudgedLine | None:
    """Returns the final outcome of a line about a subject; None for an unreadable line."""
    if line.outcome is None:
        return None
    text = line.raw if line.content is None else line.content
    raw, message = storable(text), storable(line.error_message)
    if line.outcome is Outcome.TRANSIENT:
        # Kept only where nothing says how the request ended; the subject's id proves that an answer in it belongs to the request.
        raw = None
    if _may_hold_answer(line):
        answer = read_answer(text or "", subject_id)
        if isinstance(answer, UsableAnswer):
            # The answer stands in an unexpected place.
            place = () if line.content else (answer_bodies.UNUSUAL_BODY,)
            return _parsed(answer, line.flags + place)
        if line.outcome is Outcome.PARSED:
            return JudgedLine(Outcome.INVALID_OUTPUT, "invalid_output", answer.reason, line.flags, None, raw)
    return JudgedLine(line.outcome, line.error_code, message, line.flags, None, raw)


def _may_hold_answer(line: ResultLine) -> bool:
    if line.outcome is Outcome.TRANSIENT:
        return line.raw is not None
    return line.outcome is Outcome.PARSED or (line.outcome is Outcome.INVALID_OUTPUT and not line.unreadable)


def _parsed(answer: UsableAnswer, flags: tuple[str, ...]) -> JudgedLine:
    merged = tuple(sorted({*answer.flags, *flags}))
    return JudgedLine(Outcome.PARSED, None, None, merged, answer.document, None)


def judge_kept(text: str, subject_id: str, read_answer: AnswerReader) -> UsableAnswer | UnusableAnswer:
    """Returns the present reader's verdict on a kept raw answer: its text, or the body of a line without text."""
    for document in objects_on(text.encode("utf-8", errors="replace")):
        body = answer_bodies.read_answer(find_body({"response": {"body": document}}).body)
        found = read_answer(body.content or "", subject_id)
        if isinstance(found, UsableAnswer):
            return UsableAnswer(found.document, tuple(sorted({*found.flags, *body.flags})))
    return read_answer(text, subject_id)


# Our word for a batch that the service no longer has; nobody can tell whether it bought anything.
VANISHED = "batch_vanished"
# Our word for a surplus batch whose window has passed without anybody seeing its end.
UNFOLLOWED = "unfollowed"


@dataclass(frozen=True)
class Unanswered:
    """The outcome of those requests of a batch that no line is about."""

    outcome: Outcome
    error_code: str
    error_message: str | None
    counted_release: bool = False


@dataclass(frozen=True)
class BatchEnd:
    """The end of a batch, as far as it concerns requests without a line.

    Attributes:
        end: The service's end; None for a batch that the service never had.
        has_output: Whether the service named an output file.
        has_files: Whether it named an output file, or an error file that holds a line.
        gone: Which files no longer exist at the service (`output`, `error`).
        errors: What validation found.
        reported_completed: How many requests the service says it answered; None if it says nothing.
        error_code: Our word for why it failed.
        error_message: The service's message.
    """

    end: EndWord | None
    has_output: bool
    has_files: bool
    gone: Sequence[str]
    errors: Sequence[RemoteError]
    reported_completed: int | None
    error_code: str | None
    error_message: str | None


_ENDED_EARLY = {EndWord.EXPIRED: "batch_expired", EndWord.CANCELLED: "batch_cancelled"}


def judge_unanswered(end: BatchEnd) -> Unanswered:
    """Returns the outcome of requests without a line, by the end of their batch: every id gets one outcome."""
    if end.error_code == VANISHED and not end.has_output:
        return Unanswered(Outcome.ARTIFACT_UNAVAILABLE, VANISHED, end.error_message)
    if end.gone:
        names = " and ".join(end.gone)
        return Unanswered(Outcome.ARTIFACT_UNAVAILABLE, "artifact_unavailable", f"The {names} file is gone.")
    if end.end is None:
        return Unanswered(Outcome.NOT_RUN, end.error_code or "not_created", end.error_message)
    if end.end is EndWord.FAILED and not end.has_files and not end.reported_completed:
        return _judge_validation(end)
    word = _ENDED_EARLY.get(end.end)
    if word is not None and not end.has_files and not end.reported_completed:
        return Unanswered(Outcome.NOT_RUN, word, end.error_message, counted_release=True)
    return Unanswered(Outcome.MISSING, "missing", "The request stands in neither result file.")


def validation_verdict(errors: Sequence[RemoteError]) -> ValidationClass:
    """Returns the gravest class among the entries of a failed validation; it decides what becomes of the batch."""
    classes = [classify_validation(error) for error in errors]
    order = (
        ValidationClass.BILLING,
        ValidationClass.TOKEN_LIMIT,
        ValidationClass.MODEL,
        ValidationClass.INPUT_FILE_MISSING,
        ValidationClass.LINE_FAULT,
    )
    return next((found for found in order if found in classes), ValidationClass.UNKNOWN)


def _judge_validation(end: BatchEnd) -> Unanswered:
    verdict = validation_verdict(end.errors)
    code, message = end.error_code or "validation_failed", end.error_message
    if verdict is ValidationClass.UNKNOWN:
        return Unanswered(Outcome.TRANSIENT, code, message)
    counted = verdict is ValidationClass.INPUT_FILE_MISSING
    return Unanswered(Outcome.NOT_RUN, code, message, counted_release=counted)
