"""The settlement table: what each outcome does, and that both allowances end every request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.outcomes import SETTLEMENT_RULES, Disposition, Outcome, Settlement, settle
from livedash_pipeline.base.store.tables import ai_request_attempts

COMPLETE, FAILED, RELEASED = Disposition.COMPLETE, Disposition.FAILED, Disposition.RELEASED


def settled(
    outcome: Outcome,
    *,
    attempts_used: int = 0,
    releases_used: int = 0,
    counted_release: bool = False,
    maybe_paid: bool = False,
) -> Settlement:
    return settle(
        outcome,
        attempts_used=attempts_used,
        releases_used=releases_used,
        counted_release=counted_release,
        max_attempts=3,
        max_releases=10,
        maybe_paid=maybe_paid,
    )


def test_the_outcomes_are_those_of_the_ledger() -> None:
    assert list(Outcome) == [
        "parsed",
        "refused",
        "truncated",
        "invalid_output",
        "rejected",
        "transient",
        "not_run",
        "missing",
        "artifact_unavailable",
    ]
    (check,) = (c for c in ai_request_attempts.constraints if c.name == "ck_ai_request_attempts_outcome_known")
    assert all(f"'{outcome}'" in str(check.sqltext) for outcome in Outcome)  # type: ignore[attr-defined]


def test_every_outcome_has_a_rule() -> None:
    assert set(SETTLEMENT_RULES) == set(Outcome)


@pytest.mark.parametrize(
    ("outcome", "disposition", "attempts_delta"),
    [
        (Outcome.PARSED, COMPLETE, 1),
        (Outcome.REFUSED, FAILED, 1),
        (Outcome.TRUNCATED, FAILED, 1),
        (Outcome.INVALID_OUTPUT, FAILED, 1),
        (Outcome.REJECTED, FAILED, 1),
        (Outcome.TRANSIENT, RELEASED, 1),
        (Outcome.NOT_RUN, RELEASED, 0),
        (Outcome.MISSING, RELEASED, 1),
        (Outcome.ARTIFACT_UNAVAILABLE, FAILED, 1),
    ],
)
def test_first_try_is_settled_by_the_table(outcome: Outcome, disposition: Disposition, attempts_delta: int) -> None:
    settlement = settled(outcome)
    assert (settlement.disposition, settlement.attempts_delta) == (disposition, attempts_delta)
    assert settlement.releases_delta == 0


@pytest.mark.parametrize("outcome", [Outcome.TRANSIENT, Outcome.MISSING])
def test_third_attempt_is_the_last(outcome: Outcome) -> None:
    found = [settled(outcome, attempts_used=used).disposition for used in range(4)]
    assert found == [RELEASED, RELEASED, FAILED, FAILED]


def test_tenth_counted_release_fails() -> None:
    before = settled(Outcome.NOT_RUN, releases_used=8, counted_release=True)
    last = settled(Outcome.NOT_RUN, releases_used=9, counted_release=True)
    assert before == Settlement(RELEASED, 0, 1, "not_run")
    assert last == Settlement(FAILED, 0, 1, "not_run")


def test_uncounted_release_never_fails() -> None:
    assert settled(Outcome.NOT_RUN, attempts_used=99, releases_used=99) == Settlement(RELEASED, 0, 0, "not_run")


def test_missing_line_that_may_have_been_paid_fails_and_is_not_bought_again() -> None:
    assert settled(Outcome.MISSING, maybe_paid=True) == Settlement(FAILED, 1, 0, "missing")
    assert settled(Outcome.TRANSIENT, maybe_paid=True).disposition is RELEASED


@given(st.lists(st.tuples(st.sampled_from(Outcome), st.booleans()), min_size=13))
def test_no_request_is_tried_for_ever_unless_nothing_was_counted(tries: list[tuple[Outcome, bool]]) -> None:
    attempts = releases = counted = 0
    for outcome, counted_release in tries:
        settlement = settled(outcome, attempts_used=attempts, releases_used=releases, counted_release=counted_release)
        attempts += settlement.attempts_delta
        releases += settlement.releases_delta
        counted += outcome is not Outcome.NOT_RUN or counted_release
        if settlement.disposition is not RELEASED:
            return
        assert (attempts, releases) < (3, 10)
    assert counted < 3 + 10


@pytest.mark.parametrize(
    ("erased", "cancelled", "code"),
    [(False, False, "transient"), (True, False, "erased"), (False, True, "cancelled"), (True, True, "erased")],
)
def test_what_nobody_wants_any_more_fails_instead_of_waiting(erased: bool, cancelled: bool, code: str) -> None:
    settled = settle(
        Outcome.TRANSIENT,
        attempts_used=0,
        releases_used=0,
        counted_release=False,
        max_attempts=3,
        max_releases=3,
        fails_unfinished=cancelled,
        is_erased=erased,
    )
    failed = erased or cancelled
    assert settled.disposition is (Disposition.FAILED if failed else Disposition.RELEASED)
    assert settled.error_code == code
