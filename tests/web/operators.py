"""What operators' pages are tested with: hostile values, and rows that hold them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, text, update

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_holds,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
    companies,
    endpoint_traits,
    import_rejects,
    import_runs,
)
from livedash_pipeline.settings import Settings
from tests.support.prices import have_prices
from tests.support.rows import insert_company, insert_requests

HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "{{ 7 * 7 }}{% for x in y %}",
    "\u202eevil\u202c \u2066mixed\u2069",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "x" * 10_000,
    "a&b=c#d%00",
    "\ufffe\U0010ffff",
    "'; DROP TABLE companies; --",
)
MARKUP = HOSTILE[0]
FAILED: dict[str, Any] = {"processing_status": "PROCESSING_FAILED", "error_code": "truncated"}


@dataclass
class Site:
    """Rows of two companies.

    Attributes:
        now: When they were made.
        company: The one that has most of them.
        failed: Its failed requests.
        pending: A waiting request.
        running: A request within the open batch.
        open_batch: At the service.
        ended: A batch that was ingested, with hostile words.
        run: An import with rejected records.
        rejects: These records.
    """

    engine: Engine
    now: datetime
    company: Company
    failed: list[uuid.UUID]
    pending: uuid.UUID
    running: uuid.UUID
    open_batch: uuid.UUID
    ended: uuid.UUID
    run: uuid.UUID
    rejects: list[uuid.UUID]


def fill(engine: Engine, settings: Settings) -> Site:
    """Some rows of each kind; words of the service and of files are hostile."""
    with engine.begin() as connection:
        now = database_now(connection)
        have_prices(connection, now=now)
        company = insert_company(connection)
        insert_company(connection, "other")
        connection.execute(update(companies).where(companies.c.slug == "acme").values(name=MARKUP, import_failures=2))
        made: dict[str, Any] = {
            "requested_at": now - timedelta(hours=3),
            "updated_at": now,
            "completed_at": now - timedelta(hours=1),
        }
        failed = insert_requests(connection, company, 3, **FAILED, **made, error_message="The answer was cut.")
        for number, words in enumerate(HOSTILE):
            # A code has no such characters; whoever answers in the service's place may still send them.
            failed += insert_requests(
                connection,
                company,
                1,
                **(FAILED | made | {"error_code": words[:200], "error_message": words}),
                model=words.strip()[:200] or f"m{number}",
                raw_answer=words,
                parsed_answer={"summary": words, "questions": [words, words]},
            )
        insert_requests(connection, company, 2, processing_status="PROCESSING_COMPLETE", **made)
        (pending,) = insert_requests(connection, company)
    open_batch = _batch(engine, settings, company, now, remote_batch_id="batch_open", status="IN_PROGRESS")
    ended = _batch(
        engine,
        settings,
        company,
        now,
        remote_batch_id="batch_ended",
        status="PROCESSED",
        processed_at=now,
        error_code=MARKUP,
        error_message=HOSTILE[5],
        remote_status=MARKUP,
        model=HOSTILE[1],
        dagster_run_id=f"run/{MARKUP}",
    )
    with engine.begin() as connection:
        (running,) = insert_requests(
            connection, company, 1, processing_status="BATCHING_IN_PROGRESS", batch_id=open_batch
        )
        connection.execute(
            insert(ai_request_attempts),
            [
                _attempt(running, open_batch, now, None),
                *(_attempt(each, ended, now, "truncated") for each in failed[:3]),
            ],
        )
        connection.execute(
            insert(ai_surplus_batches).values(
                remote_batch_id=MARKUP, batch_id=ended, endpoint="e", remote_status="cancelled", found_at=now
            )
        )
        connection.execute(
            insert(ai_holds).values(
                endpoint="e", model=MARKUP, reason="quota", message=HOSTILE[3], key_fingerprint="k", held_at=now
            )
        )
        connection.execute(
            insert(endpoint_traits).values(
                endpoint=MARKUP, key_fingerprint="k", listing="contradicted", listing_reason=HOSTILE[5], updated_at=now
            )
        )
        run = connection.execute(
            insert(import_runs)
            .values(
                company_id=company.id,
                source_url="x",
                status="COMPLETED",
                started_at=now,
                rows=20,
                rows_rejected=len(HOSTILE) + 1,
                error_message=MARKUP,
                dagster_run_id="run-1",
            )
            .returning(import_runs.c.id)
        ).scalar_one()
        rejects = [
            connection.execute(
                insert(import_rejects)
                .values(
                    company_id=company.id,
                    import_run_id=run,
                    line_number=number + 2,
                    raw_text=f"secret words {words}",
                    reason="bad_start_time",
                    detail=words,
                )
                .returning(import_rejects.c.id)
            ).scalar_one()
            for number, words in enumerate((*HOSTILE, "plain"))
        ]
    return Site(engine, now, company, failed, pending, running, open_batch, ended, run, rejects)


def status_of(engine: Engine, request_id: uuid.UUID) -> str:
    """The status of a request."""
    requests = ai_processing_requests.c
    with engine.connect() as connection:
        found: str = connection.execute(
            ai_processing_requests.select()
            .with_only_columns(requests.processing_status)
            .where(requests.id == request_id)
        ).scalar_one()
        return found


def count_of(engine: Engine, status: str) -> int:
    """Number of requests of a status."""
    with engine.connect() as connection:
        query = text("SELECT count(*) FROM ai_processing_requests WHERE processing_status = :status")
        found: int = connection.execute(query, {"status": status}).scalar_one()
        return found


def _batch(engine: Engine, settings: Settings, company: Company, now: datetime, **values: Any) -> uuid.UUID:
    given = {
        "company_id": company.id,
        "model": "gpt-5-mini",
        "endpoint": endpoint_of(settings.openai_base_url),
        "key_fingerprint": "f",
        "request_count": 1,
        "body_bytes": 1000,
        "token_estimate": 100,
        "created_at": now - timedelta(hours=2),
        "submitted_at": now - timedelta(hours=2),
        "status_changed_at": now - timedelta(hours=1),
        "create_started_at": now - timedelta(hours=2),
    }
    with engine.begin() as connection:
        query = insert(ai_batch_requests).values(**(given | values)).returning(ai_batch_requests.c.id)
        made: uuid.UUID = connection.execute(query).scalar_one()
        return made


def _attempt(request_id: uuid.UUID, batch_id: uuid.UUID, now: datetime, outcome: str | None) -> dict[str, Any]:
    return {
        "request_id": request_id,
        "batch_id": batch_id,
        "created_at": now - timedelta(hours=2),
        "settled_at": None if outcome is None else now,
        "outcome": outcome,
        "reserved_eur": "0.01",
        "total_cost_usd": None if outcome is None else "0.002",
        "total_cost_eur": None if outcome is None else "0.0018",
        "error_message": MARKUP,
    }
