"""Companies: reading, adding and changing them, with a sentence for every value that cannot be.

Add here what is known of a company as a whole. What an import leaves behind in a company's row is written by
`intake.store.imports`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.ids import MODEL_NAME_FORM, is_model_name
from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.places.stores import Place, Span, place_of
from livedash_pipeline.base.rules.retention_periods import Retention
from livedash_pipeline.base.rules.states import WORKING_COMPANIES, CompanyStatus
from livedash_pipeline.base.rules.urls import SourceRules, source_rules
from livedash_pipeline.base.store.company_values import CompanyChanges, checked_values
from livedash_pipeline.base.store.tables import ai_models, companies, company_ai_models, import_files
from livedash_pipeline.errors import UsageError

_SLUG = re.compile(r"[a-z0-9-]{1,63}")
_SHOWN_SLUGS = 20
_LOGIN = ("csv_username_env", "csv_password_env", "csv_bearer_env", "csv_headers")
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
    csv_bearer_env: str | None
    csv_headers: tuple[str, ...]
    time_zone: str
    transcript_hosts: tuple[str, ...]
    allowed_addresses: tuple[str, ...]
    bot_names: tuple[str, ...]
    csv_profile: Mapping[str, Any] | None
    transcript_profile: Mapping[str, Any] | None
    chat_override: str | None
    csv_etag: str | None
    csv_last_modified: str | None
    next_import_at: datetime | None
    import_failures: int
    created_by: str
    model: str | None
    transcript_retention_days: int | None
    message_retention_days: int | None
    answer_retention_days: int | None
    monthly_cap_eur: Decimal | None
    daily_cap_eur: Decimal | None
    monthly_budget_eur: Decimal | None

    @property
    def retention(self) -> Retention:
        """How long its texts are kept."""
        return Retention(self.transcript_retention_days, self.message_retention_days, self.answer_retention_days)

    @property
    def source_rules(self) -> SourceRules:
        """Which addresses its CSV and transcripts may come from."""
        return source_rules(self.csv_url, self.transcript_hosts, self.allowed_addresses, company=self.slug)

    @property
    def csv_login(self) -> CsvLogin:
        """Under which names the environment holds what its sources ask for."""
        return CsvLogin(self.csv_username_env, self.csv_password_env, self.csv_bearer_env, self.csv_headers)

    @property
    def csv_files(self) -> Place | None:
        """The folder or pattern that its CSVs lie in; None for one CSV, and for none."""
        place = place_of(self.csv_url) if self.csv_url else None
        return None if place is None or place.span is Span.FILE else place

    @property
    def has_csv(self) -> bool:
        """Whether there is a CSV to import; without one its sessions are submitted through the API."""
        return bool(self.csv_url)

    @property
    def is_working(self) -> bool:
        """Whether it is imported, fetched and claimed for."""
        return self.status in WORKING_COMPANIES


_READS_FILES = ("time_zone", "csv_profile", "transcript_profile")


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
    if changes.csv_url is None and not changes.no_csv:
        raise UsageError(
            f"Company {slug!r} has no CSV.",
            remedy="Give --csv-url, or --no-csv if its sessions are submitted through the API.",
        )
    values = {"time_zone": DEFAULT_TIME_ZONE, "name": slug} | checked_values(changes)
    _require_one_login(values)
    added = connection.execute(
        insert(companies)
        .values(
            slug=slug,
            created_by=created_by,
            next_import_at=None if changes.no_csv else now,
            created_at=now,
            updated_at=now,
            **values,
        )
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
    """Changes a company. Another address, time zone or profile makes the next import read the whole CSV again, at once.

    Raises:
        UsageError: A value cannot be, or there is no such company.
    """
    company = get_company(connection, slug)
    values = checked_values(changes)
    _require_one_login(_read_anew(company) | values)
    if any(values.get(name, getattr(company, name)) != getattr(company, name) for name in _READS_FILES):
        # What files say that were read is something else now.
        connection.execute(delete(import_files).where(import_files.c.company_id == company.id))
    if any(_plain(values.get(name, before)) != before for name, before in _read_anew(company).items()):
        due = now if values.get("csv_url", company.csv_url) else None
        values |= {"csv_etag": None, "csv_last_modified": None, "next_import_at": due, "import_failures": 0}
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


def optional_company_id(connection: Connection, slug: str | None) -> UUID | None:
    """The id of the company that something is limited to; None without a slug: all of them.

    An empty slug is a company that does not exist: a shell's unset variable must not mean everybody.

    Raises:
        UsageError: There is no such company.
    """
    return None if slug is None else get_company(connection, slug).id


def slug_of(connection: Connection, company_id: UUID) -> str | None:
    """The slug of a company; None if there is none."""
    return connection.execute(select(companies.c.slug).where(companies.c.id == company_id)).scalar_one_or_none()


def list_companies(connection: Connection) -> list[Company]:
    """All companies by slug."""
    return [_company(row._mapping) for row in connection.execute(_companies().order_by(companies.c.slug))]


def due_companies(connection: Connection, now: datetime) -> list[Company]:
    """Companies whose import is due, the longest overdue first."""
    due = _companies().where(
        companies.c.status.in_(WORKING_COMPANIES),
        companies.c.csv_url != "",
        or_(companies.c.next_import_at.is_(None), companies.c.next_import_at <= now),
    )
    ordered = due.order_by(companies.c.next_import_at.nulls_first(), companies.c.slug)
    return [_company(row._mapping) for row in connection.execute(ordered)]


def _read_anew(company: Company) -> dict[str, object]:
    return {
        name: getattr(company, name) for name in ("csv_url", "time_zone", "csv_profile", "transcript_profile", *_LOGIN)
    }


def _require_one_login(values: Mapping[str, Any]) -> None:
    username, password, bearer, headers = (values.get(name) for name in _LOGIN)
    problem = CsvLogin(username, password, bearer, tuple(headers or ())).problem()
    if problem is not None:
        raise UsageError(problem, remedy="Give one of the two; an empty text clears what is set.")


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


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
    for name in ("csv_headers", "transcript_hosts", "allowed_addresses", "bot_names"):
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
    if not is_model_name(name):
        raise UsageError(f"{name[:50]!r} is no name of a model.", remedy=f"Give {MODEL_NAME_FORM}.")
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
