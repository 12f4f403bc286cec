"""A machine that refuses a write ends a command with one sentence and never holds it up: real processes, real refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from tests.commands.conftest import Run, document_of
from tests.machine_limits import closed_streams, few_open_files, full_device, no_large_files, run_limited, unwritable
from tests.support.csv_rows import csv_line

LIVEDASH = [sys.executable, "-m", "livedash_pipeline.cli"]
_ROW = csv_line("chat-{}", "2025-05-01 10:00:00", "2025-05-01 10:05:00")


def _errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


def test_an_import_onto_a_full_disk_ends_with_a_sentence_and_goes_on_later(
    process_env: dict[str, str], engine: Engine, company: Company, tmp_path: Path
) -> None:
    csv = tmp_path / "chats.csv"
    csv.write_text("".join(_ROW.format(number) for number in range(5000)), encoding="utf-8")
    with engine.begin() as connection:
        update_company(connection, company.slug, CompanyChanges(csv_url=str(csv)), now=database_now(connection))
    line = [*LIVEDASH, "import", "--company", "acme"]
    process_env["LIVEDASH_MAX_REJECT_RATIO"] = "1"
    full = run_limited(line, environ=process_env, directory=tmp_path, limit=no_large_files(100_000))
    assert full.returncode == 1, full.stderr
    (said,) = _errors(full)
    assert "could not be written" in said
    assert "limit for files" in said
    assert "TMPDIR" in said
    assert "Traceback" not in full.stderr
    again = run_limited([*line, "--json"], environ=process_env, directory=tmp_path)
    assert json.loads(again.stdout or "{}")["rows"] == 5000, again.stderr
    with engine.connect() as connection:
        runs = connection.execute(text("SELECT status, error_code FROM import_runs ORDER BY id")).all()
    assert [tuple(run) for run in runs] == [("FAILED", "storage_failed"), ("COMPLETED", None)]


def test_a_full_stdout_ends_a_command_with_a_sentence(process_env: dict[str, str], tmp_path: Path) -> None:
    for arguments, what in (
        (["summary"], "The answer"),
        (["summary", "--json"], "The answer"),
        (["export"], "The export"),
        (["nonsense", "--json"], "There is no"),
    ):
        full = full_device()
        try:
            done = run_limited([*LIVEDASH, *arguments], environ=process_env, directory=tmp_path, stdout=full)
        finally:
            os.close(full)
        if arguments[0] == "nonsense":
            assert done.returncode == 2, done.stderr
            assert len(_errors(done)) == 1
            continue
        assert done.returncode == 1, (arguments, done.stderr)
        assert done.stderr.splitlines() == [
            f"error: {what} could not be written to stdout: no space is left there. "
            "Free some space there, or name another place."
        ]


def test_a_closed_stdout_or_stderr_keeps_the_status_and_the_sentence(
    process_env: dict[str, str], quiet_database_url: str, tmp_path: Path
) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    there = {"DATABASE_URL": quiet_database_url}
    for arguments, environ, closed, status, said in (
        (["nosuch"], nowhere, [1], 2, "nosuch"),
        (["nosuch", "--json"], nowhere, [1], 2, "nosuch"),
        (["company", "list"], nowhere, [1], 2, "DATABASE_URL"),
        (["company", "list"], nowhere, [0, 1], 2, "DATABASE_URL"),
        (["company", "list"], there, [1], 1, "could not be written to stdout: it is not open for writing"),
        (["export"], there, [1], 1, "could not be written to stdout: it is not open for writing"),
        (["nosuch"], nowhere, [2], 2, ""),
        (["--debug", "company", "list"], nowhere, [2], 2, ""),
        (["company", "list"], there, [2], 0, ""),
        (["company", "list"], nowhere, [0, 1, 2], 2, ""),
    ):
        done = run_limited(
            [*LIVEDASH, *arguments], environ=process_env | environ, directory=tmp_path, limit=closed_streams(*closed)
        )
        case = (arguments, closed, done.stderr)
        assert done.returncode == status, case
        assert "Traceback" not in done.stderr, case
        assert (len(_errors(done)), said in done.stderr) == (1 if said else 0, True), case


def test_too_few_open_files_are_named(process_env: dict[str, str], tmp_path: Path) -> None:
    script = (
        "import sys, os\n"
        "from livedash_pipeline.cli import main\n"
        "import livedash_pipeline.commands.reports, livedash_pipeline.runtime.environment, psycopg, sqlalchemy\n"
        "import sqlalchemy.dialects.postgresql.psycopg\n"
        "held = []\n"
        "try:\n"
        "    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError: os.close(held.pop())\n"
        "sys.argv = ['livedash', 'summary', '--json']\n"
        "main()\n"
    )
    done = run_limited([sys.executable, "-c", script], environ=process_env, directory=tmp_path, limit=few_open_files())
    assert done.returncode == 1, done.stderr
    error = json.loads(done.stdout)["error"]
    assert "too many files open" in error["message"], error
    assert "ulimit -n" in error["remedy"]


def test_a_home_that_cannot_be_written_to_is_a_wrong_setting(
    run: Run, tmp_path: Path, quiet_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster = "postgresql+psycopg2://nobody@127.0.0.1:9/dagster"
    for words, place in unwritable(tmp_path).items():
        for variables in (
            {"LIVEDASH_HOME": str(place)},
            {"LIVEDASH_HOME": str(place), "DATABASE_URL": quiet_database_url, "LIVEDASH_DAGSTER_URL": dagster},
        ):
            ended = run("summary", "--json", **variables)
            error = document_of(ended)["error"]
            assert ended.exit_code == 2, error
            assert words in error["message"]
            assert str(place) in error["message"]
            assert "LIVEDASH_HOME" in error["remedy"]


def test_a_stand_in_whose_state_cannot_be_written_says_so(run: Run, tmp_path: Path) -> None:
    for words, place in unwritable(tmp_path).items():
        ended = run("batch-api", "--port", "0", "--state", str(place), "--json")
        error = document_of(ended)["error"]
        assert ended.exit_code == 2, error
        assert words in error["message"]
        assert "Another server" not in error["message"]
        assert "--state" in error["remedy"]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "state.sqlite3").mkdir()
    ended = run("batch-api", "--port", "0", "--state", str(damaged), "--json")
    assert (ended.exit_code, "Another server" in ended.stdout) == (2, False)
