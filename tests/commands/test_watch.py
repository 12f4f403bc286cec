"""Watching the pipeline: drawn again until nothing is unfinished, or until somebody interrupts it."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from livedash_pipeline.commands.shell.watch import redraw_until
from livedash_pipeline.overview.steps.pipeline_report import is_finished
from tests.commands.conftest import NO_DAGSTER, Run
from tests.support.imported import add_import, make_company
from tests.support.rows import CHAT, insert_company, insert_sessions


def _redraw(console: Console, *, rounds: int) -> list[float]:
    slept: list[float] = []
    drawn: list[int] = []

    def draw(where: Console) -> None:
        drawn.append(len(drawn) + 1)
        where.print(f"drawing {len(drawn)}")

    redraw_until(draw, lambda: len(drawn) == rounds, console=console, interval=2.5, sleep=slept.append)
    return slept


def test_it_is_drawn_until_it_is_over_with_pauses_between() -> None:
    shown = io.StringIO()
    assert _redraw(Console(file=shown, width=80), rounds=3) == [2.5, 2.5]
    assert shown.getvalue() == "drawing 1\n\ndrawing 2\n\ndrawing 3\n"


def test_a_terminal_is_cleared_before_each_drawing() -> None:
    shown = io.StringIO()
    _redraw(Console(file=shown, force_terminal=True, width=80), rounds=2)
    assert shown.getvalue().count("\x1b[2J") == 2


def test_watching_ends_at_once_where_nothing_is_unfinished(livedash: Run) -> None:
    result = livedash("status", "--watch")
    assert (result.exit_code, "No sessions yet" in result.stdout) == (0, True)


def test_an_interrupt_ends_watching_with_130(engine: Engine, database_url: str, tmp_path: Path) -> None:
    add_import(engine, make_company(engine), None)
    watching = subprocess.Popen(
        [str(Path(sys.executable).with_name("livedash")), "status", "--watch", "--interval", "0.1"],
        env={
            "LIVEDASH_HOME": str(tmp_path / "home"),
            "DATABASE_URL": database_url,
            "LIVEDASH_DAGSTER_URL": NO_DAGSTER,
        },
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "1 session\n"
    finally:
        watching.send_signal(signal.SIGINT)
        _, stderr = watching.communicate(timeout=600)
    assert watching.returncode == 130, stderr
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("status", "finished"), [("PENDING", False), ("IN_PROGRESS", False), ("FAILED", True), ("COMPLETED", True)]
)
def test_watching_goes_on_while_something_is_under_way_or_waits(engine: Engine, status: str, finished: bool) -> None:
    with engine.begin() as connection:
        insert_sessions(connection, insert_company(connection), [CHAT])
        connection.execute(text("DELETE FROM session_processing_status"))
        connection.execute(
            text("""
                INSERT INTO session_processing_status (import_id, stage, status)
                SELECT imports.id, stages.name, :status FROM session_imports AS imports CROSS JOIN processing_stages AS stages
            """),
            {"status": status},
        )
    assert is_finished(engine) is finished
    assert is_finished(engine, "acme") is finished
