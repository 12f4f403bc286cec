"""What a shell completes, asked as bash, zsh and fish ask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import Stage
from tests.commands.conftest import NO_DAGSTER, Run
from tests.support.rows import insert_company

UNREACHABLE = "postgresql://nobody@127.0.0.1:9/none"


def _completed(run: Run, *words: str, **env: str) -> list[str]:
    """The words that bash is offered for the last one; in this process the program is called `cli`."""
    asked = {"COMP_WORDS": " ".join(("cli", *words)), "COMP_CWORD": str(len(words))}
    result = run(_CLI_COMPLETE="bash_complete", **asked, **env)
    assert result.stderr == ""
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


def test_words_of_closed_sets_are_completed_in_either_case(run: Run) -> None:
    assert _completed(run, "failed", "--stage", "") == [stage.lower() for stage in Stage]
    assert _completed(run, "retry", "--stage", "AI") == ["ai_analysis"]
    assert _completed(run, "requests", "--status", "processing_f") == ["processing_failed"]
    assert _completed(run, "batches", "--status", "c") == ["completed", "cancelled"]
    assert _completed(run, "chat-batch", "list", "--status", "completed_") == ["completed_with_failures"]
    assert set(_completed(run, "requests", "--outcome", "")) == {*Outcome}
    assert "truncated" in _completed(run, "requeue", "--error-code", "t")
    assert "parsed" not in _completed(run, "requeue", "--error-code", "p")
    assert _completed(run, "audit", "--outcome", "re") == ["refused"]
    assert "bad_start_time" in _completed(run, "rejects", "--reason", "bad")
    assert "metrics:read" in _completed(run, "token", "create", "--scope", "m")


def test_companies_are_completed_from_the_database(livedash: Run, engine: Engine) -> None:
    with engine.begin() as connection:
        insert_company(connection, "acme")
        insert_company(connection, "zenith")
    assert _completed(livedash, "batches", "--company", "") == ["acme", "zenith"]
    assert _completed(livedash, "company", "show", "Z") == ["zenith"]
    assert _completed(livedash, "company", "add", "") == [], "a new one"


def test_without_a_database_nothing_is_completed_and_nothing_is_started(run: Run, tmp_path: Path) -> None:
    assert _completed(run, "batches", "--company", "") == []
    assert not (tmp_path / "home").exists()
    unreachable = {"DATABASE_URL": UNREACHABLE, "LIVEDASH_DAGSTER_URL": NO_DAGSTER}
    assert _completed(run, "batches", "--company", "", **unreachable) == []
    assert _completed(run, "batch", "", **unreachable) == []
    assert _completed(run, "chat-batch", "show", "", **unreachable) == []
    assert _completed(run, "batches", "--company", "", LIVEDASH_LEASE="soon") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(process_env: dict[str, str], shell: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "livedash_pipeline.launch"],
        env=process_env | {"_LIVEDASH_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "_LIVEDASH_COMPLETE" in done.stdout
