"""Who may submit how much, and for how long a refusal keeps others from trying.

Decisions only: the caller counts what waits, what is enqueued and what was spent. Locks and claims are in
`ledger.store.batches.claims`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.money.rules.caps import Cap, Room, Scope
from livedash_pipeline.money.rules.pricing import Ceiling, Rates, ceiling_of
from livedash_pipeline.money.rules.token_margins import (
    EXACT,
    TokenMargin,
    stated_input_sum,
    stated_input_tokens,
    token_margin,
)

# Timed holds start at a quarter of an hour and double up to six hours.
FIRST_HOLD = timedelta(minutes=15)
LONGEST_HOLD = timedelta(hours=6)


@dataclass(frozen=True)
class PendingGroup:
    """The waiting requests of one company, model and kind: the unit of a batch, since the service takes one model per file.

    `returned` says that some of them come back from a batch that was claimed and never made.
    """

    company_id: UUID
    company: str
    model: str
    processing_type: str
    requests: int
    token_estimate: int
    max_output_tokens: int
    oldest: datetime
    returned: bool = False


class HoldScope(StrEnum):
    """A hold keeps everything at an endpoint waiting, or one of its models."""

    ENDPOINT = "endpoint"
    MODEL = "model"


@dataclass(frozen=True)
class HoldRule:
    """The scope of a hold, and whether it ends by itself (`timed`) or waits for a person."""

    scope: HoldScope
    timed: bool


_HOLDS = {
    FailureKind.BAD_KEY: HoldRule(HoldScope.ENDPOINT, timed=True),
    FailureKind.FORBIDDEN: HoldRule(HoldScope.ENDPOINT, timed=True),
    FailureKind.QUOTA: HoldRule(HoldScope.ENDPOINT, timed=True),
    FailureKind.BILLING: HoldRule(HoldScope.ENDPOINT, timed=False),
    FailureKind.MODEL_NOT_FOUND: HoldRule(HoldScope.MODEL, timed=False),
}
TOKEN_LIMIT_HOLD = HoldRule(HoldScope.MODEL, timed=True)


def hold_rule(kind: FailureKind) -> HoldRule:
    """Returns the hold that a refusal of this kind asks for; unlisted kinds hold the model for a while."""
    return _HOLDS.get(kind, HoldRule(HoldScope.MODEL, timed=True))


def hold_until(now: datetime, times: int) -> datetime:
    """The end of the `times`-th hold in a row."""
    return now + min(FIRST_HOLD * (1 << min(times - 1, 10)), LONGEST_HOLD)


def is_due(group: PendingGroup, *, now: datetime, min_batch: int, max_wait: int) -> bool:
    """Whether a group is large enough to submit, has waited `max_wait` seconds, or returned from a batch that was never made."""
    return group.returned or group.requests >= min_batch or now - group.oldest >= timedelta(seconds=max_wait)


def take_turns(groups: Iterable[PendingGroup]) -> list[PendingGroup]:
    """Sorts groups by how long they have waited, the longest first; each gets one batch before any gets a second."""
    return sorted(groups, key=lambda group: (group.oldest, group.company, group.model))


def free_tokens(limit: int | None, learned: int | None, enqueued: int) -> int | None:
    """Returns how many tokens a model's queue still takes: the smaller known limit less `enqueued`; None without a limit."""
    known = [value for value in (limit, learned) if value is not None]
    return max(min(known) - enqueued, 0) if known else None


# "Enqueued token limit reached for gpt-4.1 in organization org-1. Limit: 2,000,000 enqueued tokens." The figure follows the
# word directly, so that numbers in the name of a model or an organisation are not taken for it.
_LIMIT_FIGURE = re.compile(r"\blimit(?:\s+(?:is|of))?\s*[:=]?\s*([0-9][0-9,._]{2,})(?![\w-])", re.IGNORECASE)


