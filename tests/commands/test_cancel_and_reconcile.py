"""`livedash cancel` and `livedash reconcile`: what they refuse, and one round of both as foreground runs."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.commands.batches import draw_cancel, draw_reconcile
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.local.batch_api.server import running_server
from livedash_pipeline.money.store.seeding import seed_prices
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import Settings
from tests.commands.conftest import Run, document_of
from tests.support.rows import insert_company, insert_requests, rows_of


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("cancel",), "BATCH_ID"),
        (("cancel", "batch_1", "--unfinished", "forgotten"), "forgotten"),
        (("reconcile", "batch_1"), "batch_1"),
    ],
)
def test_a_wrong_command_line_ends_with_2(run: Run, arguments: tuple[str, ...], named: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert named in result.stderr


@pytest.mark.parametrize("arguments", [("cancel", "batch_1"), ("reconcile",)])
def test_without_a_key_it_ends_with_2_and_says_what_to_set(refused: Run, arguments: tuple[str, ...]) -> None:
    result = refused(*arguments, "--json")
    assert result.exit_code == 2
    assert "OPENAI_API_KEY" in document_of(result)["error"]["message"]


@pytest.fixture
def own_environ() -> Iterator[None]:
    """Variables that a run in the foreground sets for Dagster are taken back."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def service_url(
    engine: Engine, database_url: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A service that takes its time, with one batch of ours; commands are told of both databases and of it."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    with engine.begin() as connection:
        seed_prices(connection, now=database_now(connection))
        insert_requests(connection, insert_company(connection), 2)
    with running_server(tmp_path / "batch-api", speed=1) as server, connect(server.base_url, "test-key") as gateway:
        settings = Settings(openai_base_url=server.base_url, openai_api_key="test-key")
        submit_pending(BatchContext(engine, gateway, KINDS, settings, spool_dir=tmp_path), ignore_minimum=True)
        yield server.base_url


@pytest.mark.usefixtures("own_environ")
def test_both_are_foreground_runs_that_answer_with_their_documents(
    run: Run, service_url: str, engine: Engine, empty_database_url: str
) -> None:
    env = {
        "LIVEDASH_DAGSTER_URL": empty_database_url.replace("postgresql+psycopg:", "postgresql+psycopg2:"),
        "OPENAI_BASE_URL": service_url,
        "OPENAI_API_KEY": "test-key",
    }
    (batch,) = rows_of(engine, ai_batch_requests)
    named = (str(batch.id), str(batch.openai_batch_id), "batch_unknown")
    cancelled = run("cancel", *named, "--unfinished", "failed", "--json", **env)
    assert cancelled.exit_code == 0, cancelled.stderr
    counts = {"cancelRequestedCount": 1, "alreadyEndedCount": 0, "notFoundCount": 1}
    assert document_of(cancelled) == {"ok": True, **counts}
    (batch,) = rows_of(engine, ai_batch_requests)
    assert batch.cancel_unfinished == "failed"
    reconciled = run("reconcile", "--accept-vanished", **env)
    assert reconciled.exit_code == 0, reconciled.stderr
    assert "0 adopted, 0 surplus cancelled, 0 files removed, 0 vanished, 0 not ours." in reconciled.stdout


def _drawn(draw: Any, document: dict[str, Any]) -> str:
    shown = io.StringIO()
    draw(Console(file=shown, width=200, markup=False), document)
    return shown.getvalue()


def test_people_are_told_what_comes_next() -> None:
    counts = {"ok": True, "cancelRequestedCount": 1, "alreadyEndedCount": 2, "notFoundCount": 0}
    asked = _drawn(draw_cancel, counts)
    assert "Asked to cancel 1 batch, 2 already ended, 0 not found." in asked
    assert "livedash poll" in asked
    unknown = counts | {"cancelRequestedCount": 0, "alreadyEndedCount": 0, "notFoundCount": 1}
    assert "livedash batches" in _drawn(draw_cancel, unknown)
    found = {
        "ok": True,
        "adopted": 0,
        "surplusCancelled": 1,
        "strangers": 3,
        "filesRemoved": 1,
        "vanished": 2,
        "unclear": 0,
    }
    assert "artifact_unavailable" in _drawn(draw_reconcile, found)
    assert "with our mark" not in _drawn(draw_reconcile, found)
    assert "1 batch with our mark left alone" in _drawn(draw_reconcile, found | {"unclear": 1})
    error = {"code": "input_file_not_visible", "message": "Batch 1 may have been bought.", "remedy": "Set the key."}
    assert "Batch 1 may have been bought. Set the key." in _drawn(draw_reconcile, found | {"ok": False, "error": error})
