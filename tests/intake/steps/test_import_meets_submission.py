"""An import of a CSV and a submission bring the same session at the same moment: neither fails, and the submission counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, Insert, insert, select, text
from sqlalchemy.exc import IntegrityError

from livedash_pipeline.base.store.companies import Company, add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import in_savepoint, make_engine
from livedash_pipeline.base.store.tables import companies, import_runs, session_imports, transcripts
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportReport, ImportRules
from livedash_pipeline.sources.csv_source import CsvSource
from livedash_pipeline.sources.http import FetchLimits
from livedash_pipeline.submissions.rules.items import AcceptedItem, read_item
from livedash_pipeline.submissions.store.submissions import merge_submissions
from tests.conftest import NOW
from tests.intake.steps.test_import_csv import row
from tests.support.imported import rows_of
from tests.support.races import deadlocks, until_waiting
from tests.support.submitted import outcomes, stages_by_id, submission, submit

LIMITS = FetchLimits(max_bytes=1_000_000, connect_seconds=2, read_seconds=2, total_seconds=10)


class Meeting:
    """A company with a CSV in a file, and both ways in, each on connections of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.csv = folder / "chats.csv"
        with engine.begin() as connection:
            self.company: Company = add_company(connection, "acme", CompanyChanges(csv_url=self.csv.as_uri()), now=NOW)

    def bring(self, *rows: str, engine: Engine | None = None) -> ImportReport:
        self.csv.write_text("".join(rows))
        return import_company(
            engine or self.engine,
            self.company,
            source=CsvSource({}, self.folder / "spool", LIMITS, sleep=lambda _: None),
            rules=ImportRules(max_reject_ratio=0.2, interval=timedelta(minutes=15)),
            clock=lambda _: NOW,
        )

    def submit(self, *names: str, engine: Engine | None = None) -> list[str]:
        batch = [submission(name) for name in names]
        return outcomes(submit(engine or self.engine, self.company, *batch, clock=lambda _: NOW))

    def sources(self) -> dict[str, str]:
        rows = rows_of(self.engine, session_imports)
        return {each["external_session_id"]: each["source"] for each in rows}


@pytest.fixture
def meeting(engine: Engine, tmp_path: Path) -> Meeting:
    return Meeting(engine, tmp_path)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def accepted(name: str) -> AcceptedItem:
    item = read_item(json.dumps(submission(name)).encode())
    assert isinstance(item, AcceptedItem)
    return item


def test_a_session_that_is_being_submitted_is_left_alone_by_the_import_that_meets_it(
    meeting: Meeting, pool: ThreadPoolExecutor
) -> None:
    with meeting.engine.begin() as connection:
        merge_submissions(connection, meeting.company.id, [accepted("chat-1")], NOW)
        importing = pool.submit(meeting.bring, row("chat-0"), row("chat-1"), row("chat-2"))
        until_waiting(meeting.engine)
    report = importing.result(timeout=6000)
    # Just as if the submission had been there before the import began.
    assert (report.rows, report.new, report.changed, report.unchanged) == (3, 2, 0, 1)
    assert meeting.sources() == {"chat-0": "csv", "chat-1": "api", "chat-2": "csv"}
    assert stages_by_id(meeting.engine)["chat-1"]["TRANSCRIPT_FETCH"] == "COMPLETED"
    again = meeting.bring(row("chat-0"), row("chat-1"), row("chat-2"))
    assert (again.new, again.changed, again.unchanged) == (0, 0, 3)


def test_a_submission_that_is_taken_back_leaves_its_session_to_the_import(
    meeting: Meeting, pool: ThreadPoolExecutor
) -> None:
    with meeting.engine.connect() as connection:
        merge_submissions(connection, meeting.company.id, [accepted("chat-1")], NOW)
        importing = pool.submit(meeting.bring, row("chat-1"))
        until_waiting(meeting.engine)
        connection.rollback()
    assert importing.result(timeout=6000).new == 1
    assert meeting.sources() == {"chat-1": "csv"}


@contextmanager
def looking_after(engine: Engine, milliseconds: int) -> Iterator[Engine]:
    """An engine whose connections look for a deadlock after this time; who looks first is the victim."""
    url = engine.url.update_query_dict({"options": f"-c deadlock_timeout={milliseconds}ms"})
    made = make_engine(url.render_as_string(hide_password=False))
    yield made
    made.dispose()


@pytest.mark.parametrize(("import_looks", "submission_looks"), [(20, 20_000), (20_000, 20)])
def test_an_import_and_a_submission_that_wait_for_one_another_both_get_through(
    meeting: Meeting, pool: ThreadPoolExecutor, import_looks: int, submission_looks: int
) -> None:
    """The import holds b and wants a; the submission holds a and wants b."""
    meeting.bring(row("b", "first"))
    before = deadlocks(meeting.engine)
    with (
        looking_after(meeting.engine, import_looks) as one,
        looking_after(meeting.engine, submission_looks) as other,
    ):
        with meeting.engine.begin() as connection:
            connection.execute(select(session_imports.c.id).with_for_update())
            importing = pool.submit(meeting.bring, row("a"), row("b", "second"), engine=one)
            until_waiting(meeting.engine)
            submitting = pool.submit(meeting.submit, "a", "b", engine=other)
            until_waiting(meeting.engine, 2)
        report, told = importing.result(timeout=600), submitting.result(timeout=600)
    assert deadlocks(meeting.engine) > before
    assert report.rows == 2
    assert set(told) <= {"created", "updated"}
    assert meeting.sources() == {"a": "api", "b": "api"}
    assert [each["status"] for each in rows_of(meeting.engine, import_runs)] == ["COMPLETED", "COMPLETED"]
    assert [each["status"] for each in rows_of(meeting.engine, transcripts)] == ["FETCHED", "FETCHED"]


def test_work_in_a_savepoint_is_done_again_after_a_deadlock_and_keeps_what_was_before(engine: Engine) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> int:
        connection.execute(insert_row("second"))
        tries.append(1)
        if len(tries) < 3:
            connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = '40P01'; END $$"))
        return len(tries)

    with engine.begin() as connection:
        connection.execute(insert_row("first"))
        assert in_savepoint(connection, work) == 3
    assert sorted(each["slug"] for each in rows_of(engine, companies)) == ["first", "second"]


def test_another_fault_within_a_savepoint_is_raised_at_once(engine: Engine) -> None:
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        connection.execute(insert_row("first"))

    with engine.begin() as connection:
        connection.execute(insert_row("first"))
        with pytest.raises(IntegrityError):
            in_savepoint(connection, work)
    assert (len(tries), len(rows_of(engine, companies))) == (1, 1)


def insert_row(slug: str) -> Insert:
    return insert(companies).values(slug=slug, name=slug, csv_url="x", created_at=NOW, updated_at=NOW)
