"""The nine ways in which a submitted request can end, and what each of them means for the request.

Every submitted id gets exactly one outcome; `SETTLEMENT_RULES` is the one table that says what follows, and `settle` specifies
the SQL that settles a whole batch. Add an outcome here and to the check of `ai_request_attempts`; how a line
of a result file gets its outcome stands in `ledger.rules.results.result_lines`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Outcome(StrEnum):
    """How one try of one request ended."""

    PARSED = "parsed"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    INVALID_OUTPUT = "invalid_output"
    REJECTED = "rejected"
    TRANSIENT = "transient"
    NOT_RUN = "not_run"
    MISSING = "missing"
    ARTIFACT_UNAVAILABLE = "artifact_unavailable"


FAILURE_CODES = (
    *(outcome.value for outcome in Outcome if outcome is not Outcome.PARSED),
    *("answered_before", "cancelled", "erased", "input_changed", "input_erased", "input_outdated", "input_too_long"),
    "no_messages",
)
"""Our words for why a request failed; a single call that failed has the code of the service instead, whose words are not ours."""


class Disposition(StrEnum):
    """What becomes of the request: done, failed, or back to PENDING_BATCHING."""

    COMPLETE = "complete"
    FAILED = "failed"
    RELEASED = "released"


class Allowance(StrEnum):
    """What a release is paid from; when it is used up, the request fails."""

    ATTEMPTS = "attempts"
    RELEASES = "releases"


@dataclass(frozen=True, slots=True)
class SettlementRule:
    """One row of the table.

    Attributes:
        disposition: What follows as long as the allowance lasts.
        attempts_delta: 1 for a try that counts, 0 for one that never ran.
        allowance: What limits a release; None where the disposition is final anyway.
    """

    disposition: Disposition
    attempts_delta: Literal[0, 1]
    allowance: Allowance | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What settling changes on a request; `error_code` is None for one that is complete."""

    disposition: Disposition
    attempts_delta: Literal[0, 1]
    releases_delta: Literal[0, 1]
    error_code: str | None


SETTLEMENT_RULES: Mapping[Outcome, SettlementRule] = {
    Outcome.PARSED: SettlementRule(Disposition.COMPLETE, 1),
    # Paid, and asking again would most likely buy the same answer: a person decides.
    Outcome.REFUSED: SettlementRule(Disposition.FAILED, 1),
    Outcome.TRUNCATED: SettlementRule(Disposition.FAILED, 1),
    Outcome.INVALID_OUTPUT: SettlementRule(Disposition.FAILED, 1),
    Outcome.REJECTED: SettlementRule(Disposition.FAILED, 1),
    # May have been paid, so it is never bought again by itself.
    Outcome.ARTIFACT_UNAVAILABLE: SettlementRule(Disposition.FAILED, 1),
    Outcome.TRANSIENT: SettlementRule(Disposition.RELEASED, 1, Allowance.ATTEMPTS),
    Outcome.MISSING: SettlementRule(Disposition.RELEASED, 1, Allowance.ATTEMPTS),
    Outcome.NOT_RUN: SettlementRule(Disposition.RELEASED, 0, Allowance.RELEASES),
}

# What may be asked again.
RELEASED_OUTCOMES = frozenset(
    outcome for outcome, rule in SETTLEMENT_RULES.items() if rule.disposition is Disposition.RELEASED
)
# The service ran these and charges for them, whatever the answer is worth.
PAID_OUTCOMES = frozenset({Outcome.PARSED, Outcome.REFUSED, Outcome.TRUNCATED, Outcome.INVALID_OUTPUT})
# What is gone may have been charged as well: money that was set aside for it stays spent.
CHARGED_OUTCOMES = PAID_OUTCOMES | {Outcome.ARTIFACT_UNAVAILABLE}
# A line in neither file may have been charged too: only the usage of its batch can show that it was not.
UNPROVEN_OUTCOMES = CHARGED_OUTCOMES | {Outcome.MISSING}


def settle(
    outcome: Outcome,
    *,
    attempts_used: int,
    releases_used: int,
    counted_release: bool,
    max_attempts: int,
    max_releases: int,
    maybe_paid: bool = False,
    fails_unfinished: bool = False,
    is_erased: bool = False,
) -> Settlement:
    """What one outcome does to its request.

    Specification of `sql/statements/ledger/settle_requests.sql`; `tests/ledger/store/test_settlement.py` compares the two.

    Args:
        outcome: How the try ended.
        attempts_used: Tries since the last requeue, this one not included.
        releases_used: Counted releases since the last requeue, this one not included.
        counted_release: Whether a `not_run` uses up the allowance of releases: it does when the batch expired, was
            cancelled, or its input file was missing. Ignored for every other outcome.
        max_attempts: The try that reaches this number is the last one.
        max_releases: The counted release that reaches this number fails instead.
        maybe_paid: The batch's usage exceeds what its lines add up to, so a `missing` line may have been charged
            and fails instead of being bought again. Ignored for every other outcome.
        fails_unfinished: The batch was cancelled by somebody who wants what it did not finish to fail.
        is_erased: The request's session was erased meanwhile: there is nothing to ask any more.
    """
    rule = SETTLEMENT_RULES[outcome]
    releases_delta: Literal[0, 1] = 1 if rule.allowance is Allowance.RELEASES and counted_release else 0
    exhausted = {
        None: False,
        Allowance.ATTEMPTS: attempts_used + rule.attempts_delta >= max_attempts,
        Allowance.RELEASES: releases_delta == 1 and releases_used + 1 >= max_releases,
    }[rule.allowance]
    failed, code = exhausted or (outcome is Outcome.MISSING and maybe_paid), str(outcome)
    if outcome in RELEASED_OUTCOMES and (is_erased or fails_unfinished):
        failed, code = True, "erased" if is_erased else "cancelled"
    return Settlement(
        Disposition.FAILED if failed else rule.disposition,
        rule.attempts_delta,
        releases_delta,
        None if rule.disposition is Disposition.COMPLETE else code,
    )
