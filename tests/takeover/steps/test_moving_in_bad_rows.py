"""Bad input to moving in: a bad row is in the report and the rest comes, a bad source is one sentence and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.errors import DatabaseNotReadyError, LivedashError, UsageError
from livedash_pipeline.sources.takeover.database import ChunkSize
from livedash_pipeline.takeover.steps.run import import_livedash
from livedash_pipeline.takeover.store.companies import takeover_lock
from tests.takeover.steps.old_system import ANALYSIS, DONE, OldSystem
from tests.takeover.steps.our_side import everything, stages_of


def reasons(document: dict[str, Any], kind: str) -> dict[tuple[str, str], int]:
    """How often each reason was met, by table and the beginning of the reason."""
    return {(row["table"], row["reason"].partition(":")[0][:40]): row["rows"] for row in document[f"{kind}Reasons"]}


def test_rows_that_break_a_rule_are_in_the_report_and_the_rest_comes(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    old.chat(company, 0)
    hopeless = {"startTimeRaw": "<html>", "endTimeRaw": "", "createdAt": "2025-05-01"}
    bad = old.chat(
        company, 1, imported=hopeless, session={"startTime": "2025-05-02", "endTime": "2025-05-01"}, questions=("Why?",)
    )
    old.request(bad)
    old.add("SessionImport", companyId=company, externalSessionId="lonely", **hopeless)
    document = import_livedash(engine, old.url)
    assert document["ok"], document["agree"]
    assert reasons(document, "skipped") == {
        ("sessionImports", "it has no readable time, and no session "): 2,
        ("sessions", "what it hangs on is skipped"): 1,
        ("messages", "what it hangs on is skipped"): 2,
        ("stages", "what it hangs on is skipped"): 5,
        ("sessionQuestions", "what it hangs on is skipped"): 1,
        ("requests", "what it hangs on is skipped"): 1,
    }
    assert {row["table"] for row in document["skipped"]} >= {"sessionImports", "sessions", "messages"}
    assert stages_of(engine)["SESSION_CREATION"] == {"COMPLETED": 1}


def test_values_that_cannot_be_are_left_out_and_counted(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    values = {"language": "klingon", "messagesSent": -3, "avgResponseTime": float("nan"), "country": "XX"}
    session = old.chat(
        company,
        session=values | {"startTime": "2025-05-02", "endTime": "2025-05-01"},
        imported={
            "externalSessionId": "",
            "tokens": -1,
            "avgResponseTimeSeconds": float("inf"),
            "endTimeRaw": "30.02.2025",
        },
        stages=DONE,
        questions=("Q" * 600, " ", "Why?"),
        analysis=ANALYSIS,
    )
    old.run('UPDATE "Session" SET "startTime" = %s, "endTime" = %s', "2025-05-01 10:00", "2025-05-01 09:00")
    old.run('UPDATE "SessionImport" SET "endTimeRaw" = "startTimeRaw"')
    old.run('UPDATE "Message" SET role = %s, "order" = "order" - 1 WHERE "order" = 0', "Chatbot")
    old.run('UPDATE "SessionProcessingStatus" SET "startedAt" = \'infinity\', "completedAt" = \'2020-01-01\'')
    old.run('UPDATE "SessionProcessingStatus" SET "startedAt" = \'2024-01-01\' WHERE stage = %s', "AI_ANALYSIS")
    old.run(
        'UPDATE "SessionProcessingStatus" SET "retryCount" = 2, metadata = \'{"a": 0.5}\' WHERE stage = %s',
        "CSV_IMPORT",
    )
    old.request(session, promptTokens=-5, totalCostEur=float("nan"), completedAt="2001-01-01")
    document = import_livedash(engine, old.url)
    assert document["ok"], document["agree"]
    assert reasons(document, "adjusted") == {
        ("sessionImports", "its external id is empty or longer than 255"[:40]): 1,
        ("sessionImports", "tokens is no number that can be"): 1,
        ("sessionImports", "avgResponseTimeSeconds is no number that"): 1,
        ("sessions", "its times cannot be"): 1,
        ("sessions", "language is no value that can be"): 1,
        ("sessions", "messagesSent is no value that can be"): 1,
        ("sessions", "avgResponseTime is no value that can be"): 1,
        ("sessions", "country is no value that can be"): 1,
        ("sessions", "its messages are not numbered from 0 wit"): 1,
        ("messages", "its role is none of ours"): 1,
        ("sessionQuestions", "it is longer than 500 characters"): 1,
        ("stages", "AI_ANALYSIS"): 1,
        ("requests", "completedAt lies before requestedAt"): 1,
        ("requests", "promptTokens is no count"): 1,
        ("requests", "totalCostEur is no amount"): 1,
    }
    assert reasons(document, "skipped") == {("sessionQuestions", "it is blank, or says the same as another"): 1}
    with engine.connect() as connection:
        positions = connection.execute(text("SELECT position FROM session_questions ORDER BY 1")).scalars().all()
        stage = connection.execute(
            text("SELECT retry_count, metadata FROM session_processing_status WHERE stage = 'CSV_IMPORT'")
        ).one()
    assert positions == [0, 1]
    assert tuple(stage) == (2, {"a": 0.5})


def test_a_session_without_a_row_of_the_csv_gets_one(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    session = old.chat(company, stages=DONE, analysis=ANALYSIS)
    old.run('UPDATE "Session" SET "importId" = NULL')
    old.run('DELETE FROM "SessionImport"')
    document = import_livedash(engine, old.url)
    assert document["ok"], document["agree"]
    assert document["tables"]["sessionImports"] == dict.fromkeys(
        ("read", "written", "updated", "unchanged", "skipped"), 0
    )
    assert reasons(document, "adjusted") == {("sessions", "it hangs on no row of the CSV"): 1}
    with engine.connect() as connection:
        made = connection.execute(
            text("SELECT external_session_id, legacy_id, start_time_raw FROM session_imports")
        ).one()
    assert tuple(made) == (f"livedash-{session}", f"session {session}", "01.05.2025 10:00:00")
    before = everything(engine)
    import_livedash(engine, old.url)
    assert everything(engine) == before


def test_a_row_that_the_old_system_has_made_no_session_of_waits_for_ours(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    for name, url in (("a", "https://chats.example.com/a.txt"), ("b", None)):
        old.add(
            "SessionImport", companyId=company, externalSessionId=name, startTimeRaw="1.5.2025 10:00",
            endTimeRaw="1.5.2025 10:01", fullTranscriptUrl=url,
        )  # fmt: skip
    import_livedash(engine, old.url)
    stages = stages_of(engine)
    assert stages["TRANSCRIPT_FETCH"] == {"PENDING": 1, "SKIPPED": 1}
    assert stages["SESSION_CREATION"] == {"PENDING": 2}


def test_what_was_erased_here_does_not_come_back(engine: Engine, old: OldSystem) -> None:
    old.chat(old.company(), stages=DONE, analysis=ANALYSIS)
    import_livedash(engine, old.url)
    with engine.begin() as connection:
        for statement in (
            "UPDATE session_imports SET erased_at = now()", "DELETE FROM messages", "DELETE FROM session_processing_status",
            "DELETE FROM sessions",
        ):  # fmt: skip
            connection.execute(text(statement))
    before = everything(engine)
    document = import_livedash(engine, old.url)
    assert everything(engine) == before
    assert document["ok"], document["agree"]
    assert reasons(document, "skipped")["sessions", "its texts were deleted here on request"] == 1


def test_questions_are_made_per_company_and_those_that_nobody_asks_are_left(engine: Engine, old: OldSystem) -> None:
    for name in ("Acme", "Beta"):
        old.chat(old.company(name), stages=DONE, analysis=ANALYSIS, questions=("Why?", "How?"))
    old.add("Question", content="Nobody's?")
    document = import_livedash(engine, old.url)
    assert document["tables"]["questions"] == {"read": 3, "written": 4, "updated": 0, "unchanged": 0, "skipped": 1}
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT company_id, count(*) FROM questions GROUP BY 1")).all()
    assert [count for _, count in counted] == [2, 2]


def test_small_chunks_come_to_the_same(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    for number in range(5):
        old.chat(company, number, stages=DONE, analysis=ANALYSIS, questions=("Why?", f"{number}?"))
    tried = import_livedash(engine, old.url, dry_run=True, size=ChunkSize(chats=2))
    alone = import_livedash(engine, old.url, dry_run=True, size=ChunkSize(characters=1))
    assert tried == alone == import_livedash(engine, old.url) | {"dryRun": True}


@pytest.mark.parametrize("table", ["Company", "SessionImport", "Session", "Message"])
def test_a_source_that_lacks_a_table_is_refused_by_its_name(engine: Engine, old: OldSystem, table: str) -> None:
    old.run(f'DROP TABLE "{table}" CASCADE')
    with pytest.raises(UsageError, match=f"is not a LiveDash database: table {table} is missing"):
        import_livedash(engine, old.url)


def test_a_source_that_lacks_a_column_or_a_schema_is_refused(engine: Engine, old: OldSystem) -> None:
    with pytest.raises(UsageError, match="table Company is missing"):
        import_livedash(engine, f"{old.url}&schema=elsewhere")
    old.run('ALTER TABLE "Message" DROP COLUMN role')
    with pytest.raises(UsageError, match="column role of table Message is missing"):
        import_livedash(engine, f"{old.url}&schema=public&connection_limit=5")


def test_our_own_database_is_refused_as_a_source(engine: Engine, database_url: str) -> None:
    with pytest.raises(UsageError, match="is this pipeline's own database"):
        import_livedash(engine, database_url)


def test_two_runs_at_once_are_refused(engine: Engine, old: OldSystem) -> None:
    with takeover_lock(engine), pytest.raises(LivedashError, match="Another import-livedash is running"):
        import_livedash(engine, old.url)


def test_a_source_that_cannot_be_reached_is_one_sentence_without_the_password(engine: Engine) -> None:
    with pytest.raises(DatabaseNotReadyError) as caught:
        import_livedash(engine, "postgresql://reader:hunter2@127.0.0.1:1/old")
    assert "127.0.0.1:1/old cannot be reached" in caught.value.message
    assert caught.value.message.endswith("Connection refused."), "the cause, and no question of the driver's"
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    "url",
    [
        "mysql://reader:hunter2@host/old",
        "postgresql://reader:hunter2/x@host/old",
        "postgresql://reader:2#hunter2@host/old",
        "postgresql://reader:2?hunter2@host/old",
        "postgresql://reader:hunter2@host:port/old",
        "postgresql://reader:hunter2@127.0.0.1:1/old?hunter2=1",
        "hunter2",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_and_not_repeated(engine: Engine, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        import_livedash(engine, url)
    assert "hunter2" not in str(caught.value)


def test_an_import_of_a_company_that_is_running_is_not_disturbed(engine: Engine, old: OldSystem) -> None:
    company = old.company()
    old.chat(company)
    import_livedash(engine, old.url)
    with engine.connect() as connection:
        connection.execute(
            text("SELECT pg_advisory_lock(hashtextextended('livedash import ' || id::text, 0)) FROM companies")
        )
        with pytest.raises(LivedashError, match=r"An import of acme-bv is running"):
            import_livedash(engine, old.url)
        connection.execute(text("SELECT pg_advisory_unlock_all()"))


def test_a_source_that_breaks_off_leaves_nothing_of_the_company(engine: Engine, old: OldSystem) -> None:
    old.chat(old.company("Alpha"), 1)
    beta = old.company("Beta")
    for number in (2, 3):
        old.chat(beta, number)
    old.run('ALTER TABLE "Message" RENAME TO hidden')
    broken = "1 / (CASE WHEN content = 'question 3' THEN 0 ELSE 1 END)"
    old.run(f'CREATE VIEW "Message" AS SELECT *, {broken} AS broken FROM hidden')
    with pytest.raises(LivedashError, match="refused a look at its rows"):
        import_livedash(engine, old.url, size=ChunkSize(chats=1))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT slug FROM companies")).scalars().all() == ["alpha"]
    assert stages_of(engine)["CSV_IMPORT"] == {"COMPLETED": 1}
