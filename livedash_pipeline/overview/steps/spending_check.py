"""Looks whether spending has reached a cap, or a share of a budget that somebody is told of.

`overview.steps.checks` lists the check. Levels are `overview.rules.health`'s business, standings those of `overview.steps.caps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sqlalchemy import Connection

from livedash_pipeline.base.rules.values import money
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.money.rules.budgets import Limit, percent, reached_share, watched, yardstick
from livedash_pipeline.money.rules.forecast import reached_on
from livedash_pipeline.overview.rules.health import Level, spending_level, worst
from livedash_pipeline.overview.rules.shares import ALL, ReachedShare, cents, describe_share, periods_of
from livedash_pipeline.overview.steps.caps import Standing, read_standings
from livedash_pipeline.overview.steps.check import Finding, Row
from livedash_pipeline.settings import Settings

SHARES = "shares"
"""Name of the metadata that says which shares are reached, for the alerts."""


def high_spending(connection: Connection, settings: Settings) -> Finding:
    """Returns the limits that are not green, with what counts against each limit and every share that is reached."""
    now = database_now(connection)
    standings = [each for each in read_standings(connection, settings, now=now) if each.limits]
    if not standings:
        return Finding([], shown={"skipped": "Neither a cap nor a budget is set, so there is nothing to compare with."})
    rows = [
        (_level(standing, limit, settings.warn_shares), _row(standing, limit))
        for standing in standings
        for limit in standing.limits
    ]
    wrong = [row for level, row in rows if level is not Level.GREEN]
    reached = [share.as_document() for share in _reached(standings, settings.warn_shares)]
    return Finding(
        # The worst come first, so that a sample shows them.
        sorted(wrong, key=lambda row: -row["share %"]),
        worst([level for level, _ in rows]),
        shown={
            "spending": [row for _, row in rows],
            SHARES: {"periods": list(periods_of(now).values()), "reached": reached},
        },
    )


def _level(standing: Standing, limit: Limit, shares: tuple[int, ...]) -> Level:
    told = limit == yardstick(standing.limits)
    committed = standing.counted(limit).committed
    first_share = shares[0] if told else None
    return spending_level(limit, committed=committed, one_more=standing.one_more, first_share=first_share)


def _row(standing: Standing, limit: Limit) -> Row:
    counted = standing.counted(limit)
    forecast = standing.forecast
    day = reached_on(limit, counted.committed, forecast, standing.now)
    return {
        "company": standing.company or "",
        "limit": f"{limit.noun} ({limit.source})",
        "EUR": money(limit.eur),
        "spent EUR": cents(counted.spent),
        "in flight EUR at most": cents(counted.in_flight),
        "entries without a known limit": counted.unlimited,
        "share %": percent(counted.committed, limit.eur) or Decimal(0),
        "expected EUR in the month": None if forecast is None else cents(forecast.expected),
        "reached on": day,
    }


def _reached(standings: list[Standing], shares: tuple[int, ...]) -> Iterator[ReachedShare]:
    for standing in standings:
        for limit in watched(standing.limits):
            counted = standing.counted(limit)
            share = reached_share(shares, counted.committed, limit.eur)
            if share is not None:
                yield describe_share(standing.company or ALL, share, limit, counted, standing.now)
