"""Puts the buckets of exports together: what is stated twice counts once, and what contradicts itself is refused.

A bucket is a span of time with results, as the API pages them; the rows of a CSV for the same span are one too. Readers add
nothing up themselves: they give their buckets to `bill_of`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from livedash_pipeline.money.rules.bills.billed_days import Bill, BilledDay, UnreadableBillError, sum_days


class Kind(StrEnum):
    """The figures that an export states, in the words of messages."""

    COSTS = "costs"
    USAGE = "usage"


IDENTITY = (
    "model",
    "line_item",
    "project_id",
    "user_id",
    "api_key_id",
    "batch",
    "service_tier",
    "api_source",
    "name",
    "organization_id",
)
"""Fields by which exports can be split: two buckets with the same time are parts of a whole where these differ."""


@dataclass(frozen=True, slots=True)
class Result:
    """One result of a bucket: its figures, and the values of the fields in `IDENTITY`, None where not split by them."""

    row: BilledDay
    identity: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A span of time within one day in UTC, from `start` to before `end`, and everything that one export states for it."""

    kind: Kind
    start: datetime
    end: datetime
    results: tuple[Result, ...]


def identity_of(fields: Mapping[str, object]) -> tuple[str | None, ...]:
    """Returns the values of the fields in `IDENTITY`, None where they are missing, null or empty."""
    return tuple(str(value) if (value := fields.get(name)) not in (None, "") else None for name in IDENTITY)


def bill_of(buckets: Iterable[Bucket]) -> Bill:
    """Makes a bill of all buckets of all exports.

    Raises:
        UnreadableBillError: Buckets overlap, or give different figures for the same time.
    """
    spans: dict[tuple[Kind, datetime, datetime], list[Bucket]] = {}
    for bucket in buckets:
        spans.setdefault((bucket.kind, bucket.start, bucket.end), []).append(bucket)
    days = sorted(start.date() for _, start, _ in spans)
    _refuse_overlaps(span for span, same in spans.items() if any(bucket.results for bucket in same))
    rows = [result.row for same in spans.values() for bucket in _parts(same) for result in bucket.results]
    return Bill(sum_days(rows), days[0] if days else None, days[-1] if days else None)


def _refuse_overlaps(spans: Iterable[tuple[Kind, datetime, datetime]]) -> None:
    """Refuses an hour beside the day that it is part of: both together would count it twice."""
    ordered = sorted(spans)
    for (kind, start, end), (other_kind, later, _) in pairwise(ordered):
        if kind == other_kind and later < end:
            raise UnreadableBillError(
                f"The {kind} of {later:%Y-%m-%d %H:%M} are stated twice: a bucket from {start:%Y-%m-%d %H:%M} reaches to "
                f"{end:%Y-%m-%d %H:%M} in UTC; give one export for each day."
            )


def _parts(same: list[Bucket]) -> list[Bucket]:
    """The buckets of one span of time that count.

    A page that was fetched twice, and the days that two exports share, come with the same results: they count once. Exports of
    two projects come with results that differ in their project alone: both count. Everything else could be a part, an earlier
    state, or another grouping of the same costs.
    """
    parts: list[Bucket] = []
    for bucket in same:
        if not bucket.results or any(Counter(bucket.results) == Counter(part.results) for part in parts):
            continue
        if any(not _completes(bucket, part) for part in parts):
            raise UnreadableBillError(
                f"The {bucket.kind} of {bucket.start:%Y-%m-%d %H:%M} in UTC are stated twice, with different figures; give the "
                "latest export alone."
            )
        parts.append(bucket)
    return parts


def _completes(one: Bucket, other: Bucket) -> bool:
    """Whether two buckets of one span of time are of different projects, keys or the like, and are split in the same way."""
    mine, others = ({result.identity for result in bucket.results} for bucket in (one, other))
    return mine.isdisjoint(others) and _split_by(mine) == _split_by(others)


def _split_by(identities: set[tuple[str | None, ...]]) -> set[int]:
    return {place for identity in identities for place, value in enumerate(identity) if value is not None}
