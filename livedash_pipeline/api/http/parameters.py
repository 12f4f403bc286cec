"""Query parameters and bodies of the admin routes, with what they may be.

Add a model for a new combination. Names are those that callers know; what values mean is decided by steps.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from livedash_pipeline.base.rules.ids import LONGEST_MODEL_NAME
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, MAX_PAGE

SLUG = r"^[a-z0-9-]{1,63}$"
_CURSOR = r"^[A-Za-z0-9_-]{1,64}$"
_LONGEST_HOURS = 1_000_000
MAX_IDS = 10_000

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _written_as_a_day(text: object) -> object:
    """Refuses what is read as a day otherwise: seconds since 1970, and moments at midnight."""
    if isinstance(text, str) and not _DAY.fullmatch(text):
        raise ValueError("a day is written as 2025-05-01")
    return text


Day = Annotated[date, BeforeValidator(_written_as_a_day)]
Company = Annotated[str, Field(pattern=SLUG, description="Slug of one company.", examples=["acme"])]


class OfCompany(BaseModel):
    """Of all companies, or of one."""

    model_config = ConfigDict(extra="forbid")

    company: Company | None = None


class PageOf(OfCompany):
    """A page of a list."""

    limit: int = Field(DEFAULT_PAGE, ge=1, le=MAX_PAGE, description="Entries a page.")
    cursor: str | None = Field(
        None, pattern=_CURSOR, description="`nextCursor` of the page before, with the same filter."
    )


class PageOfRequests(PageOf):
    """A page of the requests of one status."""

    status: str = Field(
        description="Status of the requests, in either case.",
        json_schema_extra={"enum": [status.lower() for status in RequestStatus]},
    )


class Body(BaseModel):
    """A JSON object with keys in camelCase, read strictly: a number is no text and a text is no number."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _without_nul(cls, value: object) -> object:
        """Refuses U+0000, which Postgres takes in no text."""
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise ValueError("U+0000 is in no name")
        return value


class RequeueBody(Body):
    """Ids, or a filter; with neither nothing is done."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"requestIds": ["01971c4e-8f2a-7c3d-9e4f-5a6b7c8d9e0f"]}]},
    )

    request_ids: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=MAX_IDS, description="Failed requests to be tried again."
    )
    company: Company | None = None
    error_code: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_]{1,64}$",
        description="Filter: why they failed, in either case.",
        examples=["truncated"],
    )
    older_than_hours: float | None = Field(
        None, ge=0, le=_LONGEST_HOURS, description="Filter: failed at least so many hours ago.", examples=[24]
    )
    model: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_MODEL_NAME,
        description="Filter: the model that they ask.",
        examples=["gpt-5-mini"],
    )
    batch: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_-]{1,200}$",
        description="Filter: a batch that they were tried in, by our id or OpenAI's.",
        examples=["batch_6841"],
    )
    dry_run: bool | None = Field(
        None, description="Only count. Unless given: true with a filter, false with ids.", examples=[False]
    )


class RereadBody(Body):
    """Which kept answers are judged again; a dry run unless it says otherwise."""

    company: Company | None = None
    outcome: Literal["refused", "truncated", "invalid_output"] | None = Field(
        None, description="Only requests that failed so.", examples=["invalid_output"]
    )
    dry_run: bool = Field(True, description="Only count.", examples=[False])


class WhichPrices(BaseModel):
    """Prices of all models or of one, at a moment or at all times."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="One model, by any name that requests use.",
        examples=["gpt-5-mini"],
    )
    at: Day | None = Field(
        None, description="Those that count on this day (UTC); left out: now.", examples=["2025-05-01"]
    )
    every: bool = Field(
        False, alias="all", description="Past and future prices, and those that another one took the place of, too."
    )


class WhichRates(BaseModel):
    """Rates of all currencies or of one."""

    model_config = ConfigDict(extra="forbid")

    currency: str | None = Field(
        None, pattern=r"^[A-Za-z]{3}$", description="One currency, by its code.", examples=["CHF"]
    )


class BackfillBody(Body):
    """Which open costs are filled in; a dry run unless it says otherwise."""

    company: Company | None = None
    model: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Only one model's, by the name that requests use.",
        examples=["gpt-5-mini"],
    )
    batch: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Only one batch's: our id or the service's, or that of a surplus batch.",
        examples=["batch_6812f0c2"],
    )
    request: str | None = Field(
        None,
        pattern=r"^[0-9A-Fa-f-]{32,36}$",
        description="Only one request's: its id, or that of one of its tries, such as a call.",
        examples=["0197a3c2-5b1e-7d44-9c3a-2f8e61d0b7a4"],
    )
    usd: str | None = Field(
        None,
        pattern=r"^[0-9]{1,8}(\.[0-9]{1,12})?$",
        description="What that batch or request was charged for what nobody can work out, in US dollars.",
        examples=["0.42"],
    )
    dry_run: bool = Field(True, description="Only count.", examples=[False])


class CancelBody(Body):
    """What becomes of requests that the service did not finish."""

    unfinished: Literal["pending", "failed"] = "pending"


class ReconcileBody(Body):
    """How much is believed."""

    accept_vanished: bool = Field(
        False, description="Believe at once that what the service does not show this key is gone; its requests fail."
    )
    believe_absence: UUID | None = Field(
        None, description="A batch whose create has no known outcome, and of which you know that it was not made."
    )
