"""The archive on a real database: what is written comes back to the letter, and nothing is bought because of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Engine

from livedash_pipeline.archive.rules.manifest import FILES
from livedash_pipeline.archive.steps.create import CompanyReport, CreateRequest, create
from livedash_pipeline.archive.steps.erase import erase
from livedash_pipeline.archive.steps.look import find_parts, verify
from livedash_pipeline.archive.steps.restore import RestoreReport, restore
from livedash_pipeline.archive.steps.write import Sizes
from livedash_pipeline.archive.store import folders
from livedash_pipeline.archive.store.parquet import PartWriter
from livedash_pipeline.archive.store.parts import archive_lock
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.errors import LivedashError, StorageError, UsageError
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.overview.steps.spend import report_spend
from tests.support.chats import Chats, running_chats, word_of

NAMES = ("anna", "bert", "carl")
TEXTS = {"transcripts", "messages", "session_imports", "sessions", "ai_processing_requests"}
# All that a session has; when a row changed last is not of it, since a restore is a change.
TABLES = {
    "session_imports": "id",
    "transcripts": "import_id",
    "sessions": "id",
    "messages": "session_id, position",
    "ai_processing_requests": "id",
    "ai_request_attempts": "id",
    "session_processing_status": "import_id, stage",
    "session_questions": "session_id, position",
    "questions": "id",
}
SMALL = Sizes(page=2, group_bytes=1 << 20, part=1000)


@pytest.fixture
def chats(engine: Engine, context: BatchContext) -> Iterator[Chats]:
    with running_chats(engine, context) as chats:
        yield chats


@pytest.fixture
def analysed(chats: Chats) -> Chats:
    chats.set_up(*NAMES)
    chats.analyse()
    return chats


def archive(chats: Chats, root: Path, *, delete: bool = False, sizes: Sizes = SMALL, **request: Any) -> CompanyReport:
    given: dict[str, Any] = {"month": "2025-05", "root": root, "version": "1", "delete_texts": delete, "dry_run": False}
    asked = given | request
    return create(chats.engine, CreateRequest(**asked), sizes=sizes)["acme"]


def bring_back(chats: Chats, *parts: Path, **options: Any) -> RestoreReport:
    (report,) = restore(chats.engine, parts, **({"dry_run": False} | options))
    return report


def rows(chats: Chats) -> dict[str, list[dict[str, Any]]]:
    """Whole rows of all tables that a session is in."""
    return {
        table: [
            {name: value for name, value in row._mapping.items() if name != "updated_at"}
            for row in chats.sql(f"SELECT * FROM {table} ORDER BY {order}")
        ]
        for table, order in TABLES.items()
    }


def bought(chats: Chats) -> tuple[int, int]:
    """Requests, and batches at the service."""
    ((requests, batches),) = chats.sql(
        "SELECT (SELECT count(*) FROM ai_processing_requests), (SELECT count(*) FROM ai_batch_requests)"
    )
    return requests, batches


def test_texts_move_to_files_and_come_back_to_the_letter(analysed: Chats, tmp_path: Path) -> None:
    before, spent = rows(analysed), report_spend(analysed.engine, start="2020-01-01", end="2030-01-01")
    done = archive(analysed, tmp_path, delete=True)
    assert (done.settled, done.left.total(), done.deletion.sessions) == (3, 0, 3)
    # Two messages a chat, and the first of them as the CSV quotes it.
    assert (done.deletion.texts.transcripts, done.deletion.texts.messages, done.deletion.texts.answers) == (3, 9, 3)
    assert analysed.places_of(word_of("bert")) == {"questions"}, "questions and summaries stay"
    for table in ("ai_request_attempts", "session_processing_status", "session_questions", "questions"):
        assert rows(analysed)[table] == before[table], table
    assert report_spend(analysed.engine, start="2020-01-01", end="2030-01-01") == spent
    assert analysed.records()[-1][0] == "archive"

    assert bring_back(analysed, *done.parts, dry_run=True).sessions == 3
    assert analysed.places_of(word_of("bert")) == {"questions"}, "a dry run changes nothing"
    back = bring_back(analysed, *done.parts)
    assert (back.sessions, back.left.total()) == (3, 0)
    assert rows(analysed) == before
    assert bring_back(analysed, *done.parts).left == {"present": 3}
    # And once more: the part that is there serves for it.
    again = archive(analysed, tmp_path, delete=True)
    assert (again.settled, again.archived, again.parts, again.deletion.sessions) == (0, 3, [], 3)
    assert bring_back(analysed, *done.parts).sessions == 3
    assert rows(analysed) == before


def test_nothing_is_bought_again_for_archived_sessions(analysed: Chats, tmp_path: Path) -> None:
    part = archive(analysed, tmp_path, delete=True).parts[0]
    before, purchases = rows(analysed), bought(analysed)
    assert archive(analysed, tmp_path, delete=True).settled == 0
    # The same rows, and one that changed.
    analysed.publish("bert", country="BE", said="secret-other-word")
    for _ in range(2):
        assert analysed.import_all().imported.new == 0
        assert analysed.submit().submitted == []
    assert bought(analysed) == purchases
    assert [analysed.fetches(name) for name in NAMES] == [1, 1, 1]
    assert rows(analysed)["transcripts"] == before["transcripts"]
    # With its texts, bert's new row would have the next import fetch what he said, and have it analysed.
    back = bring_back(analysed, part, despite_retention=True)
    assert (back.sessions, back.left) == (2, {"changed": 1})
    analysed.import_all()
    assert analysed.submit().submitted == []
    assert bought(analysed) == purchases
    assert [analysed.fetches(name) for name in NAMES] == [1, 1, 1]


def test_texts_stay_unless_they_are_to_be_deleted(analysed: Chats, tmp_path: Path) -> None:
    before = rows(analysed)
    counted = archive(analysed, tmp_path, delete=True, dry_run=True)
    assert (counted.settled, counted.parts, counted.text_bytes > 300) == (3, [], True)
    assert not (tmp_path / "acme").exists()
    done = archive(analysed, tmp_path)
    assert rows(analysed) == before
    manifest = json.loads((done.parts[0] / "manifest.json").read_text())
    assert [file["rowGroups"] for file in manifest["files"][:2]] == [[2, 1], [4, 2]]
    # Texts that nobody but retention has deleted are not put back.
    analysed.prune(days=400)
    assert bring_back(analysed, *done.parts).left == {"present": 3}
    analysed.change_company(keep_transcripts="30", keep_messages="30", keep_answers="30")
    analysed.prune(days=400)
    analysed.change_company(keep_transcripts="forever", keep_messages="forever", keep_answers="forever")
    assert bring_back(analysed, *done.parts).left == {"deleted_by_age": 3}
    assert bring_back(analysed, *done.parts, despite_retention=True).sessions == 3
    assert rows(analysed) == before


def test_a_retention_that_came_later_counts_unless_it_is_said_otherwise(analysed: Chats, tmp_path: Path) -> None:
    before = rows(analysed)
    part = archive(analysed, tmp_path, delete=True).parts[0]
    analysed.change_company(keep_messages="30")
    back = bring_back(analysed, part)
    assert (back.sessions, back.left, back.texts["messages"]) == (3, {"deleted_by_age": 3}, 0)
    assert bring_back(analysed, part, despite_retention=True).texts["messages"] == 3
    assert rows(analysed) == before


def test_erased_sessions_never_come_back_and_their_parts_are_named(analysed: Chats, tmp_path: Path) -> None:
    part = archive(analysed, tmp_path, delete=True).parts[0]
    erased = analysed.prune(company="acme", external_ids=("bert",))
    assert [(copy.path, copy.sessions) for copy in erased.archived] == [(str(part), 1)]
    assert analysed.sql("SELECT holds_erased FROM archive_parts") == [(True,)]
    for options in ({}, {"despite_retention": True}):
        assert bring_back(analysed, part, **options).left["erased"] == 1
    assert analysed.places_of(word_of("bert")) == set()

    def words() -> str:
        with duckdb.connect() as reader:
            return str(reader.execute(f"SELECT * FROM read_parquet('{tmp_path}/acme/*/*/sessions.parquet')").fetchall())

    assert word_of("bert") in words()
    assert [each.erased for each in erase(analysed.engine, version="2")] == [1], "a dry run"
    (done,) = erase(analysed.engine, version="2", dry_run=False)
    assert (done.erased, done.folder.name, part.exists()) == (1, "part-0001.2", False)
    assert word_of("bert") not in words() and word_of("carl") in words()
    assert verify(analysed.engine, [], find_parts(analysed.engine))["ok"]
    assert erase(analysed.engine, version="2", dry_run=False) == []
    assert archive(analysed, tmp_path).left == {"erased": 1}
    assert bring_back(analysed, done.folder).left == {"present": 2}
    assert analysed.prune(company="acme", external_ids=("bert",)).archived == []
    assert analysed.places_of(word_of("anna")) == {*TEXTS, "questions"}


def test_a_session_that_changes_between_writing_and_deleting_keeps_its_texts(analysed: Chats, tmp_path: Path) -> None:
    archive(analysed, tmp_path)
    changes = {
        "anna": "UPDATE messages SET content = content || '!' WHERE session_id = :id AND position = 1",
        "bert": "UPDATE ai_processing_requests SET parsed_answer = parsed_answer - 'summary' WHERE session_id = :id",
        "carl": "UPDATE sessions SET stale = true WHERE id = :id",
    }
    for name, change in changes.items():
        analysed.sql(change, id=analysed.ids(name)[1])
    before = rows(analysed)
    done = archive(analysed, tmp_path, delete=True)
    assert (done.deletion.sessions, done.deletion.changed, done.deletion.unsettled) == (0, 2, 1)
    assert rows(analysed) == before
    assert verify(analysed.engine, [], find_parts(analysed.engine))["ok"]
    # A further part takes them as they are now.
    done = archive(analysed, tmp_path, delete=True)
    assert [part.name for part in done.parts] == ["part-0002"]
    assert (done.settled, done.deletion.sessions, done.left) == (2, 2, {})
    assert bring_back(analysed, done.parts[0]).sessions == 2
    assert rows(analysed) == before


def test_sessions_that_are_not_settled_are_counted_and_left(chats: Chats, tmp_path: Path) -> None:
    chats.set_up(*NAMES)
    chats.import_all()
    assert archive(chats, tmp_path, delete=True).left == {"open_request": 3}
    chats.submit()
    chats.ingest()
    newer = "UPDATE transcripts SET sha256 = 'newer' WHERE import_id = :id"
    chats.sql(newer, id=chats.ids("anna")[0])
    chats.sql("UPDATE transcripts SET next_attempt_at = now() WHERE import_id = :id", id=chats.ids("bert")[0])
    done = archive(chats, tmp_path, delete=True)
    assert (done.settled, done.left) == (1, {"derivation_due": 1, "fetch_due": 1})
    assert archive(chats, tmp_path, month="2025-04").settled == 0
    with pytest.raises(UsageError, match="is not over"):
        archive(chats, tmp_path, month="9000-01")
    with pytest.raises(UsageError, match="no month"):
        archive(chats, tmp_path, month="2025-5")


def test_an_interrupted_run_leaves_no_manifest_and_can_be_run_again(
    analysed: Chats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As if the process had been killed: nothing is cleaned up."""

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as killed:
        killed.setattr(PartWriter, "finish", die)
        killed.setattr(folders, "remove_part", die)
        with pytest.raises(Killed):
            archive(analysed, tmp_path, delete=True)
    folder = tmp_path / "acme/2025-05/part-0001"
    assert (folder / FILES[0]).exists() and not (folder / "manifest.json").exists()
    (part,) = find_parts(analysed.engine)
    assert part.written_at is None
    assert verify(analysed.engine, [], [part]) == {"ok": True, "parts": []}
    assert not verify(analysed.engine, [folder], [])["ok"]
    before = rows(analysed)
    done = archive(analysed, tmp_path, delete=True)
    assert (done.parts, done.deletion.sessions) == ([folder], 3)
    assert bring_back(analysed, folder).sessions == 3
    assert rows(analysed) == before


