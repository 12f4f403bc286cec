"""`livedash import-livedash`: what people are told, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.commands.conftest import Run, document_of
from tests.takeover.steps.old_system import ANALYSIS, DONE, OldSystem, old_system


@pytest.fixture
def old(empty_database_url: str) -> Iterator[OldSystem]:
    """An existing LiveDash database with one analysed chat."""
    with old_system(empty_database_url) as system:
        company = system.company(csvUsername="reader", csvPassword="hunter2")
        system.chat(
            company,
            stages=DONE,
            analysis=ANALYSIS,
            questions=("Why?", " "),
            imported={"fullTranscriptUrl": "https://files.example.com:8443/1.txt"},
        )
        batch = system.add("AIBatchRequest", companyId=company, openaiBatchId="batch_1", inputFileId="f")
        system.waiting_request(system.chat(company, 1), batch)
        system.add("User", email="a@b", password="hunter3", companyId=company)
        yield system


def test_people_are_told_what_came_and_what_is_left_to_do(livedash: Run, old: OldSystem) -> None:
    tried = livedash("import-livedash", "--from", old.url, "--dry-run")
    assert tried.exit_code == 0, tried.stderr
    assert "this was a dry run" in tried.stdout
    done = livedash("import-livedash", LIVEDASH_SOURCE_URL=old.url)
    assert done.exit_code == 0, done.stderr
    assert "LIVEDASH_ACME_BV_CSV_USERNAME" in done.stdout
    assert "batch_1 of acme-bv is pending (1 request): let it finish there" in done.stdout
    assert "livedash company set acme-bv --transcript-host files.example.com:8443" in done.stdout
    assert "skipped: 1 of sessionQuestions: it is blank" in done.stdout
    assert "hunter" not in done.stdout + done.stderr
    assert document_of(livedash("status", "--json"))["stages"]["ai_analysis"]["completed"] == 1


def test_the_document_has_all_its_keys(livedash: Run, old: OldSystem) -> None:
    document = document_of(livedash("import-livedash", "--from", old.url, "--json"))
    assert list(document) == [
        "ok", "dryRun", "companies", "tables", "skipped", "skippedReasons", "adjusted", "adjustedReasons", "openBatches",
        "environmentVariables", "transcriptHosts", "notTakenOver", "agree",
    ]  # fmt: skip
    assert document["notTakenOver"] == {"users": 1, "platformUsers": 0, "auditLog": 0}
    assert all(
        set(row) == {"read", "written", "updated", "unchanged", "skipped"} for row in document["tables"].values()
    )
    assert {"what": "sessions", "source": 2, "target": 2, "agrees": True} in document["agree"]
    assert {"what": "ai_analysis completed (new sessions)", "source": 1, "target": 1, "agrees": True} in document[
        "agree"
    ]


def test_without_an_address_or_a_database_nothing_is_done(refused: Run) -> None:
    unnamed = refused("import-livedash")
    assert unnamed.exit_code == 2
    assert "LIVEDASH_SOURCE_URL is empty" in unnamed.stderr
    gone = refused("import-livedash", "--from", "postgresql://reader:hunter2@127.0.0.1:1/old", "--json")
    assert gone.exit_code == 2
    assert document_of(gone)["error"]["code"] == "source_unreachable"
    assert "hunter2" not in gone.stdout + gone.stderr
