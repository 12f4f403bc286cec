"""Companies: reading, adding and changing them, with a sentence for every value that cannot be.

Add here what is known of a company as a whole. What an import leaves behind in a company's row is written by `db.imports`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Select, and_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.core.states import WORKING_COMPANIES, CompanyStatus
from livedash_pipeline.db.tables import ai_models, companies, company_ai_models
from livedash_pipeline.errors import UsageError

_SLUG = re.compile(r"[a-z0-9-]{1,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")
_SHOWN_SLUGS = 20
DEFAULT_TIME_ZONE = "Europe/Amsterdam"


@dataclass(frozen=True, slots=True)
class Company:
    """A company's row, with the name of its default model (None: the one of `OPENAI_MODEL`)."""

    id: UUID
    slug: str
    name: str
    status: CompanyStatus
    csv_url: str
    csv_username_env: str | None
    csv_password_env: str | None
    time_zone: str
    transcript_hosts: tuple[str, ...]
    bot_names: tuple[str, ...]
    csv_etag: str | None
    csv_last_modified: str | None
    next_import_at: datetime | None
    import_failures: int
    created_by: str
    model: str | None

    @property
    def is_working(self) -> bool:
        """Whether it is imported, fetched and claimed for."""
        return self.status in WORKING_COMPANIES


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyChanges:
    """What is to be set; None leaves a value as it is. An empty string clears a variable's name or the model."""

    name: str | None = None
    status: str | None = None
    csv_url: str | None = None
    csv_username_env: str | None = None
    csv_password_env: str | None = None
    time_zone: str | None = None
    transcript_hosts: Sequence[str] | None = None
    bot_names: Sequence[str] | None = None
    model: str | None = None


def add_company(
    connection: Connection,
    slug: str,
    changes: CompanyChanges,
    *,
    now: datetime,
    created_by: str = "operator",
) -> Company:
    """Adds a company, due for import at once; without a name it is called by its slug.

    Raises:
        UsageError: A value cannot be, or the slug is taken.
    """
    if not _SLUG.fullmatch(slug):
        raise UsageError(
            f"{slug!r} cannot be a company's slug.",
            remedy="Use 1 to 63 lower-case letters, digits and hyphens.",
        )
    if changes.csv_url is None:
        raise UsageError(f"Company {slug!r} has no CSV.", remedy="Give --csv-url.")
    values = {"time_zone": DEFAULT_TIME_ZONE, "name": slug} | _checked(changes)
    added = connection.execute(
        insert(companies)
        .values(slug=slug, created_by=created_by, next_import_at=now, created_at=now, updated_at=now, **values)
        .on_conflict_do_nothing(index_elements=["slug"])
        .returning(companies.c.id)
    ).scalar_one_or_none()
    if added is None:
        raise UsageError(
            f"There is a company {slug!r} already.",
            remedy="Change it with `livedash company set`, or take another slug.",
        )
    _set_model(connection, added, changes.model, now)
    return get_company(connection, slug)


def update_company(connection: Connection, slug: str, changes: CompanyChanges, *, now: datetime) -> Company:
    """Changes a company. Another address or time zone makes the next import read the whole CSV again, at once.

    Raises:
        UsageError: A value cannot be, or there is no such company.
    """
    company = get_company(connection, slug)
    values = _checked(changes)
    if any(values.get(name, before) != before for name, before in _read_anew(company).items()):
        values |= {"csv_etag": None, "csv_last_modified": None, "next_import_at": now, "import_failures": 0}
    connection.execute(update(companies).where(companies.c.id == company.id).values(updated_at=now, **values))
    _set_model(connection, company.id, changes.model, now)
    return get_company(connection, slug)


def get_company(connection: Connection, slug: str) -> Company:
    """One company by its slug.

    Raises:
        UsageError: There is none; the message names those that exist.
    """
    row = connection.execute(_companies().where(companies.c.slug == slug)).one_or_none()
    if row is None:
        raise UsageError(f"There is no company {slug!r}.", remedy=_known_slugs(connection))
    return _company(row._mapping)


def list_companies(connection: Connection) -> list[Company]:
    """All companies by slug."""
    return [_company(row._mapping) for row in connection.execute(_companies().order_by(companies.c.slug))]


def due_companies(connection: Connection, now: datetime) -> list[Company]:
    """Companies whose import is due, the longest overdue first."""
    due = _companies().where(
        companies.c.status.in_(WORKING_COMPANIES),
        or_(companies.c.next_import_at.is_(None), companies.c.next_import_at <= now),
    )
    ordered = due.order_by(companies.c.next_import_at.nulls_first(), companies.c.slug)
    return [_company(row._mapping) for row in connection.execute(ordered)]


def _read_anew(company: Company) -> dict[str, object]:
    names = ("csv_url", "time_zone", "csv_username_env", "csv_password_env")
    return {name: getattr(company, name) for name in names}


