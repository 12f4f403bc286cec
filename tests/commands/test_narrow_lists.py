"""Lists fit a terminal of 80 characters: with chosen columns, or with all that --wide shows elsewhere."""

from __future__ import annotations

import io
from collections.abc import Sequence

import click
import pytest
from click.testing import CliRunner
from rich.console import Console
from sqlalchemy import Engine

from livedash_pipeline.commands.shell.command import Answer, command, wide_option
from livedash_pipeline.commands.shell.output import draw_list
from tests.commands.conftest import Run, document_of
from tests.commands.test_command_line import COMMANDS

ID = "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"
LISTS = (
    "batches",
    "requests",
    "request",
    "failed",
    "session",
    "rejects",
    "company list",
    "token list",
    "archive list",
    "audit",
    "chat-batch list",
)


def _drawn(header: Sequence[str], rows: Sequence[Sequence[object]], *, wide: bool, width: int = 80) -> list[str]:
    written = io.StringIO()

    @command("things", example="livedash things")
    @wide_option()
    def things() -> Answer:
        console = Console(file=written, width=width, highlight=False, markup=False)
        return Answer(
            {"ok": True}, lambda _: draw_list(console, header, rows, chosen=("id", "company", "status"), empty="none")
        )

    result = CliRunner().invoke(things, ["--wide"] if wide else [])
    assert result.exit_code == 0, result.output
    return written.getvalue().splitlines()


def test_a_list_has_its_chosen_columns_and_all_of_them_with_wide() -> None:
    header = ("id", "company", "model", "status", "error")
    rows = [(ID, "noorderlicht-retail", "gpt-5-mini", "in_progress", "x" * 300)] * 2
    narrow = _drawn(header, rows, wide=False)
    assert narrow[0].split() == ["id", "company", "status"]
    assert len(narrow) == 4, "a line each"
    assert max(map(len, narrow)) <= 80
    wide = _drawn(header, rows, wide=True, width=1000)
    assert wide[0].split() == ["id", "company", "model", "status", "error"]
    assert all("x" * 300 in line for line in wide[2:])


def test_an_id_is_never_broken_however_narrow_the_terminal() -> None:
    narrow = _drawn(
        ("id", "company", "status"), [(ID, "a-company-with-a-long-slug", "in_progress")], wide=False, width=60
    )
    assert any(ID in line for line in narrow)


@pytest.mark.parametrize("name", LISTS)
def test_every_list_takes_wide(name: str) -> None:
    found: click.Command = COMMANDS[tuple(name.split())]
    assert any("--wide" in parameter.opts for parameter in found.params)


def test_every_command_that_takes_wide_is_known() -> None:
    taking = {
        " ".join(path)
        for path, found in COMMANDS.items()
        if any("--wide" in parameter.opts for parameter in found.params)
    }
    assert taking == {*LISTS}


def test_wide_changes_no_document(livedash: Run, engine: Engine) -> None:
    for name in ("batches", "failed", "rejects", "company list", "token list", "audit", "chat-batch list"):
        assert document_of(livedash(*name.split(), "--json")) == document_of(
            livedash(*name.split(), "--wide", "--json")
        )
