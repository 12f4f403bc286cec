"""Summarises what analyses found in a period, in the one document that the route, the page and the CSV share.

Add a figure in `overview.rules.results`. Rates are shares of what is known, as numbers from 0 to 1 with four decimals; how they
are written for people is decided by the page.
"""

from __future__ import annotations

from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import get_company, optional_company_id
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import UsageError
from livedash_pipeline.overview.rules import results as rules
from livedash_pipeline.overview.rules.results import Fault, Figures, Period, Step
from livedash_pipeline.overview.store.results import AskedQuestion, PeriodSums, newest_day, sum_period

_Read = TypeVar("_Read")


def summarise_results(
    engine: Engine,
    *,
    company: str | None = None,
    start: str | None = None,
    end: str | None = None,
    compare: str | None = None,
    by: str | None = None,
    with_questions: bool = True,
) -> Document:
    """Summarises the sessions that began in some days, each in its company's own calendar.

    Args:
        engine: Our database.
        company: Only this company's; all together without it, whose days end now in UTC.
        start: The first day.
        end: The last day, included; by default today.
        compare: `none`, `previous` (as many days before), `year` (the same days a year before), or the first of as many days.
        by: The step of the series: day, week or month; by default the finest that stays readable.
        with_questions: Whether to list what was asked, for those who may see what people wrote; otherwise the list is empty.

    Raises:
        UsageError: Unknown company or step, no day, or days that cannot be summed.
    """
    with engine.connect() as connection:
        found = None if company is None else get_company(connection, company)
        zone = None if found is None else found.time_zone
        company_id = None if found is None else found.id
        period = _checked(rules.read_period(start, end, today=_today(connection, zone)))
        compared = _checked(rules.read_compared(compare, period))
        step = _checked(rules.read_step(by, period))
        most = rules.MOST_QUESTIONS if with_questions else 0
        now = sum_period(connection, period, company_id=company_id, most_questions=most)
        before = None
        if compared is not None:
            before = sum_period(connection, compared, company_id=company_id, most_questions=most)
    return {
        "ok": True,
        "company": company,
        "timeZone": zone,
        "by": step.value,
        "period": period_document(now, period, step),
        "compared": None if before is None or compared is None else period_document(before, compared, step),
        "changes": None if before is None else changes(now, before),
    }


def last_days(engine: Engine, company: str | None) -> Period | None:
    """Returns the thirty days until the newest session; None where there is no session.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        day = newest_day(connection, optional_company_id(connection, company))
    return None if day is None else Period(day - timedelta(days=rules.DEFAULT_DAYS - 1), day)


def _today(connection: Connection, zone: str | None) -> date:
    return database_now(connection).astimezone(UTC if zone is None else ZoneInfo(zone)).date()


def _checked(read: _Read | Fault) -> _Read:
    """What was read, unless that is a fault."""
    if isinstance(read, Fault):
        raise UsageError(read.message, remedy="Give days as in 2025-05-01, the first one first, and two years at most.")
    return read


def period_document(sums: PeriodSums, period: Period, step: Step) -> Document:
    """The document of a period: its totals, its steps, and what its sessions are about."""
    known = sums.total
    return {
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "days": period.days,
        "totals": figures(known) | {"medianDurationSeconds": number(sums.median_duration)},
        "series": [_part(sums, part) for part in rules.parts_of(period, step)],
        "categories": [
            {
                "category": name.lower(),
                "sessions": count,
                "share": number(rules.share(count, sum(sums.categories.values()))),
            }
            for name, count in sums.categories.items()
        ],
        "languages": [
            {"language": name, "sessions": count, "share": number(rules.share(count, sum(sums.languages.values())))}
            for name, count in sums.languages.items()
        ],
        "questions": [_question(asked, known) for asked in sums.questions],
    }


def _part(sums: PeriodSums, part: Period) -> Document:
    summed = rules.sum_of(found for day, found in sums.days.items() if part.first <= day <= part.last)
    return {"from": part.first.isoformat(), "to": part.last.isoformat()} | figures(summed)


def figures(found: Figures) -> Document:
    """Figures with their rates, in the order of the columns of the CSV."""
    return {
        "sessions": found.sessions,
        "analysed": found.analysed,
        "sentimentKnown": found.sentiment_known,
        "positive": found.positive,
        "positiveShare": number(found.share_of_sentiment(found.positive)),
        "neutral": found.neutral,
        "neutralShare": number(found.share_of_sentiment(found.neutral)),
        "negative": found.negative,
        "negativeShare": number(found.share_of_sentiment(found.negative)),
        "escalationKnown": found.escalation_known,
        "escalated": found.escalated,
        "escalationRate": number(found.escalation_rate),
        "forwardingKnown": found.forwarding_known,
        "forwardedHr": found.forwarded_hr,
        "forwardingRate": number(found.forwarding_rate),
        "messagesKnown": found.messages_known,
        "messages": found.messages,
        "averageMessages": number(found.average_messages),
        "averageDurationSeconds": number(found.average_duration),
    }


def changes(now: PeriodSums, before: PeriodSums) -> Document:
    """The changes of the figures that people look at first."""
    new, old = now.total, before.total
    counts = {"sessions": (new.sessions, old.sessions), "analysed": (new.analysed, old.analysed)}
    rates = {
        "positiveShare": (new.share_of_sentiment(new.positive), old.share_of_sentiment(old.positive)),
        "neutralShare": (new.share_of_sentiment(new.neutral), old.share_of_sentiment(old.neutral)),
        "negativeShare": (new.share_of_sentiment(new.negative), old.share_of_sentiment(old.negative)),
        "escalationRate": (new.escalation_rate, old.escalation_rate),
        "forwardingRate": (new.forwarding_rate, old.forwarding_rate),
        "averageMessages": (new.average_messages, old.average_messages),
        "averageDurationSeconds": (new.average_duration, old.average_duration),
        "medianDurationSeconds": (now.median_duration, before.median_duration),
    }
    found = {name: rules.change_of_count(*pair) for name, pair in counts.items()}
    found |= {name: rules.change_of_rate(*pair) for name, pair in rates.items()}
    return {name: {"difference": number(each.difference), "ratio": number(each.ratio)} for name, each in found.items()}


def _question(asked: AskedQuestion, total: Figures) -> Document:
    return {
        "id": str(asked.id),
        "company": asked.company,
        "question": asked.question,
        "sessions": asked.sessions,
        "share": number(rules.share(asked.sessions, total.sessions)),
        "askedFirst": asked.asked_first,
    }


def number(amount: Decimal | None) -> int | float | None:
    """A rate or an average as a JSON number: whole ones without a point."""
    if amount is None:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)