def _companies() -> Select[Any]:
    default: ColumnElement[bool] = and_(
        company_ai_models.c.company_id == companies.c.id, company_ai_models.c.is_default
    )
    joined = companies.outerjoin(company_ai_models, default).outerjoin(
        ai_models, ai_models.c.id == company_ai_models.c.ai_model_id
    )
    return select(companies, ai_models.c.name.label("model")).select_from(joined)


def _company(row: Any) -> Company:
    values = {name: row[name] for name in Company.__dataclass_fields__}
    for name in ("transcript_hosts", "bot_names"):
        values[name] = tuple(values[name])
    return Company(**values | {"status": CompanyStatus(row["status"])})


def _known_slugs(connection: Connection) -> str:
    slugs = list(connection.scalars(select(companies.c.slug).order_by(companies.c.slug).limit(_SHOWN_SLUGS + 1)))
    if not slugs:
        return "Add it with `livedash company add`."
    more = ", …" if len(slugs) > _SHOWN_SLUGS else ""
    return f"Known: {', '.join(slugs[:_SHOWN_SLUGS])}{more}. Add one with `livedash company add`."


def _set_model(connection: Connection, company_id: UUID, model: str | None, now: datetime) -> None:
    if model is None:
        return
    links = company_ai_models
    connection.execute(
        update(links).where(links.c.company_id == company_id, links.c.is_default).values(is_default=False)
    )
    name = model.strip()
    if not name:
        return
    known = insert(ai_models).values(name=name, created_at=now)
    # Writing the name over itself makes the statement return the id of a model that exists.
    model_id = connection.execute(
        known.on_conflict_do_update(index_elements=["name"], set_={"name": known.excluded.name}).returning(
            ai_models.c.id
        )
    ).scalar_one()
    link = insert(links).values(company_id=company_id, ai_model_id=model_id, is_default=True)
    connection.execute(
        link.on_conflict_do_update(index_elements=["company_id", "ai_model_id"], set_={"is_default": True})
    )


def _checked(changes: CompanyChanges) -> dict[str, Any]:
    """The columns to write, each checked."""
    values: dict[str, Any] = {}
    if changes.name is not None:
        values["name"] = _checked_name(changes.name)
    if changes.status is not None:
        values["status"] = _checked_status(changes.status)
    if changes.csv_url is not None:
        values["csv_url"] = _checked_url(changes.csv_url)
    if changes.time_zone is not None:
        values["time_zone"] = _checked_zone(changes.time_zone)
    for column in ("csv_username_env", "csv_password_env"):
        name = getattr(changes, column)
        if name is not None:
            values[column] = _checked_variable(name)
    if changes.transcript_hosts is not None:
        values["transcript_hosts"] = [_checked_host(host) for host in changes.transcript_hosts]
    if changes.bot_names is not None:
        values["bot_names"] = [_checked_name(name) for name in changes.bot_names]
    return values


def _checked_name(name: str) -> str:
    if not name.strip() or "\0" in name:
        raise UsageError(f"{name!r} is no name.", remedy="Give at least one visible character.")
    return name.strip()


def _checked_status(status: str) -> CompanyStatus:
    try:
        return CompanyStatus(status.upper())
    except ValueError:
        known = ", ".join(CompanyStatus)
        raise UsageError(f"{status!r} is no status of a company.", remedy=f"Use one of {known}.") from None


def _checked_url(url: str) -> str:
    remedy = "Use an http://, https:// or file:// address, or a path."
    try:
        parts = urlsplit(url)
        bad = not url.strip() or "\0" in url or (parts.scheme in {"http", "https"} and not parts.hostname)
        _ = parts.port
    except ValueError:
        bad = True
    if bad:
        raise UsageError(f"{url!r} is no address of a CSV.", remedy=remedy)
    if parts.username or parts.password:
        raise UsageError(
            f"The address of the CSV on {parts.hostname} carries credentials, and addresses are stored.",
            remedy="Put them into environment variables and give their names: --csv-username-env, --csv-password-env.",
        )
    if parts.scheme in {"http", "https", "file"}:
        return url.strip()
    if "://" in url:
        raise UsageError(f"{url!r} is no address of a CSV.", remedy=remedy)
    return str(Path(url).expanduser().absolute())


def _checked_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        raise UsageError(
            f"{name!r} is no time zone.", remedy="Use a name of the IANA database, such as Europe/Amsterdam."
        ) from None


def _checked_variable(name: str) -> str | None:
    if name and not _VARIABLE.fullmatch(name):
        # The value is not repeated: somebody may have given the password itself.
        raise UsageError(
            "What was given for credentials is no name of an environment variable.",
            remedy="Give the variable's name, such as ACME_CSV_PASSWORD, never the password.",
        )
    return name or None


def _checked_host(host: str) -> str:
    match = _HOST.fullmatch(host)
    if match is None or int(match[1] or 0) > 65_535:
        raise UsageError(f"{host!r} is no host.", remedy="Use HOST or HOST:PORT, such as chats.example.com:8443.")
    return host.lower()
