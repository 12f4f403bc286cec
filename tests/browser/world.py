"""The demo's data without Dagster: imported, analysed, with rejects, failures, waiting requests and chat batches.

Made once per process and served by the real application; pictures of the documentation are taken of it too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine, text

from livedash_pipeline.analysis.steps.import_company import ImportContext, import_whole_company
from livedash_pipeline.base.store.companies import add_company, list_companies
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.local.demo_chats import start_chats
from livedash_pipeline.local.demo_source import CREATED_BY, demo_changes, demo_credentials, demo_source
from livedash_pipeline.local.sample_data.demo_set import demo_companies
from livedash_pipeline.money.store.rates import set_rate
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import Settings
from tests.api.world import Api, api_settings, running_api
from tests.support.prices import have_prices

# Requests of the first company that are made to look as if the model had been cut short, for something to requeue.
FAILED = 12
_MOST_ROUNDS = 20


@contextmanager
def demo_world(engine: Engine, home: Path) -> Iterator[Api]:
    """The application over the demo's data, and the services that go on answering."""
    with demo_source(home) as source, running_server(home / "batch-api", speed=0) as server:
        settings = api_settings(home, openai_base_url=server.base_url, openai_api_key="stand-in")
        with engine.begin() as connection:
            now = database_now(connection)
            have_prices(connection, now=now)
            set_rate(connection, now.date(), Decimal("0.9"), "test", now)
            for sample in demo_companies():
                add_company(connection, sample.slug, demo_changes(sample, source), now=now, created_by=CREATED_BY)
        import_all(engine, settings)
        with connect(server.base_url, "stand-in") as gateway:
            context = BatchContext(engine, gateway, KINDS, settings, spool_dir=home / "spool", sleep=lambda _: None)
            start_chats(engine, settings, demo_companies()[0].slug)
            analyse_all(context)
            _answer_chats(engine, settings)
            analyse_all(context)
        _fail_some(engine)
        with running_api(settings, engine) as api:
            yield replace(api, settings=settings)


def import_all(engine: Engine, settings: Settings) -> None:
    """Imports every company whole."""
    with engine.connect() as connection:
        companies = list_companies(connection)
    for company in companies:
        import_whole_company(ImportContext(engine, company, settings, demo_credentials(), count_tokens=len))


def analyse_all(context: BatchContext) -> None:
    """Submits, polls and ingests until nothing waits."""
    for _ in range(_MOST_ROUNDS):
        sent = submit_pending(context, ignore_minimum=True).submitted
        poll_batches(context)
        if not ingest_finished(context).batches and not sent:
            return


def _answer_chats(engine: Engine, settings: Settings) -> None:
    context = ChatContext(engine, settings, {})
    with engine.connect() as connection:
        batches = list(connection.scalars(text("SELECT id FROM chat_batches WHERE mode <> 'batch' ORDER BY id")))
    for batch_id in batches:
        process_for_duration(context, batch_id, seconds=30, workers=2)


def _fail_some(engine: Engine) -> None:
    with engine.begin() as connection:
        failed = connection.scalars(
            text(
                "UPDATE ai_processing_requests SET processing_status = 'PROCESSING_FAILED', error_code = 'truncated', "
                "error_message = 'The answer was cut.' WHERE id IN (SELECT id FROM ai_processing_requests "
                "WHERE processing_status = 'PROCESSING_COMPLETE' AND session_id IS NOT NULL ORDER BY id LIMIT :most) "
                "RETURNING session_id"
            ),
            {"most": FAILED},
        ).all()
        connection.execute(
            text(
                "UPDATE session_processing_status SET status = 'FAILED', error_message = 'The answer was cut.' "
                "WHERE stage = 'AI_ANALYSIS' AND import_id IN (SELECT import_id FROM sessions WHERE id = ANY(:failed))"
            ),
            {"failed": list(failed)},
        )
