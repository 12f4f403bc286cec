"""Verdicts on two answers, with the reason that a reader would give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.chats.rules.compare.answers import (
    Comparison,
    Reason,
    Verdict,
    compare_answers,
    count_verdicts,
)

SAME, CHANGED, MISSING = Verdict
WORDS = st.lists(
    st.sampled_from(["Fee", "fee,", "1.5", "1,234", "1234", "-5", "5", "5 March 2024", "2024-03-05", "*", "\n- ", "é"]),
    max_size=6,
).map(" ".join)
ANSWERS = st.one_of(st.none(), WORDS, st.text(max_size=30))
EXCHANGED = {Reason.A_MISSING: Reason.B_MISSING, Reason.B_MISSING: Reason.A_MISSING}


@pytest.mark.parametrize(
    ("a", "b", "verdict", "reason"),
    [
        ("The fee is 5 euro.", "The fee is 5 euro.", SAME, "identical"),
        ("The **fee** is:\n\n- 5 euro!", "the fee is 5 EURO", SAME, "wording"),
        ("e\u0301te\u0301", "Été", SAME, "wording"),
        ("٥ دراهم", "5 دراهم", SAME, "wording"),
        ("The fee is 5 euro.", "The fee is 6 euro.", CHANGED, "numbers"),
        ("The fee is 1,234.56 euro.", "It costs 1.234,56 euro.", CHANGED, "text"),
        ("From 5 March 2024 on.", "Ab 5. März 2024.", CHANGED, "text"),
        ("From 5 March 2024 on.", "From 2024-03-06 on.", CHANGED, "dates"),
        ("2 forms by 5 March 2024.", "3 forms by 6 March 2024.", CHANGED, "numbers"),
        ("By 03/04/2024.", "By 04/03/2024!", CHANGED, "text"),
        ("By 03/04/2024.", "By 3 April 2024.", CHANGED, "numbers"),
        ("a b", "b a", CHANGED, "text"),
        (None, "a", MISSING, "a_missing"),
        (" \n", "a", MISSING, "a_missing"),
        ("a", None, MISSING, "b_missing"),
        ("a", "\u3000", MISSING, "b_missing"),
        (None, "", MISSING, "both_missing"),
        (None, None, MISSING, "both_missing"),
    ],
)
def test_a_pair_gets_its_verdict_and_reason(a: str | None, b: str | None, verdict: Verdict, reason: str) -> None:
    assert compare_answers(a, b) == Comparison(verdict, Reason(reason))


@given(ANSWERS, ANSWERS)
def test_exchanging_the_answers_exchanges_nothing_but_who_is_missing(a: str | None, b: str | None) -> None:
    one, other = compare_answers(a, b), compare_answers(b, a)
    assert other == Comparison(one.verdict, EXCHANGED.get(one.reason, one.reason))


@given(ANSWERS)
def test_an_answer_is_the_same_as_itself(a: str | None) -> None:
    verdict = compare_answers(a, a).verdict
    assert verdict is (SAME if a and a.strip() else MISSING)


def test_every_verdict_is_counted() -> None:
    found = [compare_answers("a", "A"), compare_answers("a", "a"), compare_answers("a", None)]
    assert count_verdicts(found) == {SAME: 2, CHANGED: 0, MISSING: 1}
    assert count_verdicts([]) == dict.fromkeys(Verdict, 0)
