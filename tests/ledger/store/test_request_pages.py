"""How Postgres reads a page of requests: as many rows as it shows, wherever it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.tables import ai_processing_requests
from livedash_pipeline.ledger.store.batches.request_history import read_requests
from tests.benchmarks.data import fill_requests
from tests.benchmarks.site import Site, make_company

_READ = text("""
    SELECT coalesce(idx_tup_fetch, 0) + seq_tup_read
    FROM pg_stat_xact_user_tables
    WHERE relid = CAST('ai_processing_requests' AS regclass)
""")
# An outage long ago and one just now, with 4,000 good answers between them: as likely on the whole as one in three.
_OUTAGES = text("""
    UPDATE ai_processing_requests SET processing_status = CASE
        WHEN place <= 2000 OR place > 6000 THEN 'PROCESSING_FAILED' ELSE 'PROCESSING_COMPLETE'
    END
    FROM (SELECT id AS request_id, row_number() OVER (ORDER BY id) AS place FROM ai_processing_requests) AS placed
    WHERE request_id = id
    RETURNING id, place
""")


@pytest.mark.parametrize("of_one_company", [False, True])
def test_a_page_reads_what_it_shows_however_far_apart_that_lies(
    engine: Engine, tmp_path: Path, of_one_company: bool
) -> None:
    site = Site(engine, tmp_path)
    company = make_company(site)
    fill_requests(site, company, 6_010, pending=0, messages=False)
    with engine.begin() as connection:
        ids = [row.id for row in sorted(connection.execute(_OUTAGES), key=lambda row: row.place)]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"VACUUM (ANALYZE) {ai_processing_requests.name}"))
    with engine.connect() as connection:
        before = connection.execute(_READ).scalar_one()
        page = read_requests(
            connection,
            status=RequestStatus.PROCESSING_FAILED,
            company_id=company.id if of_one_company else None,
            after_id=ids[1998],
            limit=5,
        )
        read = connection.execute(_READ).scalar_one() - before
    assert [row.id for row in page] == [ids[1999], *ids[6000:6004]]
    assert read == len(page)
