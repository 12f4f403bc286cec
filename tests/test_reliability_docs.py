"""`docs/reliability.md` names only tests and functions that exist, and no promise without a test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
# Rows of the tables of promises; other tables say what is concluded from what.
TABLES = re.findall(r"^\| Promise \| Kept by \| Shown by \|\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)
PROMISES = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", "".join(TABLES), flags=re.MULTILINE)


def _defined(folder: Path) -> set[str]:
    """Names of all functions, classes and top-level constants in the modules below a folder."""
    names = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
        for statement in tree.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                names.add(statement.target.id)
    return names


@pytest.fixture(scope="module")
def tests() -> set[str]:
    return _defined(ROOT / "tests")


@pytest.fixture(scope="module")
def functions() -> set[str]:
    statements = {path.stem for path in (ROOT / "sql/statements").rglob("*.sql")}
    return statements | _defined(ROOT / "livedash_pipeline")


def test_there_are_promises() -> None:
    assert len(PROMISES) >= 25
    assert len(TABLES) == PAGE.count("| Promise | Kept by |")
    assert len(PROMISES) == sum(table.count("\n") for table in TABLES), "every row is read"


@pytest.mark.parametrize("promise", PROMISES, ids=lambda row: row[0][:50])
def test_every_promise_names_tests_that_exist(promise: tuple[str, str, str], tests: set[str]) -> None:
    named = re.findall(r"`(test_\w+)`", promise[2])
    assert named
    assert [name for name in named if name not in tests] == []


# Words in backticks that are no function: columns, jobs, outcomes, words of SQL.
_OTHER_WORDS = {"create_started_at", "artifact_unavailable", "requeue"}


@pytest.mark.parametrize("promise", PROMISES, ids=lambda row: row[0][:50])
def test_what_keeps_a_promise_exists(promise: tuple[str, str, str], functions: set[str]) -> None:
    named = set(re.findall(r"`([A-Za-z]\w*)`", promise[1])) - _OTHER_WORDS
    assert {name for name in named if name not in functions and name != "UPDATE"} == set()
