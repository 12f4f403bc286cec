"""The glossary: every word once, in order, and every name that it gives stands in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs/glossary.md").read_text(encoding="utf-8"))[1:]


@pytest.fixture(scope="module")
def names() -> set[str]:
    found = set()
    for path in (*(ROOT / "livedash_pipeline").rglob("*.py"), ROOT / "tests/test_layers.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


def test_every_word_stands_once_and_in_order() -> None:
    words = [word for word, _, _ in ROWS]
    assert len(words) >= 30
    assert words == sorted(set(words), key=str.lower)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_name_is_in_the_code(row: tuple[str, str, str], names: set[str]) -> None:
    given = re.findall(r"`(\w+)`", row[2])
    assert given
    assert [name for name in given if name not in names] == []
