"""Results of analyses as people ask about them: which days, in which steps, compared with which, and what is a rate of what.

A rate counts only sessions of which the thing is known: `escalated` is a share of the sessions that an analysis judged so or
otherwise. Add a figure here, in `sql/statements/overview/sum_results.sql` and in the view `daily_results`. How figures are shown
is decided by `overview.steps.results` and the pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from livedash_pipeline.overview.rules.spend import read_day

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9998, 12, 31)
"""The first and the last day that can be asked about: every zone and every comparison stays within the calendar."""
MOST_DAYS = 731
"""Two years, with a day more for a leap year."""
DEFAULT_DAYS = 30
MOST_QUESTIONS = 20
"""Questions of a period that are listed, those of most sessions first."""

MOST_PARTS = 31
"""Steps of a series on a page: a month of days."""

_DAYS_UP_TO, _WEEKS_UP_TO = 31, 182
_SHARE_STEP, _AVERAGE_STEP = Decimal("0.0001"), Decimal("0.1")


class Step(StrEnum):
    """The steps of a series over time; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Compare(StrEnum):
    """The period that another one is compared with, where no day is named."""

    NONE = "none"
    PREVIOUS = "previous"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of a company's own calendar, the first and the last one included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Fault:
    """A question that cannot be answered: the sentence that says what is wrong with it."""

    message: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over sessions, which can be added up.

    Attributes:
        sessions: Sessions that began in the period.
        analysed: Those with an analysis, be it an older one that waits to be renewed.
        positive: Sessions of this sentiment; it is known of `sentiment_known` of them.
        escalated: Sessions that were passed on to a person, of `escalation_known`.
        forwarded_hr: Sessions that were forwarded to HR, of `forwarding_known`.
        messages: Messages of the `messages_known` sessions.
        duration_seconds: Seconds from the beginning to the end of all sessions.
    """

    sessions: int = 0
    analysed: int = 0
    positive: int = 0
    neutral: int = 0
    negative: int = 0
    escalation_known: int = 0
    escalated: int = 0
    forwarding_known: int = 0
    forwarded_hr: int = 0
    messages_known: int = 0
    messages: int = 0
    duration_seconds: int = 0

    @property
    def sentiment_known(self) -> int:
        """Sessions whose sentiment is known."""
        return self.positive + self.neutral + self.negative

    def share_of_sentiment(self, count: int) -> Decimal | None:
        """The share of a sentiment among the sessions whose sentiment is known."""
        return share(count, self.sentiment_known)

    @property
    def escalation_rate(self) -> Decimal | None:
        """The share of escalated sessions."""
        return share(self.escalated, self.escalation_known)

    @property
    def forwarding_rate(self) -> Decimal | None:
        """The share of sessions that were forwarded to HR."""
        return share(self.forwarded_hr, self.forwarding_known)

    @property
    def average_messages(self) -> Decimal | None:
        """Messages of a session, with one decimal."""
        return average(self.messages, self.messages_known)

    @property
    def average_duration(self) -> Decimal | None:
        """Seconds of a session, with one decimal."""
        return average(self.duration_seconds, self.sessions)


FIGURES = tuple(each.name for each in fields(Figures))


@dataclass(frozen=True, slots=True)
class Change:
    """How a number differs from that of the period that it is compared with; None where that cannot be said.

    Attributes:
        difference: The number less the earlier one: of rates in shares, so that 0.02 is two percentage points.
        ratio: The difference as a share of the earlier number; None for rates, and after zero.
    """

    difference: Decimal | None
    ratio: Decimal | None


def share(part: int, whole: int) -> Decimal | None:
    """A part of a whole with four decimals, half of the last one rounded up; None of nothing."""
    return (Decimal(part) / whole).quantize(_SHARE_STEP, ROUND_HALF_UP) if whole else None


def average(total: int, count: int) -> Decimal | None:
    """An average with one decimal, half of it rounded up; None of nothing."""
    return (Decimal(total) / count).quantize(_AVERAGE_STEP, ROUND_HALF_UP) if count else None


def sum_of(parts: Iterable[Figures]) -> Figures:
    """Adds figures up."""
    summed = asdict(Figures())
    for part in parts:
        for name in summed:
            summed[name] += getattr(part, name)
    return Figures(**summed)


def change_of_count(now: int, before: int) -> Change:
    """Compares two counts."""
    return Change(Decimal(now - before), share(now - before, before))


def change_of_rate(now: Decimal | None, before: Decimal | None) -> Change:
    """Compares two rates or averages."""
    return Change(None if now is None or before is None else now - before, None)


def read_period(first: str | None, last: str | None, *, today: date) -> Period | Fault:
    """Reads the days asked about.

    Without both, the last thirty days until today; with a last day alone, the thirty days until then; with a first day alone,
    until today, or that day where it has yet to come.
    """
    given = {"from": _read(first), "to": _read(last)}
    for name, written in (("from", first), ("to", last)):
        if written is not None and given[name] is None:
            return Fault(f"{name}: {written!r} is no day between {FIRST_DAY} and {LAST_DAY}, such as 2025-05-01.")
    begin, end = given["from"], given["to"]
    if end is None:
        end = today if begin is None or begin <= today else begin
    period = Period(begin or end - timedelta(days=DEFAULT_DAYS - 1), end)
    if period.days < 1:
        return Fault(f"from: {period.first} is later than {period.last}.")
    if period.days > MOST_DAYS:
        return Fault(
            f"from: {period.first} to {period.last} are {period.days:,} days, and more than {MOST_DAYS} are not summed."
        )
    return period


def _read(written: str | None) -> date | None:
    day = read_day(written) if written is not None else None
    return day if day is not None and FIRST_DAY <= day <= LAST_DAY else None


def read_compared(written: str | None, period: Period) -> Period | Fault | None:
    """Reads what a period is compared with: `none`, `previous`, `year`, or the first of as many days.

    Returns:
        The other period; None for none.
    """
    word = (written or Compare.NONE).strip().lower()
    if word == Compare.NONE:
        return None
    if word == Compare.PREVIOUS:
        return Period(period.first - timedelta(days=period.days), period.first - timedelta(days=1))
    if word == Compare.YEAR:
        return Period(_year_before(period.first), _year_before(period.last))
    first = _read(word)
    if first is None:
        return Fault(f"compare: {written!r} is none of {', '.join(Compare)}, and no day such as 2025-05-01.")
    return Period(first, min(first + timedelta(days=period.days - 1), LAST_DAY))


def _year_before(day: date) -> date:
    """The same day of the year before; 28 February for 29 February."""
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def read_step(written: str | None, period: Period) -> Step | Fault:
    """Reads the step of a series; without one, the finest that leaves it readable."""
    if written is None:
        return _usual_step(period)
    try:
        return Step(written.strip().lower())
    except ValueError:
        return Fault(f"by: {written!r} is none of {', '.join(Step)}.")


def readable_step(written: str | None, period: Period) -> tuple[Step, bool]:
    """Returns the step of a series that people read, and whether it is a coarser one than they asked for."""
    usual, asked = _usual_step(period), None if written is None else read_step(written, period)
    if not isinstance(asked, Step):
        return usual, False
    is_too_fine = len(parts_of(period, asked)) > MOST_PARTS
    return (usual, True) if is_too_fine else (asked, False)


def _usual_step(period: Period) -> Step:
    return Step.DAY if period.days <= _DAYS_UP_TO else Step.WEEK if period.days <= _WEEKS_UP_TO else Step.MONTH


def parts_of(period: Period, step: Step) -> list[Period]:
    """Cuts a period into its days, weeks or months; the first and the last one may be shorter."""
    parts, first = [], period.first
    while first <= period.last:
        last = min(_end_of(first, step), period.last)
        parts.append(Period(first, last))
        first = last + timedelta(days=1)
    return parts


def _end_of(day: date, step: Step) -> date:
    """The last day of the step that a day is in."""
    if step is Step.DAY:
        return day
    if step is Step.WEEK:
        return day + timedelta(days=6 - day.weekday())
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def quick_periods(today: date) -> dict[str, Period]:
    """The periods that people choose most, by what they are called."""
    named = {f"{days} days": Period(today - timedelta(days=days - 1), today) for days in (7, 30, 90)}
    return named | {"this month": Period(today.replace(day=1), today)}
