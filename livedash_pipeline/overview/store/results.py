"""Sums what analyses found in some days, and finds the questions that were asked most.

The views `daily_results`, `daily_categories`, `daily_languages` and `daily_questions` give the same figures to BI tools. Add a
figure in `overview.rules.results` and in the statements; single sessions are found by `overview.store.session_search`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Date, RowMapping, func, select

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import companies, sessions
from livedash_pipeline.overview.rules.results import FIGURES, MOST_QUESTIONS, Figures, Period

# The local day of a moment is at most one away from its UTC day, whatever the zone.
_AROUND = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, how many sessions asked it, and in how many of them it was the most important one."""

    id: UUID
    company: str
    question: str
    sessions: int
    asked_first: int


@dataclass(frozen=True, slots=True)
class PeriodSums:
    """What was found in a period.

    Attributes:
        total: Of all sessions.
        median_duration: Seconds; None without sessions.
        days: By day; days without sessions are left out.
        categories: Sessions by category, as it is stored.
        languages: Sessions by language.
        questions: The questions of most sessions.
    """

    total: Figures
    median_duration: Decimal | None
    days: dict[date, Figures] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)
    questions: Sequence[AskedQuestion] = ()


def sum_period(
    connection: Connection, period: Period, *, company_id: UUID | None, most_questions: int = MOST_QUESTIONS
) -> PeriodSums:
    """Sums a period, of one company or of all, each session in its company's own calendar; without questions for 0 of them."""
    values = {
        "company_id": company_id,
        "first_day": period.first,
        "last_day": period.last,
        "since": datetime.combine(period.first - _AROUND, time(), UTC),
        "until": datetime.combine(period.last + 2 * _AROUND, time(), UTC),
    }
    rows = connection.execute(statement("overview/sum_results"), values).mappings().all()
    asked: Sequence[RowMapping] = []
    if most_questions:
        found = connection.execute(statement("overview/find_top_questions"), values | {"most": most_questions})
        asked = found.mappings().all()
    (total,) = (row for row in rows if row["grouped_by"] == "total")
    median = total["median_duration_seconds"]
    return PeriodSums(
        _figures(total),
        None if median is None else Decimal(str(median)),
        {row["day"]: _figures(row) for row in rows if row["grouped_by"] == "day"},
        _sessions(rows, "category"),
        _sessions(rows, "language"),
        [
            AskedQuestion(row["question_id"], row["company"], row["question"], row["sessions"], row["asked_first"])
            for row in asked
        ],
    )


def newest_day(connection: Connection, company_id: UUID | None, *, before: int = 0) -> date | None:
    """The day of the session that began last, or so many before it, in its company's own calendar; None where there is none."""
    day = func.timezone(companies.c.time_zone, sessions.c.start_time).cast(Date)
    query = select(day).join(companies, companies.c.id == sessions.c.company_id)
    newest = sessions.c.start_time.desc()
    if company_id is None:
        query = query.order_by(newest)
    else:
        # As a range of one, so that the planner does not walk past the newer sessions of all other companies.
        own = (sessions.c.company_id >= company_id, sessions.c.company_id <= company_id)
        query = query.where(*own).order_by(sessions.c.company_id.desc(), newest)
    found: date | None = connection.execute(query.offset(before).limit(1)).scalar_one_or_none()
    return found


def _figures(row: RowMapping) -> Figures:
    return Figures(**{name: int(row[name]) for name in FIGURES})


def _sessions(rows: Sequence[RowMapping], grouped_by: str) -> dict[str, int]:
    """Sessions by a value, those of most sessions first; sessions without one are left out."""
    found = [(row[grouped_by], row["sessions"]) for row in rows if row["grouped_by"] == grouped_by]
    return dict(sorted((each for each in found if each[0] is not None), key=lambda each: (-each[1], each[0])))
