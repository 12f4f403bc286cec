"""Exports of many tools come in with `company detect --save` and an import, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from livedash_pipeline.base.store.companies import add_company, get_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import import_rejects, session_imports
from livedash_pipeline.intake.steps.detect_files import DetectionRequest, detect_files
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportRules
from livedash_pipeline.sources.csv_source import CsvSource
from tests.conftest import NOW
from tests.intake.exports.made_up import EXPORTS, IDS, UTC_ENDS, UTC_STARTS, Export


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_an_export_comes_in_after_detection(engine: Engine, tmp_path: Path, export: Export) -> None:
    path = tmp_path / export.file
    path.write_bytes(export.content)
    source = CsvSource({}, tmp_path / "spool")
    with engine.begin() as connection:
        add_company(connection, "acme", CompanyChanges(csv_url=str(path)), now=NOW)
    found = detect_files(engine, DetectionRequest("acme", save=True), source=source)
    assert (found["records"], found["fitting"], found["saved"]) == (3 + export.rejected, 3, True), found
    assert found["firstRows"][0]["external_session_id"] == IDS[0]
    with engine.connect() as connection:
        company = get_company(connection, "acme")
    report = import_company(engine, company, source=source, rules=ImportRules())
    assert (report.new, report.rejected) == (3, export.rejected)
    with engine.connect() as connection:
        stored = connection.execute(select(session_imports).order_by(session_imports.c.external_session_id)).all()
        rejected = connection.execute(select(import_rejects.c.reason)).all()
    assert tuple(row.external_session_id for row in stored) == IDS
    cut = timedelta(seconds=0 if export.has_seconds else 60)
    for row, start, end in zip(stored, UTC_STARTS, UTC_ENDS, strict=True):
        assert timedelta(0) <= start - row.start_time <= cut, row
        expected = end if export.has_end else start
        assert timedelta(0) <= expected - row.end_time <= cut, row
    for name, value in export.stored.items():
        kept = getattr(stored[0], name)
        assert (str(kept) if isinstance(kept, Decimal) else kept) == value, name
    assert export.extra.items() <= (stored[0].extra or {}).items()
    assert len(rejected) == export.rejected
    again = import_company(engine, company, source=source, rules=ImportRules())
    assert (again.new, again.changed, again.unchanged) == (0, 0, 3), "the same file changes nothing"