def test_an_interrupted_deletion_goes_on(analysed: Chats, tmp_path: Path) -> None:
    before = rows(analysed)
    ids = analysed.sql("SELECT import_id FROM sessions ORDER BY start_time, id")
    analysed.sql(
        f"ALTER TABLE transcripts ADD CONSTRAINT stop CHECK (import_id <> '{ids[1][0]}' OR content IS NOT NULL)"
    )
    with pytest.raises(Exception, match="stop"):
        archive(analysed, tmp_path, delete=True, sizes=Sizes(page=1))
    analysed.sql("ALTER TABLE transcripts DROP CONSTRAINT stop")
    done = archive(analysed, tmp_path, delete=True)
    assert (done.settled, done.archived, done.deletion.sessions) == (0, 3, 2)
    assert bring_back(analysed, tmp_path / "acme/2025-05/part-0001").sessions == 3
    assert rows(analysed) == before


@pytest.mark.parametrize("file", FILES)
def test_files_that_were_tampered_with_are_refused(analysed: Chats, tmp_path: Path, file: str) -> None:
    part = archive(analysed, tmp_path).parts[0]
    content = bytearray((part / file).read_bytes())
    content[len(content) // 2] ^= 1
    (part / file).write_bytes(content)
    (seen,) = verify(analysed.engine, [part], [])["parts"]
    assert f"{file} is not the file" in seen["fault"]
    before = rows(analysed)
    with pytest.raises(LivedashError, match="is not the file"):
        archive(analysed, tmp_path, delete=True)
    with pytest.raises(LivedashError, match="is not the file"):
        bring_back(analysed, part)
    assert rows(analysed) == before
    (part / file).unlink()
    (part / file).symlink_to("/etc/passwd")
    with pytest.raises(LivedashError, match="cannot be read"):
        bring_back(analysed, part)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ('"sessions.parquet"', '"../sessions.parquet"', "no manifest"),
        ('"schemaVersion": 1', '"schemaVersion": 2', "schema version 2"),
        ('"sessions": 3', '"sessions": 4', "other sessions"),
        ('"month": "2025-05"', '"month": "2025-06"', "another manifest"),
        ('"slug": "acme"', '"slug": "bcme"', "another manifest"),
    ],
)
def test_manifests_that_are_not_ours_are_refused(
    analysed: Chats, tmp_path: Path, was: str, becomes: str, said: str
) -> None:
    part = archive(analysed, tmp_path).parts[0]
    text = (part / "manifest.json").read_text()
    assert text.count(was) == 1
    (part / "manifest.json").write_text(text.replace(was, becomes))
    with pytest.raises(LivedashError, match=said):
        bring_back(analysed, part)


