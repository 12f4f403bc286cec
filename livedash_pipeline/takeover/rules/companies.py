"""Turns companies, models and prices of an existing LiveDash database into ours.

Credentials are dropped: only whether there are any is kept, and the names of the variables that replace them. Add a column that
companies keep; `takeover.rules.chats` has chats.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit
from uuid import UUID

from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.takeover.rules.values import Note, Row, decimal, kept_id, moment, text, truth, whole, word

_LONGEST_SLUG = 63
_MILLION = 1_000_000
_PRICE_STEP = Decimal("0.000001")
_PRICE_LIMIT = Decimal(10) ** 8


@dataclass(frozen=True, slots=True)
class TakenCompany:
    """A company as it is written; `slug` may still get a suffix, and `has_credentials` is all that is kept of them."""

    company_id: UUID
    source_id: str
    legacy_id: str | None
    slug: str
    name: str
    status: CompanyStatus
    csv_url: str
    has_credentials: bool
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class TakenModel:
    """A model."""

    model_id: UUID
    source_id: str
    legacy_id: str | None
    name: str
    provider: str
    max_tokens: int | None
    is_active: bool
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class TakenPrice:
    """A price in US dollars per million tokens, standard processing."""

    price_id: UUID
    legacy_id: str | None
    model_source_id: str
    effective_from: datetime
    effective_until: datetime | None
    input_usd: Decimal
    output_usd: Decimal


def take_company(row: Row, notes: list[Note]) -> TakenCompany:
    """Reads a row of `Company`; columns that a branch of LiveDash lacks read as null."""
    source_id = str(row["id"])
    company_id, legacy_id = kept_id("Company", source_id)
    name = text(row.get("name")) or source_id
    url, in_url = _without_credentials(text(row.get("csvUrl")) or "")
    if url is None:
        notes.append(Note("Company", source_id, "its csvUrl cannot be read and may hold a password: left empty"))
    elif in_url:
        notes.append(Note("Company", source_id, "its csvUrl held credentials: they are not stored"))
    given = [bool(text(row.get(column))) for column in ("csvUsername", "csvPassword")]
    if any(given) and not all(given):
        notes.append(
            Note("Company", source_id, "it has only one of csvUsername and csvPassword, which LiveDash ignores")
        )
    return TakenCompany(
        company_id,
        source_id,
        legacy_id,
        slug_of(name),
        name,
        _status(row, source_id, notes),
        url or "",
        all(given) or in_url or url is None,
        moment(row.get("createdAt")),
    )


def _status(row: Row, source_id: str, notes: list[Note]) -> CompanyStatus:
    status = word(row.get("status"))
    if status is None:  # Older branches lack this column and work for every company.
        return CompanyStatus.ACTIVE
    if status in frozenset(CompanyStatus):
        return CompanyStatus(status)
    notes.append(Note("Company", source_id, "its status is unknown here: SUSPENDED"))
    return CompanyStatus.SUSPENDED


def slug_of(name: str) -> str:
    """Turns a name into a slug: lower-case ASCII letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_SLUG].strip("-") or "company"


def free_slug(slug: str, taken: Collection[str]) -> str:
    """Returns the slug, or the slug with the first suffix (`-2`, `-3`, …) that makes it free."""
    number, free = 1, slug
    while free in taken:
        number += 1
        suffix = f"-{number}"
        free = slug[: _LONGEST_SLUG - len(suffix)].rstrip("-") + suffix
    return free


def credential_variables(slug: str) -> tuple[str, str]:
    """Returns the names of the variables that hold user name and password of a company's CSV."""
    stem = f"LIVEDASH_{slug.upper().replace('-', '_')}_CSV"
    return f"{stem}_USERNAME", f"{stem}_PASSWORD"


def _without_credentials(url: str) -> tuple[str | None, bool]:
    """An address without user name and password, and whether it had any; None where that cannot be told."""
    try:
        parts = urlsplit(url)
        # A password may hold a slash, so that the colon before it seems to begin a port.
        unclear = parts.port is not None and "@" not in parts.netloc and "@" in url
    except ValueError:
        return (None, False) if "@" in url else (url, False)
    if unclear:
        return None, False
    user, at, host = parts.netloc.rpartition("@")
    return (parts._replace(netloc=host).geturl(), bool(user)) if at else (url, False)


def take_model(row: Row) -> TakenModel:
    """Reads a row of `AIModel`."""
    model_id, legacy_id = kept_id("AIModel", row["id"])
    active = truth(row.get("isActive"))
    return TakenModel(
        model_id,
        str(row["id"]),
        legacy_id,
        text(row.get("name")) or str(row["id"]),
        text(row.get("provider")) or "openai",
        whole(row.get("maxTokens"), 2**31 - 1),
        True if active is None else active,
        moment(row.get("createdAt")),
    )


def take_price(row: Row, notes: list[Note]) -> TakenPrice | None:
    """Reads a row of `AIModelPricing`, whose figures are for one token; None for one that is no price."""
    source_id = str(row["id"])
    price_id, legacy_id = kept_id("AIModelPricing", source_id)
    begins, ends = moment(row.get("effectiveFrom")), moment(row.get("effectiveUntil"))
    figures = list(_per_million(row))
    if begins is None or len(figures) < 2:
        notes.append(Note("AIModelPricing", source_id, "it has no beginning or is no price", skipped=True))
        return None
    if ends is not None and ends <= begins:
        notes.append(Note("AIModelPricing", source_id, "effectiveUntil does not lie after effectiveFrom: left out"))
        ends = None
    return TakenPrice(price_id, legacy_id, str(row["aiModelId"]), begins, ends, figures[0], figures[1])


def _per_million(row: Row) -> Iterator[Decimal]:
    for column in ("promptTokenCost", "completionTokenCost"):
        figure = decimal(row.get(column))
        if figure is not None and 0 <= figure * _MILLION < _PRICE_LIMIT:
            yield (figure * _MILLION).quantize(_PRICE_STEP)
