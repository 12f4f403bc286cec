"""`livedash archive`: what each command answers, and what people are told."""

from __future__ import annotations

import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import session_imports
from tests.commands.conftest import Run, document_of
from tests.support.rows import CHAT, insert_company, insert_sessions

MONTH = ("--month", "2025-05")


@pytest.fixture
def company(engine: Engine) -> Company:
    """A company with two settled sessions and one that waits for its analysis."""
    with engine.begin() as connection:
        company = insert_company(connection)
        insert_sessions(connection, company, [CHAT, CHAT, CHAT])
        connection.execute(session_imports.update().values(external_session_id=text("'chat-' || id")))
        connection.execute(
            text(
                "INSERT INTO session_processing_status (import_id, stage, status)"
                " SELECT import_id, stage, 'SKIPPED'"
                " FROM (SELECT import_id FROM sessions ORDER BY import_id LIMIT 2) AS settled"
                " CROSS JOIN unnest(ARRAY['AI_ANALYSIS', 'QUESTION_EXTRACTION']) AS stage"
            )
        )
        return company


def words(engine: Engine) -> int:
    with engine.connect() as connection:
        count: int = connection.execute(text("SELECT count(content) FROM messages")).scalar_one()
        return count


def test_a_month_goes_to_files_and_comes_back(livedash: Run, engine: Engine, company: Company, tmp_path: Path) -> None:
    assert "Nothing was archived" in livedash("archive", "list").stdout
    counted = livedash("archive", "create", *MONTH)
    assert "acme: 1 session left: stage not done." in counted.stdout
    assert "--no-dry-run" in counted.stdout
    document = document_of(livedash("archive", "create", *MONTH, "--delete-texts", "--no-dry-run", "--json"))
    folder = tmp_path / "home/archive/acme/2025-05/part-0001"
    (row,) = document["companies"]
    assert (row["settled"], row["left"], row["parts"]) == (2, {"stage_not_done": 1}, [str(folder)])
    assert (row["deleted"]["sessions"], row["deleted"]["messages"], words(engine)) == (2, 4, 2)
    (part,) = document_of(livedash("archive", "list", *MONTH, "--company", "acme", "--json"))["parts"]
    assert (part["path"], part["sessions"], part["holdsErased"]) == (str(folder), 2, False)
    assert "as written" in livedash("archive", "verify").stdout
    back = livedash("archive", "restore", str(folder), "--no-dry-run")
    assert back.exit_code == 0 and words(engine) == 6
    again = document_of(livedash("archive", "restore", str(folder), "--json"))
    assert again["parts"][0]["left"] == {"present": 2}


def test_an_erasure_names_the_parts_and_they_are_rewritten(livedash: Run, engine: Engine, company: Company) -> None:
    livedash("archive", "create", *MONTH, "--no-dry-run")
    with engine.connect() as connection:
        name = connection.execute(text("SELECT external_session_id FROM session_imports ORDER BY id")).scalars().first()
    erased = livedash("prune", "--company", "acme", "--external-id", str(name), "--no-dry-run")
    assert "part-0001 holds 1 erased session" in erased.stdout
    assert "livedash archive erase --no-dry-run" in erased.stdout
    assert "--no-dry-run" in livedash("archive", "erase").stdout
    document = document_of(livedash("archive", "erase", "--no-dry-run", "--json"))
    assert [(part["erased"], Path(part["path"]).name) for part in document["parts"]] == [(1, "part-0001.2")]
    assert "No part holds" in livedash("archive", "erase", "--company", "acme").stdout
    assert "part-0001.2" in livedash("archive", "list", "--wide").stdout


def test_a_part_that_is_gone_is_told_of_and_ends_with_1(livedash: Run, company: Company, tmp_path: Path) -> None:
    livedash("archive", "create", *MONTH, "--to", "elsewhere", "--no-dry-run")
    (tmp_path / "elsewhere/acme/2025-05/part-0001/manifest.json").unlink()
    result = livedash("archive", "verify")
    assert result.exit_code == 1
    assert "manifest.json cannot be read: no such file or directory." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "--month", "2025-5"), "'2025-5' is no month"),
        (("create", "--month", "9000-01"), "is not over"),
        (("create", *MONTH, "--company", "nobody"), "'nobody'"),
        (("list", "--month", "may"), "'may' is no month"),
        (("restore",), "Name the folder of a part"),
        (("list", "--company", "nobody"), "'nobody'"),
    ],
)
def test_what_cannot_be_asked_for_ends_with_2(
    livedash: Run, company: Company, arguments: tuple[str, ...], said: str
) -> None:
    result = livedash("archive", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


class _WithoutPyarrow(MetaPathFinder):
    """Finds no pyarrow, as where the extra is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_a_missing_pyarrow_is_one_sentence_with_the_command(
    livedash: Run, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_WithoutPyarrow(), *sys.meta_path])
    result = livedash("archive", "create", *MONTH)
    assert result.exit_code == 2
    assert "pip install 'livedash-pipeline[archive]'" in result.stderr


def test_pyarrow_is_not_loaded_with_the_commands() -> None:
    code = (
        "import sys, click; from livedash_pipeline.cli import cli; context = click.Context(cli);"
        " [cli.get_command(context, name) for name in cli.list_commands(context)];"
        " import livedash_pipeline.archive.steps.create, livedash_pipeline.archive.steps.restore;"
        " print('pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