def test_parts_of_another_database_are_refused_and_moved_ones_are_not(analysed: Chats, tmp_path: Path) -> None:
    part = archive(analysed, tmp_path, delete=True).parts[0]
    moved = tmp_path / "elsewhere"
    part.rename(moved)
    assert not verify(analysed.engine, [], find_parts(analysed.engine))["ok"]
    assert verify(analysed.engine, [moved], [])["ok"]
    assert bring_back(analysed, moved).sessions == 3
    analysed.sql("DELETE FROM archived_sessions")
    analysed.sql("DELETE FROM archive_parts")
    with pytest.raises(UsageError, match="no part of this database"):
        bring_back(analysed, moved)
    # Nor is a folder written over that this database knows nothing of.
    moved.rename(part)
    with pytest.raises(StorageError, match="is there already"):
        archive(analysed, tmp_path)


def test_two_archive_commands_do_not_work_on_one_company(analysed: Chats, tmp_path: Path) -> None:
    part = archive(analysed, tmp_path).parts[0]
    with analysed.engine.connect() as connection:
        company = get_company(connection, "acme")
    with archive_lock(analysed.engine, company):
        for call in (lambda: archive(analysed, tmp_path), lambda: bring_back(analysed, part)):
            with pytest.raises(LivedashError, match="Another archive command"):
                call()
    assert bring_back(analysed, part).left == {"present": 3}


