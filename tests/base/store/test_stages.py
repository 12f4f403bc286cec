"""Moves that every stage knows: legal ones only, counted, in order of the stages, also for a stage that was added as a row."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, insert, select, text

from livedash_pipeline.base.rules.states import STAGE_MOVES, Stage, StageStatus
from livedash_pipeline.base.store import stages
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.stages import StageMove
from livedash_pipeline.base.store.tables import processing_stages, session_processing_status
from tests.conftest import NOW
from tests.support.imported import add_import, add_request, make_company, set_stage
from tests.support.rows import CHAT, insert_sessions

S = StageStatus
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def company(engine: Engine) -> Company:
    return make_company(engine)


@pytest.fixture
def connection(engine: Engine, company: Company) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection


@pytest.fixture
def imports(engine: Engine, company: Company) -> list[uuid.UUID]:
    return sorted(add_import(engine, company, None) for _ in range(3))


def _row(connection: Connection, import_id: uuid.UUID, stage: str) -> dict[str, object]:
    table = session_processing_status
    found = connection.execute(select(table).where(table.c.import_id == import_id, table.c.stage == stage))
    return dict(found.mappings().one())


MOVES: dict[StageStatus, Callable[[Connection, str, list[uuid.UUID]], StageMove]] = {
    S.IN_PROGRESS: lambda c, stage, ids: stages.start_stage(c, stage, ids, now=LATER),
    S.COMPLETED: lambda c, stage, ids: stages.complete_stage(c, stage, ids, now=LATER),
    S.FAILED: lambda c, stage, ids: stages.fail_stage(c, stage, ids, reason="broken", now=LATER),
    S.SKIPPED: lambda c, stage, ids: stages.skip_stage(c, stage, ids, reason="not wanted", now=LATER),
    S.PENDING: lambda c, stage, ids: stages.reset_stage(c, stage, ids, now=LATER, expected=list(S)),
}


@pytest.mark.parametrize("after", S)
def test_only_moves_of_the_table_are_made_and_the_others_are_counted(
    connection: Connection, company: Company, engine: Engine, after: StageStatus
) -> None:
    ids = {before: add_import(engine, company, None) for before in S}
    for before, import_id in ids.items():
        set_stage(connection, import_id, "CSV_IMPORT", before, started_at=NOW)
    moved = MOVES[after](connection, "CSV_IMPORT", [*ids.values(), uuid.uuid4()])
    legal = {ids[before] for before in S if after in STAGE_MOVES[before]}
    assert (set(moved.moved), moved.not_found, moved.not_eligible) == (legal, 1, len(S) - len(legal))
    for before, import_id in ids.items():
        expected = after if import_id in legal else before
        assert _row(connection, import_id, "CSV_IMPORT")["status"] == expected, before


def test_a_stage_is_ready_only_when_every_earlier_one_is_done_or_skipped(
    connection: Connection, imports: list[uuid.UUID]
) -> None:
    first, second, third = imports
    stages.complete_stage(connection, "CSV_IMPORT", imports, now=NOW)
    stages.skip_stage(connection, "TRANSCRIPT_FETCH", [first], reason="no transcript", now=NOW)
    stages.fail_stage(connection, "TRANSCRIPT_FETCH", [second], reason="http_404", now=NOW)
    waiting = stages.sessions_needing(connection, "SESSION_CREATION", limit=10)
    assert [row.import_id for row in waiting] == [first]
    assert stages.sessions_needing(connection, "CSV_IMPORT", limit=10) == []
    tried = stages.start_stage(connection, "SESSION_CREATION", imports, now=NOW)
    assert (tried.moved, tried.not_eligible) == ((first,), 2)
    assert stages.complete_stage(connection, "SESSION_CREATION", [second, third], now=NOW).moved == ()


def test_sessions_that_need_a_stage_come_page_by_page_and_per_company(
    connection: Connection, company: Company, imports: list[uuid.UUID]
) -> None:
    page = stages.sessions_needing(connection, "CSV_IMPORT", limit=2)
    rest = stages.sessions_needing(connection, "CSV_IMPORT", limit=2, after_id=page[-1].import_id)
    assert [row.import_id for row in page + rest] == imports
    of_company = stages.sessions_needing(connection, "CSV_IMPORT", limit=9, company_id=company.id)
    assert len(of_company) == 3
    assert stages.sessions_needing(connection, "CSV_IMPORT", limit=9, company_id=uuid.uuid4()) == []


def test_times_reasons_and_tries_are_kept(connection: Connection, imports: list[uuid.UUID]) -> None:
    one = imports[:1]
    stages.start_stage(connection, "CSV_IMPORT", one, now=NOW)
    stages.fail_stage(connection, "CSV_IMPORT", one, reason="broken", now=LATER)
    row = _row(connection, one[0], "CSV_IMPORT")
    assert (row["started_at"], row["completed_at"], row["error_message"], row["retry_count"]) == (
        NOW, LATER, "broken", 1,
    )  # fmt: skip
    stages.fail_stage(connection, "CSV_IMPORT", one, reason="still broken", now=LATER)
    assert stages.reset_stage(connection, "CSV_IMPORT", one, now=LATER, max_retries=2).moved == ()
    assert stages.reset_stage(connection, "CSV_IMPORT", one, now=LATER, max_retries=3).moved == tuple(one)
    row = _row(connection, one[0], "CSV_IMPORT")
    assert (row["started_at"], row["completed_at"], row["error_message"], row["retry_count"]) == (None, None, None, 2)
    stages.complete_stage(connection, "CSV_IMPORT", one, now=LATER, metadata={"rows": 1})
    assert _row(connection, one[0], "CSV_IMPORT")["metadata"] == {"rows": 1}


def test_a_reset_takes_back_failed_stages_alone_unless_told_otherwise(
    connection: Connection, imports: list[uuid.UUID]
) -> None:
    stages.complete_stage(connection, "CSV_IMPORT", imports, now=NOW)
    assert stages.reset_stage(connection, "CSV_IMPORT", imports, now=NOW).not_eligible == 3
    again = stages.reset_stage(connection, "CSV_IMPORT", imports[:1], now=NOW, expected=[S.COMPLETED])
    assert again.moved == tuple(imports[:1])


def test_a_skipped_analysis_skips_its_questions(connection: Connection, imports: list[uuid.UUID]) -> None:
    stages.skip_stage(connection, "AI_ANALYSIS", imports[:1], reason="not wanted", now=NOW)
    row = _row(connection, imports[0], "QUESTION_EXTRACTION")
    assert (row["status"], row["error_message"]) == ("SKIPPED", "not wanted")


def test_a_stage_is_added_as_a_row_and_worked_through(
    connection: Connection, company: Company, imports: list[uuid.UUID]
) -> None:
    connection.execute(text("UPDATE processing_stages SET position = position * 10"))
    connection.execute(insert(processing_stages).values(name="TRANSLATION", position=15))
    connection.execute(insert(processing_stages).values(name="PUBLICATION", position=10 * (len(Stage) + 1)))
    assert stages.stage_names(connection)[1] == "TRANSLATION"
    stages.complete_stage(connection, "CSV_IMPORT", imports, now=NOW)
    assert len(stages.sessions_needing(connection, "TRANSLATION", limit=9)) == 3
    assert stages.sessions_needing(connection, "TRANSCRIPT_FETCH", limit=9) == [], "it comes first"
    first, second, third = imports
    assert stages.start_stage(connection, "TRANSLATION", imports, now=NOW).moved == tuple(imports)
    stages.complete_stage(connection, "TRANSLATION", [first], now=LATER)
    stages.skip_stage(connection, "TRANSLATION", [second], reason="is English", now=LATER)
    stages.fail_stage(connection, "TRANSLATION", [third], reason="no dictionary", now=LATER)
    ready = stages.sessions_needing(connection, "TRANSCRIPT_FETCH", limit=9)
    assert [row.import_id for row in ready] == [first, second]
    status = stages.pipeline_status(connection, company.id)
    first_stage, *others = Stage
    assert list(status.stages) == [first_stage, "TRANSLATION", *others, "PUBLICATION"]
    counted = {name: count for name, count in status.stages["TRANSLATION"].items() if count}
    assert counted == {S.COMPLETED: 1, S.SKIPPED: 1, S.FAILED: 1}
    assert status.stages["PUBLICATION"][S.PENDING] == 3
    assert stages.reset_stage(connection, "TRANSLATION", imports, now=LATER).moved == (third,)


def test_stages_that_never_end_are_freed_and_fail_in_the_end(connection: Connection, company: Company) -> None:
    session_ids = insert_sessions(connection, company, [CHAT] * 3)
    by_session = {row.session_id: row.import_id for row in stages.sessions_needing(connection, "AI_ANALYSIS", limit=9)}
    stuck, busy, young = (by_session[session_id] for session_id in session_ids)
    add_request(connection, company, session_ids[1], "PENDING_BATCHING")
    for import_id in (stuck, busy):
        set_stage(connection, import_id, "AI_ANALYSIS", "IN_PROGRESS", started_at=NOW)
    set_stage(connection, young, "AI_ANALYSIS", "IN_PROGRESS", started_at=LATER)

    def free() -> dict[str, int]:
        return dict(stages.free_stuck_stages(connection, started_before=LATER, max_retries=2, now=LATER, most=9))

    for retries in (1, 2):
        assert free() == {"AI_ANALYSIS": 1}
        row = _row(connection, stuck, "AI_ANALYSIS")
        assert (row["status"], row["retry_count"], row["started_at"]) == ("PENDING", retries, None)
        assert free() == {}
        stages.start_stage(connection, "AI_ANALYSIS", [stuck], now=NOW)
    assert free() == {"AI_ANALYSIS": 1}
    row = _row(connection, stuck, "AI_ANALYSIS")
    assert (row["status"], row["retry_count"], row["error_message"]) == ("FAILED", 3, stages.NEVER_ENDED)
    assert _row(connection, busy, "AI_ANALYSIS")["status"] == "IN_PROGRESS", "its request is open"
    assert _row(connection, young, "AI_ANALYSIS")["status"] == "IN_PROGRESS"


def test_unfinished_sessions_are_counted_per_company_too(
    connection: Connection, company: Company, imports: list[uuid.UUID]
) -> None:
    stages.fail_stage(connection, "CSV_IMPORT", imports[:1], reason="broken", now=NOW)
    assert stages.count_unsettled_sessions(connection) == 2, "what waits behind a failure is done"
    assert stages.count_unsettled_sessions(connection, company.id) == 2
    assert stages.count_unsettled_sessions(connection, uuid.uuid4()) == 0
