"""Shapes of the summary of results, for the OpenAPI document; none of them is run.

What the document holds is decided by `overview.steps.results`. Add a field when it has a new figure.
"""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from livedash_pipeline.api.routes.admin.schemas import Answered, Shape

_DAY = "2025-05-01"
Rate = float | None


class SummedFigures(Shape):
    """Sums of sessions; a rate or share, from 0 to 1, is one of the sessions of which the thing is known, null without any."""

    sessions: int = Field(ge=0, examples=[412])
    analysed: int = Field(ge=0, examples=[405])
    sentiment_known: int = Field(ge=0, examples=[405])
    positive: int = Field(ge=0, examples=[120])
    positive_share: Rate = Field(examples=[0.2963])
    neutral: int = Field(ge=0, examples=[240])
    neutral_share: Rate = Field(examples=[0.5926])
    negative: int = Field(ge=0, examples=[45])
    negative_share: Rate = Field(examples=[0.1111])
    escalation_known: int = Field(ge=0, examples=[405])
    escalated: int = Field(ge=0, examples=[27])
    escalation_rate: Rate = Field(examples=[0.0667])
    forwarding_known: int = Field(ge=0, examples=[405])
    forwarded_hr: int = Field(ge=0, examples=[60])
    forwarding_rate: Rate = Field(examples=[0.1481])
    messages_known: int = Field(ge=0, examples=[412])
    messages: int = Field(ge=0, examples=[2472])
    average_messages: Rate = Field(examples=[6])
    average_duration_seconds: Rate = Field(examples=[184.3])


class TotalFigures(SummedFigures):
    """Sums of a period."""

    median_duration_seconds: Rate = Field(examples=[150])


class SeriesStep(SummedFigures):
    """Sums of a day, week or month."""

    from_: date = Field(alias="from", examples=[_DAY])
    to: date = Field(examples=[_DAY])


class CategoryCount(Shape):
    """Sessions of a category."""

    category: str = Field(examples=["leave_vacation"])
    sessions: int = Field(ge=0)
    share: Rate


class LanguageCount(Shape):
    """Sessions in a language."""

    language: str = Field(examples=["nl"])
    sessions: int = Field(ge=0)
    share: Rate


class QuestionCount(Shape):
    """A question that sessions asked, and in how many of them it was the most important one."""

    id: UUID
    company: str = Field(examples=["acme"])
    question: str = Field(examples=["How many days of leave do I have left?"])
    sessions: int = Field(ge=0)
    share: Rate
    asked_first: int = Field(ge=0)


class ResultsPeriod(Shape):
    """Results of sessions that began in some days, the last one included."""

    from_: date = Field(alias="from", examples=[_DAY])
    to: date = Field(examples=["2025-05-31"])
    days: int = Field(ge=1, examples=[31])
    totals: TotalFigures
    series: list[SeriesStep]
    categories: list[CategoryCount] = Field(description="Those of most sessions first.")
    languages: list[LanguageCount] = Field(description="Those of most sessions first.")
    questions: list[QuestionCount] = Field(
        description="The twenty of most sessions; none for operators without the scope `texts:read`."
    )


class FigureChange(Shape):
    """A figure less the earlier one, and for counts the same as a share of the earlier one; null where it cannot be said."""

    difference: Rate
    ratio: Rate


class ResultsChanges(Shape):
    """Changes from the compared period to the period."""

    sessions: FigureChange
    analysed: FigureChange
    positive_share: FigureChange
    neutral_share: FigureChange
    negative_share: FigureChange
    escalation_rate: FigureChange
    forwarding_rate: FigureChange
    average_messages: FigureChange
    average_duration_seconds: FigureChange
    median_duration_seconds: FigureChange


class ResultsSummary(Answered):
    """Results of a period, and of the one that it is compared with."""

    company: str | None = Field(examples=["acme"], description="Null: all companies together.")
    time_zone: str | None = Field(
        examples=["Europe/Amsterdam"], description="Of the days; null: those of each company's own zone."
    )
    by: Literal["day", "week", "month"]
    period: ResultsPeriod
    compared: ResultsPeriod | None
    changes: ResultsChanges | None