def learned_limit(message: str, refused_tokens: int) -> int:
    """Returns the limit to assume after a `token_limit_exceeded`: the figure in its message, else half of the refused tokens."""
    match = _LIMIT_FIGURE.search(message)
    digits = re.sub(r"\D", "", match.group(1)) if match else ""
    return max(int(digits) if digits else refused_tokens // 2, 1)


@dataclass(frozen=True)
class Budget:
    """The most that a token costs in euro, None where unknown; the cap that leaves least; and what bounds a request's input."""

    most: Ceiling | None
    room: Room | None = None
    margin: TokenMargin = EXACT

    @property
    def left(self) -> Decimal | None:
        """Euro that may still be set aside; None without a cap."""
        return None if self.room is None else self.room.left

    def of(self, token_estimate: int, body_bytes: int, output_tokens: int) -> Decimal | None:
        """Euro that a request of this size can cost; None where the price is unknown.

        Specification of what `sql/statements/ledger/find_claimable_requests.sql` sets aside;
        `tests/ledger/store/test_reservations.py` compares the two.
        """
        if self.most is None:
            return None
        return self.most.of(stated_input_tokens(token_estimate, body_bytes, self.margin), output_tokens)

    def of_many(
        self, requests: int, token_estimate: int, body_bytes: int, output_tokens: int, *, longest: int
    ) -> Decimal | None:
        """Euro that requests can cost that have so many tokens and bytes together, the longest so many tokens by estimate.

        None where the price is unknown.
        """
        if self.most is None:
            return None
        stated = stated_input_sum(requests, token_estimate, body_bytes, self.margin)
        # The bytes of the longest one are not known; all of them together are at least as many.
        most = stated_input_tokens(longest, body_bytes, self.margin)
        return self.most.of_many(stated, output_tokens, longest=most)


def budget(*, model: str, room: Room | None, rates: Rates, usd_eur: Decimal | None) -> Budget | None:
    """Returns what a claim may reserve; None where there is a cap and the price or the rate is unknown: then nothing is claimed.

    Args:
        model: Its name says how many input tokens an estimate can come to.
        room: The cap that leaves least.
        rates: Those of the tier that is bought, in US dollars.
        usd_eur: Exchange rate.
    """
    usd = ceiling_of(rates)
    if usd is None or usd_eur is None:
        return None if room is not None else Budget(None)
    return Budget(usd.times(usd_eur), room, token_margin(model))


@dataclass(frozen=True)
class CappedRequests:
    """The claimable requests of a group, priced at maximum output: those that cost more than the whole cap, and the others.

    Attributes:
        above_cap: How many cost more than the cap allows in a whole month.
        most_expensive: The highest of their prices in euro; None if there are none.
        next_price: The price of the first of the others, which a claim takes first; None if there are none.
    """

    above_cap: int
    most_expensive: Decimal | None
    next_price: Decimal | None


def unpriced_reason(group: PendingGroup) -> str:
    """Says that a group waits because its price is unknown and there is a cap."""
    return f"{group.company} has a spending cap, and the price of {group.model} or the exchange rate is unknown"


def cap_reasons(group: PendingGroup, room: Room, lowest: Cap, requests: CappedRequests) -> list[str]:
    """Says why caps keep requests of a group waiting; empty if they do not.

    Args:
        group: The group.
        room: The cap that leaves least.
        lowest: The cap that a single request must not cost more than in all days and months to come.
        requests: The group's requests, compared with the lowest cap.
    """
    reasons = []
    if requests.above_cap:
        reasons.append(
            f"{requests.above_cap} of {group.requests} requests of {group.company} for {group.model} can never be sent: one "
            f"may cost {_shown(requests.most_expensive)} EUR, and {lowest.name} is {_shown(lowest.eur)}"
        )
    if requests.next_price is not None and requests.next_price > room.left:
        said = said_of_cap(group.company, room)
        reasons.append(f"{said}, and the next request for {group.model} may cost {_shown(requests.next_price)}")
    return reasons


def said_of_cap(company: str, room: Room) -> str:
    """What a cap leaves, in words for operators: of all companies together it names the figures."""
    whose = f"{company} has" if room.cap.scope is Scope.COMPANY else "All companies together have"
    its = "its" if room.cap.scope is Scope.COMPANY else "their"
    cap = f"{room.cap.period.adjective} spending cap of {_shown(room.cap.eur)}"
    return f"{whose} {_shown(room.left)} EUR of {its} {cap} left"


def refused_call(model: str, eur: Decimal, room: Room) -> str:
    """Says that a call costs more than a cap leaves, in words that the company itself may read: no figures of all together."""
    cost = f"a call to {model} may cost {_shown(eur)}"
    if room.cap.scope is Scope.COMPANY:
        return f"{said_of_cap('The company', room)}, and {cost}."
    return f"The {room.cap.period.adjective} spending cap of all companies together leaves less, and {cost} EUR."


def _shown(amount: Decimal | None) -> str:
    return f"{amount.normalize():f}" if amount else "0"
