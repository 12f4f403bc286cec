"""The simulation's database: one per process, emptied between schedules, with ids that count instead of being drawn.

Companies, imports and transcripts are stored as imports leave them; everything later is made by the real steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, create_engine, insert, select, text, update

from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    companies,
    metadata,
    session_imports,
    session_processing_status,
    transcripts,
)
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.money.store.seeding import seed_prices
from tests.ledger.kinds.parcels import ask_about_parcels
from tests.simulation.clock import START
from tests.simulation.money_world import FORGET_PRICES, store_money
from tests.simulation.schedule import World
from tests.simulation.second_kind import (
    BOTH_KINDS,
    change_parcel,
    count_waiting,
    install,
    parcel_violations,
    store_parcels,
)

# The same seed has to give the same ids, in id order that of insertion.
_COUNTING_IDS = """
    CREATE SEQUENCE simulation_ids;
    CREATE OR REPLACE FUNCTION livedash_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
        SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(nextval('simulation_ids')), 12, '0'))::uuid
    $$;
"""
_KEPT = {"processing_stages", "ai_models", "ai_model_pricing", "exchange_rates"}
_TRUNCATE_EVERY = 200
TEXTS = 4
"""How many texts a transcript may have; a small number, so that an earlier one returns."""


@contextmanager
def own_database(postgres_template: str) -> Iterator[str]:
    """URL of a database that nobody else uses, cloned from the migrated template of a test server."""
    name = f"simulation_{uuid4().hex}"
    admin = create_engine(postgres_template.replace("DATABASE", "postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE template_livedash STRATEGY file_copy'))
    yield postgres_template.replace("DATABASE", name)
    with admin.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


class SimulationDatabase:
    """The database behind an engine, of which the simulation is the only user."""

    def __init__(self, engine: Engine, *, second_kind: bool = False) -> None:
        self.engine = engine
        self.kinds = BOTH_KINDS if second_kind else KINDS
        self._has_parcels = second_kind
        self._uses = 0
        self._emptied = [table.name for table in reversed(metadata.sorted_tables) if table.name not in _KEPT]
        with engine.begin() as connection:
            connection.exec_driver_sql(_COUNTING_IDS)
            seed_prices(connection, now=START - timedelta(days=1))
        if second_kind:
            install(engine)
            self._emptied.insert(0, "parcels")

    def reset(self) -> None:
        """Empty all tables that schedules write, and count ids from one again."""
        self._uses += 1
        if self._uses % _TRUNCATE_EVERY == 0:
            emptied = f"TRUNCATE {', '.join(self._emptied)};"
        else:
            # Deleting few rows is quicker than truncating many tables. The role passes over triggers and references.
            deletes = "".join(f"DELETE FROM {name};" for name in self._emptied)
            emptied = f"SET LOCAL session_replication_role = replica; {deletes}"
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"{emptied} {FORGET_PRICES} SELECT setval('simulation_ids', 1, false);")

    def store_world(self, world: World) -> list[UUID]:
        """Companies with so many sessions each, whose transcripts have been fetched; returns the imports' ids."""
        with self.engine.begin() as connection:
            imports = [
                import_id
                for place, count in enumerate(world.sessions)
                for import_id in _store_company(connection, f"company-{place}", count)
            ]
            store_money(connection, world)
            if self._has_parcels:
                store_parcels(connection)
        return imports

    def change_subject(self, connection: Connection, place: int) -> None:
        """What a change of a transcript is for sessions, for a subject of the second kind."""
        if self._has_parcels:
            change_parcel(connection, place)

    def ask(self, engine: Engine, company_id: UUID, *, model: str, now: datetime) -> None:
        """Makes the requests of the second kind."""
        if self._has_parcels:
            with engine.begin() as connection:
                ask_about_parcels(connection, company_id, model=model, now=now)

    def count_unfinished(self) -> int:
        """What the flow has still to bring to an end."""
        waiting = 0
        if self._has_parcels:
            with self.engine.connect() as connection:
                waiting = count_waiting(connection)
        return waiting + count_unfinished(self.engine)

    def subject_violations(self) -> list[str]:
        """What does not hold of subjects of the second kind."""
        if not self._has_parcels:
            return []
        doubted = select(ai_batch_requests.c.id).where(
            ai_batch_requests.c.processed_at.is_(None), ai_batch_requests.c.absence_doubt.is_not(None)
        )
        with self.engine.connect() as connection:
            return list(parcel_violations(connection, set(connection.execute(doubted).scalars())))


