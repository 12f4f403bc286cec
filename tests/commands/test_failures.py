"""How failures end: the exit status, and one sentence on stderr or one document on stdout."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import click
import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.commands.shell.command import GlobalOptions
from livedash_pipeline.commands.shell.guard import exit_status
from livedash_pipeline.errors import DatabaseNotReadyError, LivedashError, SettingsError
from tests.commands.conftest import Run, document_of


def _raising(error: BaseException) -> Callable[[], object]:
    def call() -> object:
        raise error

    return call


EXITS = [
    (LivedashError("It broke.", remedy="Mend it."), 1, "failed"),
    (SettingsError("X is not valid."), 2, "bad_setting"),
    (DatabaseNotReadyError("The database is away."), 2, "database_not_ready"),
    (click.UsageError("No such option."), 2, "usage"),
    (click.Abort(), 130, "interrupted"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (ZeroDivisionError("the secret is 7"), 1, "unexpected"),
]


@pytest.mark.parametrize(("error", "status", "code"), EXITS, ids=lambda value: str(value) if value else None)
def test_each_failure_has_its_status_and_its_document(
    error: BaseException, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(_raising(error), ["summary", "--json"], GlobalOptions()) == status
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["ok"] is False
    assert document["error"].keys() == {"code", "message", "remedy"}
    assert document["error"]["code"] == code


def test_without_json_a_failure_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(_raising(EXITS[0][0]), ["summary"], GlobalOptions()) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: It broke. Mend it.\n"


def test_an_unforeseen_failure_names_its_type_but_neither_its_text_nor_its_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exit_status(_raising(ZeroDivisionError("the secret is 7")), [], GlobalOptions())
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "--debug" in shown
    assert "secret" not in shown
    assert "Traceback" not in shown


def test_what_an_interrupt_leads_to_is_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted_in_a_statement() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise RuntimeError("cannot roll back while a statement runs")

    assert exit_status(interrupted_in_a_statement, ["status"], GlobalOptions()) == 130
    assert capsys.readouterr().err.startswith("error: Interrupted.")


def _terminated(engine: Engine) -> None:
    """A statement on a connection whose server process has been ended from outside."""
    with engine.connect() as connection, engine.connect() as other:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        connection.execute(text("SELECT 1"))


def _refused_by_a_constraint(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO companies (slug) VALUES ('acme')"))


def test_a_database_that_goes_away_meanwhile_ends_with_2_and_says_so(
    engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(lambda: _terminated(engine), ["poll", "--json"], GlobalOptions()) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "database_not_ready"
    # A database that answers with an error is there.
    assert exit_status(lambda: _refused_by_a_constraint(engine), ["poll", "--json"], GlobalOptions()) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "unexpected"


def test_debug_shows_where_a_failure_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    exit_status(_raising(ZeroDivisionError("7")), [], GlobalOptions(debug=True))
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_failure_to_talk_about(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    from click.testing import CliRunner

    from livedash_pipeline.cli import cli

    with CliRunner().isolation() as (_, errors, _):
        monkeypatch.setattr("sys.stdout", Gone())
        with pytest.raises(SystemExit) as ended:
            cli.main(["--help"])
        assert ended.value.code == 1
        assert errors.getvalue() == b""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "nonsense"),
        (["summary", "--nonsense"], "--nonsense"),
        (["requests"], "--status"),
        (["requests", "--status", "lost"], "'lost'"),
        (["requests", "--status", "processing_failed", "--limit", "0"], "limit is 0"),
        (["requests", "--status", "processing_failed", "--cursor", "x"], "'x'"),
        (["batches", "--limit", "1001"], "1001"),
        (["batches", "--cursor", "x"], "'x'"),
        (["requeue", "--older-than", "nan"], "--older-than"),
        (["requeue", "x", "--company", "acme"], "not both"),
        (["summary", "--company", "nobody"], "'nobody'"),
        (["status", "--company", "nobody"], "'nobody'"),
        (["batches", "--company", "nobody"], "'nobody'"),
        (["import", "--company", "nobody"], "'nobody'"),
        # A variable of the shell that is not set must not mean everybody.
        (["retry", "--stage", "ai_analysis", "--company", "", "--no-dry-run"], "no company ''"),
        (["requeue", "--company", "", "--no-dry-run"], "no company ''"),
        (["submit", "--company", "", "--dry-run"], "no company ''"),
        (["submit", "--company", "nobody"], "'nobody'"),
        (["submit", "--company", "nobody", "--dry-run"], "'nobody'"),
        (["ingest", "--company", "nobody"], "'nobody'"),
        (["poll"], "OPENAI_API_KEY"),
        (["summary", "--company", "a\udcff"], "UTF-8"),
        (["-v", "-q", "summary"], "exclude"),
        (["db", "start"], "DATABASE_URL"),
    ],
)
def test_a_wrong_argument_ends_with_2_and_says_which(refused: Run, arguments: list[str], words: str) -> None:
    result = refused(*arguments)
    assert result.exit_code == 2, result.stderr
    assert result.stdout == ""
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    again = refused(*arguments, "--json")
    assert again.exit_code == 2
    assert document_of(again)["ok"] is False
    assert words in document_of(again)["error"]["message"] + document_of(again)["error"]["remedy"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIVEDASH_LEASE", "soon"),
        ("LIVEDASH_MIN_BATCH", "0"),
        ("OPENAI_BASE_URL", "ftp://x"),
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "postgresql://host:port/y"),
        ("LIVEDASH_DAGSTER_URL", "postgresql://x/y"),
        ("LIVEDASH_DAGSTER_URL", "postgresql+psycopg2://host:port/y"),
        ("LIVEDASH_LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_setting_ends_with_2_and_is_named(refused: Run, variable: str, value: str) -> None:
    result = refused("summary", "--json", **{variable: value})
    assert result.exit_code == 2, result.stdout
    assert variable in document_of(result)["error"]["message"]


def test_a_database_that_is_away_ends_with_2_and_names_the_setting(refused: Run) -> None:
    result = refused("summary", DATABASE_URL="postgresql://user:hush@127.0.0.1:9/none")
    assert result.exit_code == 2
    assert "DATABASE_URL" in result.stderr
    assert "hush" not in result.stderr


def test_a_database_without_its_schema_ends_with_2_until_it_is_upgraded(refused: Run, empty_database_url: str) -> None:
    result = refused("summary", DATABASE_URL=empty_database_url)
    assert result.exit_code == 2
    assert "livedash db upgrade" in result.stderr
    upgraded = refused("db", "upgrade", "--json", DATABASE_URL=empty_database_url)
    assert upgraded.exit_code == 0, upgraded.stderr
    assert document_of(upgraded)["revisionBefore"] is None
    assert refused("summary", DATABASE_URL=empty_database_url).exit_code == 0


def test_a_second_database_url_is_asked_for(refused: Run) -> None:
    result = refused("summary", LIVEDASH_DAGSTER_URL="")
    assert result.exit_code == 2
    assert "LIVEDASH_DAGSTER_URL" in result.stderr
