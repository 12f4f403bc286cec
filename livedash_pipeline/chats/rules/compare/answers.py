"""The verdict on two answers to one question, by rules alone: no model is asked.

What counts as the same wording is stated in `wording`, as the same number in `numbers`, as the same date in `dates`. Add a reason
here when a kind of difference deserves a reader's attention before others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from livedash_pipeline.chats.rules.compare.dates import take_dates
from livedash_pipeline.chats.rules.compare.folding import fold
from livedash_pipeline.chats.rules.compare.numbers import find_numbers, same_numbers
from livedash_pipeline.chats.rules.compare.wording import normalise


class Verdict(StrEnum):
    """What two answers are to each other."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"


class Reason(StrEnum):
    """Why a verdict is what it is."""

    IDENTICAL = "identical"
    """Both are the same text, character for character."""
    WORDING = "wording"
    """Both have the same words; case, white space, punctuation or Markdown differ."""
    NUMBERS = "numbers"
    """They name different numbers, and perhaps different dates as well."""
    DATES = "dates"
    """They name different dates, and no different numbers."""
    TEXT = "text"
    """They have other words, or the same ones in another order, with the same numbers and dates."""
    A_MISSING = "a_missing"
    B_MISSING = "b_missing"
    BOTH_MISSING = "both_missing"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A verdict and the first reason for it that applies."""

    verdict: Verdict
    reason: Reason


def compare_answers(a: str | None, b: str | None) -> Comparison:
    """Compares two answers; never raises.

    - `MISSING` where one of them is None or nothing but white space.
    - `SAME` where their wordings are equal.
    - `CHANGED` otherwise: with reason `numbers` where one names a number that the other does not, else `dates` where one names a
      date that the other does not, else `text`. How often and in which order they stand does not count; a date's digits are no
      numbers.

    Exchanging the two changes nothing but `a_missing` into `b_missing`.
    """
    has_a, has_b = bool(a and a.strip()), bool(b and b.strip())
    if a is None or b is None or not (has_a and has_b):
        return Comparison(Verdict.MISSING, _missing(has_a, has_b))
    if a == b:
        return Comparison(Verdict.SAME, Reason.IDENTICAL)
    if normalise(a) == normalise(b):
        return Comparison(Verdict.SAME, Reason.WORDING)
    return Comparison(Verdict.CHANGED, _difference(fold(a), fold(b)))


def count_verdicts(comparisons: Iterable[Comparison]) -> dict[Verdict, int]:
    """How many comparisons have each verdict; every verdict is there, with 0 where none has it."""
    counts = Counter(comparison.verdict for comparison in comparisons)
    return {verdict: counts[verdict] for verdict in Verdict}


def _missing(has_a: bool, has_b: bool) -> Reason:
    if has_a:
        return Reason.B_MISSING
    return Reason.A_MISSING if has_b else Reason.BOTH_MISSING


def _difference(a: str, b: str) -> Reason:
    (dates_a, rest_a), (dates_b, rest_b) = take_dates(a), take_dates(b)
    if not same_numbers(find_numbers(rest_a), find_numbers(rest_b)):
        return Reason.NUMBERS
    return Reason.TEXT if dates_a == dates_b else Reason.DATES
