"""A machine that refuses a write: nothing is lost, nothing is bought, and the same step goes on once there is room."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.errors import StorageError
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportRules
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.named_batch import ingest_again
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.settings import Settings
from livedash_pipeline.sources.csv_source import CsvSource
from tests.machine_limits import small_files, unwritable
from tests.support.batch_round import Begin
from tests.support.batch_service import BatchService
from tests.support.csv_rows import csv_line
from tests.support.rows import insert_requests

_TOO_LARGE = "limit for files"


@pytest.fixture(autouse=True)
def _logs_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    """What pytest captures otherwise goes to a file, whose size would count."""


def test_a_submit_without_room_releases_its_requests_and_buys_nothing(
    engine: Engine, company: Company, scripted: BatchContext, service: BatchService, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        insert_requests(connection, company, 3)
    for words, place in unwritable(tmp_path).items():
        _fails_to_submit(replace(scripted, spool_dir=place), words)
    with small_files(500):
        _fails_to_submit(scripted, _TOO_LARGE)
    assert set(service.calls) == {"model"}
    with engine.connect() as connection:
        waiting = connection.execute(
            text("SELECT processing_status, batch_id, attempts, releases FROM ai_processing_requests")
        ).all()
        batches = connection.execute(text("SELECT DISTINCT status, error_code FROM ai_batch_requests")).all()
    assert [tuple(row) for row in waiting] == [("PENDING_BATCHING", None, 0, 0)] * 3
    assert [tuple(row) for row in batches] == [("FAILED", "storage_failed")]
    (sent,) = submit_pending(scripted, ignore_minimum=True).submitted
    assert (sent.requests, service.calls.count("create")) == (3, 1)


def _fails_to_submit(context: BatchContext, words: str) -> None:
    with pytest.raises(StorageError, match=words) as caught:
        submit_pending(context, ignore_minimum=True)
    assert str(context.spool_dir) in caught.value.message
    assert "TMPDIR" in caught.value.remedy


def test_an_ingest_without_room_leaves_its_batch(begin: Begin, tmp_path: Path) -> None:
    going = begin(2)
    going.end(output=[going.answer(name) for name in going.ids])
    good = going.context
    for words, place in unwritable(tmp_path).items():
        going.context = replace(good, spool_dir=place)
        with pytest.raises(StorageError, match=words):
            going.ingest()
    going.context = good
    with small_files(100), pytest.raises(StorageError, match=_TOO_LARGE) as caught:
        going.ingest()
    assert str(good.spool_dir) in caught.value.message
    assert list(good.spool_dir.iterdir()) == []
    assert set(going.outcomes().values()) == {None}
    assert len(going.ingest().batches) == 1
    assert set(going.outcomes().values()) == {"parsed"}
    with small_files(100), pytest.raises(StorageError, match=_TOO_LARGE):
        ingest_again(good, going.name)


def test_an_import_without_room_says_so_in_its_run_and_goes_on_later(
    engine: Engine, company: Company, tmp_path: Path
) -> None:
    csv = tmp_path / "chats.csv"
    lines = (csv_line(f"chat-{number}", "2025-05-01 10:00:00", "2025-05-01 10:05:00") for number in range(200))
    csv.write_text("".join(lines), encoding="utf-8")
    with engine.begin() as connection:
        changes = CompanyChanges(csv_url=str(csv))
        company = update_company(connection, company.slug, changes, now=database_now(connection))
    spools = list(unwritable(tmp_path).items())
    for words, place in spools:
        with pytest.raises(StorageError, match=words):
            _import(engine, company, place)
    with small_files(1000), pytest.raises(StorageError, match=_TOO_LARGE):
        _import(engine, company, tmp_path / "spool")
    with engine.connect() as connection:
        failed = connection.execute(text("SELECT status, error_code, error_message FROM import_runs ORDER BY id")).all()
    assert [row[:2] for row in failed] == [("FAILED", "storage_failed")] * (len(spools) + 1)
    assert all("could not be written" in row.error_message for row in failed)
    _import(engine, company, tmp_path / "spool")


def _import(engine: Engine, company: Company, spool: Path) -> None:
    rules = ImportRules.of(Settings(livedash_max_reject_ratio=1))
    import_company(engine, company, source=CsvSource({}, spool), rules=rules)