def _store_company(connection: Connection, slug: str, count: int) -> list[UUID]:
    company = {"slug": slug, "name": slug, "csv_url": "https://example.test/a.csv"}
    company_id = connection.execute(
        insert(companies).values(**company, created_at=START, updated_at=START).returning(companies.c.id)
    ).scalar_one()
    rows = [
        {
            "company_id": company_id,
            "external_session_id": f"{slug}-{place:02}",
            "start_time_raw": "04.01.2027 08:00:00",
            "end_time_raw": "04.01.2027 08:01:00",
            "start_time": START,
            "end_time": START + timedelta(seconds=60),
            "full_transcript_url": "https://example.test/a.txt",
            "content_hash": "row",
            "created_at": START,
            "updated_at": START,
        }
        for place in range(count)
    ]
    made = insert(session_imports).returning(session_imports.c.id, sort_by_parameter_order=True)
    ids = list(connection.execute(made, rows).scalars())
    connection.execute(insert(transcripts), [_transcript(import_id, place, 0) for place, import_id in enumerate(ids)])
    stage = {"stage": "TRANSCRIPT_FETCH", "status": "COMPLETED", "started_at": START, "completed_at": START}
    connection.execute(
        insert(session_processing_status),
        [{**stage, "import_id": import_id, "stage": name} for import_id in ids for name in _DONE_STAGES],
    )
    return ids


_DONE_STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH")


def _transcript(import_id: UUID, place: int, variant: int) -> dict[str, object]:
    content = (
        f"[04.01.2027 09:00:00] User: Good day, question {variant} of chat {place}: where is my roster?\n"
        "[04.01.2027 09:00:04] Assistant: In the app, under Planning.\n"
    )
    return {
        "import_id": import_id,
        "url": "https://example.test/a.txt",
        "row_hash": "row",
        "status": "FETCHED",
        "content": content,
        "sha256": f"sha-{place}-{variant}",
        "fetched_at": START,
        "updated_at": START,
    }


def change_transcript(connection: Connection, import_id: UUID, place: int, variant: int) -> None:
    """The source publishes another text for a chat, perhaps one that it had before."""
    values = _transcript(import_id, place, variant % TEXTS)
    connection.execute(update(transcripts).where(transcripts.c.import_id == import_id).values(**values))


def set_company_status(connection: Connection, place: int, status: str) -> None:
    """Somebody suspends a company, or lets it go on."""
    connection.execute(update(companies).where(companies.c.slug == f"company-{place}").values(status=status))


UNFINISHED = text("""
    SELECT
        (SELECT count(*) FROM ai_processing_requests
         WHERE processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS'))
        + (SELECT count(*) FROM ai_batch_requests WHERE processed_at IS NULL)
        + (SELECT count(*) FROM ai_surplus_batches WHERE ended_at IS NULL)
        + (SELECT count(*) FROM sessions WHERE stale)
        + (SELECT count(*) FROM transcripts JOIN sessions USING (import_id)
           WHERE sessions.transcript_sha256 IS DISTINCT FROM transcripts.sha256)
        + (SELECT count(*) FROM session_imports WHERE NOT EXISTS (
               SELECT 1 FROM session_processing_status AS stage_row
               WHERE stage_row.import_id = session_imports.id AND stage_row.stage = 'AI_ANALYSIS'
                 AND stage_row.status IN ('COMPLETED', 'FAILED', 'SKIPPED')))
""")


def count_unfinished(engine: Engine) -> int:
    """What of sessions, requests and batches the flow has still to bring to an end."""
    with engine.connect() as connection:
        return int(connection.execute(UNFINISHED).scalar_one())


def company_ids(connection: Connection) -> list[UUID]:
    """All companies, in the order of the world."""
    return list(connection.execute(select(companies.c.id).order_by(companies.c.slug)).scalars())
