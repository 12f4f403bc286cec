"""`livedash prune` and the options that say how long a company's texts are kept."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, select, text, update

from livedash_pipeline.access.store.tokens import AuditEntry, write_audit
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import messages, session_imports, session_processing_status
from livedash_pipeline.commands.pipeline import ForegroundRun
from livedash_pipeline.commands.prune import draw_prune, prune_run
from livedash_pipeline.retention.rules.retention import PruneRequest
from tests.commands.conftest import Run, document_of
from tests.support.rows import CHAT, insert_company, insert_sessions

LIVEDASH = str(Path(sys.executable).with_name("livedash"))
NOTHING = {"sessions": 0, "inFlight": 0, "notFound": 0, "archived": []}


@pytest.fixture
def company(engine: Engine) -> Company:
    """A company with two sessions that are done with their texts."""
    with engine.begin() as connection:
        company = insert_company(connection)
        insert_sessions(connection, company, [CHAT, CHAT])
        connection.execute(update(session_imports).values(external_session_id=text("'chat-' || id")))
        connection.execute(
            text(
                "INSERT INTO session_processing_status (import_id, stage, status)"
                " SELECT import_id, unnest(ARRAY['AI_ANALYSIS', 'QUESTION_EXTRACTION']), 'SKIPPED' FROM sessions"
            )
        )
        return company


def words(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(messages).where(messages.c.content.is_not(None))).all())


def test_how_long_texts_are_kept_is_set_and_listed(livedash: Run, company: Company) -> None:
    line = ("company", "set", "acme", "--keep-transcripts", "30", "--keep-messages", "90", "--keep-answers", "0")
    kept = document_of(livedash(*line, "--json"))["company"]
    assert (kept["keepTranscriptsDays"], kept["keepMessagesDays"], kept["keepAnswersDays"]) == (30, 90, 0)
    assert "transcripts 30, messages 90, answers 0" in livedash("company", "list", "--wide").stdout
    line = (
        "company",
        "set",
        "acme",
        "--keep-transcripts",
        "forever",
        "--keep-messages",
        "",
        "--keep-answers",
        "Forever",
    )
    kept = document_of(livedash(*line, "--json"))["company"]
    assert (kept["keepTranscriptsDays"], kept["keepMessagesDays"], kept["keepAnswersDays"]) == (None, None, None)
    assert "forever" in livedash("company", "list", "--wide").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("company", "set", "acme", "--keep-messages", "a month"), "'a month' is no number of days"),
        (("company", "set", "acme", "--keep-messages", "-1"), "forever"),
        (("prune", "--external-id", "a"), "--company"),
        (("prune", "--company", "nobody", "--external-id", "a"), "'nobody'"),
        (("prune", "--company", "acme", "--ip-address", ""), "empty"),
        (("prune", "--dagster-older-than", "6"), "6 days"),
        (("prune", "--session", "a", "--dagster-older-than", "30"), "one of the two"),
        (("prune", "--audit-older-than", "29"), "29 days"),
        (("prune", "--session", "a", "--audit-older-than", "30"), "one of the two"),
        (("prune", "--company", "nobody"), "'nobody'"),
    ],
)
def test_what_cannot_be_asked_for_ends_with_2(
    livedash: Run, company: Company, arguments: tuple[str, ...], words: str
) -> None:
    result = livedash(*arguments)
    assert result.exit_code == 2, result.stderr
    assert words in result.stderr


def test_sessions_are_erased_without_a_dagster_run_that_would_remember_them(
    livedash: Run, engine: Engine, company: Company
) -> None:
    with engine.connect() as connection:
        names = list(connection.execute(select(session_imports.c.external_session_id)).scalars())
    line = ("prune", "--company", "acme", "--external-id", names[0], "--external-id", "nobody")
    foreseen = livedash(*line)
    assert "1 session would be erased, 1 not found." in foreseen.stdout
    assert "--no-dry-run" in foreseen.stdout
    assert words(engine) == 4
    # The database of Dagster does not exist here.
    document = document_of(livedash(*line, "--no-dry-run", "--json"))
    assert document == {
        "ok": True,
        "dryRun": False,
        "companies": [{"company": "acme", "transcripts": 0, "messages": 2, "answers": 0, "rejects": 0}],
        "erased": {"sessions": 1, "inFlight": 0, "notFound": 1, "archived": []},
        "dagsterRuns": 0,
        "auditEntries": 0,
    }
    assert words(engine) == 2
    assert "No session is named so." in livedash("prune", "--session", "nobody").stdout


def test_options_become_a_job() -> None:
    assert prune_run(PruneRequest()) == ForegroundRun("prune", op_config={"dry_run": True})
    asked = PruneRequest(company="acme", dagster_older_than_days=30, dry_run=False)
    assert prune_run(asked).op_config == {"dry_run": False, "company": "acme", "dagster_older_than_days": 30}
    asked = PruneRequest(dagster_older_than_days=7, audit_older_than_days=365)
    ages = {"dagster_older_than_days": 7, "audit_older_than_days": 365}
    assert prune_run(asked).op_config == {"dry_run": True} | ages


def test_texts_are_deleted_by_age_in_a_dagster_run(
    engine: Engine, company: Company, database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE companies SET message_retention_days = 30"))
        connection.execute(update(session_processing_status).values(metadata={}))
        write_audit(connection, AuditEntry("read", "refused", "x"), now=datetime.now(UTC) - timedelta(days=31))
        write_audit(connection, AuditEntry("read", "refused", "x"), now=datetime.now(UTC) - timedelta(days=29))
    asked = ["--company", "acme", "--dagster-older-than", "7", "--audit-older-than", "30"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [LIVEDASH, "prune", *asked, "--no-dry-run", "--json"],
        env=kept
        | {
            "LIVEDASH_HOME": str(tmp_path / "home"),
            "DATABASE_URL": database_url,
            "LIVEDASH_DAGSTER_URL": empty_database_url.replace("postgresql+psycopg:", "postgresql+psycopg2:"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    counts = {"company": "acme", "transcripts": 0, "messages": 4, "answers": 0, "rejects": 0}
    expected = {"ok": True, "dryRun": False, "companies": [counts], "erased": NOTHING, "dagsterRuns": 0}
    assert list(json.loads(done.stdout).items()) == list((expected | {"auditEntries": 1}).items())
    assert words(engine) == 0


def _drawn(document: dict[str, Any], *, erased: bool = False) -> str:
    shown = io.StringIO()
    draw_prune(Console(file=shown, width=200, markup=False), document, erased=erased)
    return shown.getvalue()


def test_people_are_told_what_is_gone_and_what_still_goes() -> None:
    document: dict[str, Any] = {"dryRun": True, "companies": [], "erased": NOTHING, "dagsterRuns": 2, "auditEntries": 1}
    assert "Every company keeps everything" in _drawn(document)
    assert "2 records of Dagster's runs would be deleted." in _drawn(document)
    assert "1 audit entry would be deleted." in _drawn(document)
    assert "2 audit entries deleted." in _drawn(document | {"dryRun": False, "auditEntries": 2})
    assert "--no-dry-run" in _drawn(document)
    assert "--no-dry-run" not in _drawn(document | {"dryRun": False})
    flying = document | {"erased": {"sessions": 3, "inFlight": 1, "notFound": 0, "archived": []}}
    assert "1 request at the service: their answers will not be kept" in _drawn(flying, erased=True)
