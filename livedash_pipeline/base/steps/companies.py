"""Companies as an engineer keeps them: added, changed, listed, each answered with a document.

Commands and HTTP call these. What a company's values may be is checked in `base.store.companies`.
"""

from __future__ import annotations

from sqlalchemy import Engine

from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store import companies
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import UsageError


def company_values(company: Company) -> Document:
    """A company as JSON: credentials are names of variables; `model` is null for OPENAI_MODEL, days are null for ever.

    Caps and budget are null where the settings count.
    """
    return {
        "id": str(company.id),
        "slug": company.slug,
        "name": company.name,
        "status": company.status.lower(),
        "csvUrl": company.csv_url or None,
        "csvUsernameEnv": company.csv_username_env,
        "csvPasswordEnv": company.csv_password_env,
        "csvBearerEnv": company.csv_bearer_env,
        "csvHeaders": list(company.csv_headers),
        "timeZone": company.time_zone,
        "transcriptHosts": list(company.transcript_hosts),
        "allowedAddresses": list(company.allowed_addresses),
        "botNames": list(company.bot_names),
        "csvProfile": company.csv_profile,
        "transcriptProfile": company.transcript_profile,
        "chatOverride": company.chat_override,
        "model": company.model,
        "nextImportAt": moment(company.next_import_at),
        "importFailures": company.import_failures,
        "keepTranscriptsDays": company.transcript_retention_days,
        "keepMessagesDays": company.message_retention_days,
        "keepAnswersDays": company.answer_retention_days,
    } | limit_values(company)


def limit_values(company: Company) -> Document:
    """A company's own caps and budget in euro, null where the settings count."""
    return {
        "monthlyCapEur": money(company.monthly_cap_eur),
        "dailyCapEur": money(company.daily_cap_eur),
        "monthlyBudgetEur": money(company.monthly_budget_eur),
    }


def add_company(engine: Engine, slug: str, changes: CompanyChanges) -> Document:
    """Adds a company.

    Raises:
        UsageError: A value cannot be, or the slug is taken.
    """
    added = in_transaction(
        engine,
        lambda connection: companies.add_company(connection, slug, changes, now=database_now(connection)),
    )
    return {"ok": True, "company": company_values(added)}


def change_company(engine: Engine, slug: str, changes: CompanyChanges) -> Document:
    """Changes a company.

    Raises:
        UsageError: Nothing is to be changed, a value cannot be, or there is no such company.
    """
    if changes == CompanyChanges():
        raise UsageError(f"Nothing is to be changed about {slug!r}.", remedy="Give at least one option.")
    changed = in_transaction(
        engine,
        lambda connection: companies.update_company(connection, slug, changes, now=database_now(connection)),
    )
    return {"ok": True, "company": company_values(changed)}


def show_company(engine: Engine, slug: str) -> Document:
    """One company.

    Raises:
        UsageError: There is no such company.
    """
    with engine.connect() as connection:
        return {"ok": True, "company": company_values(companies.get_company(connection, slug))}


def list_companies(engine: Engine) -> Document:
    """All companies by slug."""
    with engine.connect() as connection:
        return {"ok": True, "companies": [company_values(company) for company in companies.list_companies(connection)]}


def require_company(engine: Engine, slug: str) -> None:
    """Raises UsageError unless there is such a company, before anything is started for it."""
    with engine.connect() as connection:
        companies.get_company(connection, slug)