def test_a_part_has_so_many_sessions_at_most(analysed: Chats, tmp_path: Path) -> None:
    before = rows(analysed)
    done = archive(analysed, tmp_path, delete=True, sizes=Sizes(page=1, part=2))
    assert [part.name for part in done.parts] == ["part-0001", "part-0002"]
    assert (done.settled, done.deletion.sessions) == (3, 3)
    assert [part.sessions for part in find_parts(analysed.engine, company="acme")] == [2, 1]
    assert [report.sessions for report in restore(analysed.engine, done.parts, dry_run=False)] == [2, 1]
    assert rows(analysed) == before


def test_duckdb_reads_the_files_and_sums_as_postgres_does(analysed: Chats, tmp_path: Path) -> None:
    ((cost, tokens),) = analysed.sql("SELECT sum(total_cost_eur), sum(total_tokens) FROM ai_request_attempts")
    archive(analysed, tmp_path, delete=True)
    with duckdb.connect() as reader:
        attempts = f"read_parquet('{tmp_path}/acme/*/*/attempts.parquet')"
        summed = reader.execute(f"SELECT sum(total_cost_eur), sum(total_tokens) FROM {attempts}").fetchall()
        assert summed == [(cost, tokens)]
        assert isinstance(cost, Decimal) and cost > 0
        found = reader.execute(
            "SELECT s.external_session_id, s.transcript, count(*), min(m.sent_at)::text"
            f" FROM read_parquet('{tmp_path}/*/*/*/sessions.parquet') s"
            f" JOIN read_parquet('{tmp_path}/*/*/*/messages.parquet') m USING (session_id)"
            " GROUP BY ALL ORDER BY 1"
        ).fetchall()
    assert [(row[0], row[2]) for row in found] == [(name, 2) for name in NAMES]
    assert all(word_of(row[0]) in row[1] for row in found)
