"""Stores companies, models and prices from an existing LiveDash database, and locks the takeover.

Existing rows stay as they are, since people may have changed them. `takeover.store.chats` stores chats.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from livedash_pipeline.base.store.companies import DEFAULT_TIME_ZONE, Company, get_company
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_model_pricing, ai_models, companies, company_ai_models
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.money.rules.pricing import PRICE_SOURCE
from livedash_pipeline.takeover.rules.companies import (
    TakenCompany,
    TakenModel,
    TakenPrice,
    credential_variables,
    free_slug,
)

CREATED_BY = "import-livedash"


@dataclass(frozen=True, slots=True)
class StoredCompany:
    """A company of the source here, and whether it was made now."""

    company: Company
    is_new: bool


@contextmanager
def takeover_lock(engine: Engine) -> Iterator[Connection]:
    """Opens a connection that holds the lock of takeovers.

    Raises:
        LivedashError: Another takeover is under way (`move_running`).
    """
    with engine.connect() as connection:
        # Closed for good at the end, which frees all locks and temporary tables whatever has happened.
        connection.detach()
        taken = connection.execute(statement("takeover/take_takeover_lock")).scalar_one()
        connection.commit()
        if not taken:
            raise LivedashError(
                "Another import-livedash is running.", remedy="Wait for its end and run it again.", code="move_running"
            )
        try:
            yield connection
        finally:
            # Frees the lock at once: after a mere disconnect the server holds it a moment longer and refuses the next run.
            with suppress(DBAPIError, InvalidRequestError):
                connection.rollback()
                connection.execute(statement("takeover/free_takeover_lock"))
                connection.commit()


def known_slugs(connection: Connection) -> set[str]:
    """Returns the slugs of all companies."""
    return set(connection.scalars(select(companies.c.slug)))


def store_company(
    connection: Connection, moved: TakenCompany, taken: Collection[str], *, now: datetime
) -> StoredCompany:
    """Finds a company of the source by its id, or makes it, under a slug that nobody has, due for import at once."""
    known = connection.execute(select(companies.c.slug).where(companies.c.id == moved.company_id)).scalar_one_or_none()
    if known is not None:
        return StoredCompany(get_company(connection, known), is_new=False)
    slug = free_slug(moved.slug, taken)
    username, password = credential_variables(slug) if moved.has_credentials else (None, None)
    connection.execute(
        insert(companies).values(
            id=moved.company_id,
            slug=slug,
            name=moved.name,
            status=moved.status,
            csv_url=moved.csv_url,
            csv_username_env=username,
            csv_password_env=password,
            time_zone=DEFAULT_TIME_ZONE,
            next_import_at=now,
            created_by=CREATED_BY,
            legacy_id=moved.legacy_id,
            created_at=moved.created_at or now,
            updated_at=now,
        )
    )
    return StoredCompany(get_company(connection, slug), is_new=True)


def lock_company(connection: Connection, company: Company) -> None:
    """Keeps imports, derivations and claims of a company out until the end of the transaction.

    The old system may have answers to requests that wait here: nothing is bought before these are taken over.

    Raises:
        LivedashError: An import of it is running.
    """
    if not connection.execute(statement("takeover/try_company_import"), {"company_id": company.id}).scalar_one():
        raise LivedashError(
            f"An import of {company.slug} is running.",
            remedy="Wait for its end and run import-livedash again; it goes on where it was.",
            code="import_running",
        )
    connection.execute(statement("intake/lock_derivation"), {"company_id": company.id})
    connection.execute(statement("takeover/lock_company_claims"), {"company_id": company.id})


def store_models(connection: Connection, moved: Sequence[TakenModel], *, now: datetime) -> tuple[dict[str, UUID], int]:
    """Stores models whose name is not known yet; returns our ids by the old ones, and how many are new."""
    if not moved:
        return {}, 0
    rows = [
        {
            "id": model.model_id,
            "name": model.name,
            "provider": model.provider,
            "max_tokens": model.max_tokens,
            "is_active": model.is_active,
            "legacy_id": model.legacy_id,
            "created_at": model.created_at or now,
        }
        for model in moved
    ]
    added = connection.execute(insert(ai_models).values(rows).on_conflict_do_nothing().returning(ai_models.c.id)).all()
    names = {model.name for model in moved}
    by_name = {
        row.name: row.id
        for row in connection.execute(select(ai_models.c.name, ai_models.c.id).where(ai_models.c.name.in_(names)))
    }
    return {model.source_id: by_name[model.name] for model in moved if model.name in by_name}, len(added)


def store_prices(
    connection: Connection, moved: Sequence[TakenPrice], models: Mapping[str, UUID], *, now: datetime
) -> int:
    """Stores prices that begin at a moment at which the model has none; returns how many."""
    rows = [
        {
            "id": price.price_id,
            "ai_model_id": models[price.model_source_id],
            "effective_from": price.effective_from,
            "effective_until": price.effective_until,
            "input_usd": price.input_usd,
            "output_usd": price.output_usd,
            "source": PRICE_SOURCE,
            "legacy_id": price.legacy_id,
            "created_at": now,
        }
        for price in moved
        if price.model_source_id in models
    ]
    if not rows:
        return 0
    table = ai_model_pricing
    return len(connection.execute(insert(table).values(rows).on_conflict_do_nothing().returning(table.c.id)).all())


def store_company_models(connection: Connection, company_id: UUID, models: Mapping[UUID, bool]) -> None:
    """Links a company with its models and marks the default one; an existing default stays."""
    links = company_ai_models
    has_default = connection.execute(
        select(func.count()).select_from(links).where(links.c.company_id == company_id, links.c.is_default)
    ).scalar_one()
    rows = [
        {"company_id": company_id, "ai_model_id": model_id, "is_default": is_default and not has_default}
        for model_id, is_default in models.items()
    ]
    if rows:
        connection.execute(insert(links).values(rows).on_conflict_do_nothing())
