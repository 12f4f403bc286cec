"""Imports point one way, and the heavy frameworks stay where they belong."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "livedash_pipeline"

# A layer may import from itself and from those named; top-level modules come last.
ALLOWED = {
    "core": set(),
    "db": {"core"},
    "openai_batch": {"core"},
    "sources": {"core"},
    "flow": {"core", "db", "openai_batch", "sources"},
    "defs": {"core", "db", "openai_batch", "sources", "flow"},
    "api": {"core", "db", "openai_batch", "sources", "flow"},
    "local": {"core", "db", "openai_batch", "sources", "flow", "defs", "api"},
    "commands": {"core", "db", "openai_batch", "sources", "flow", "defs", "api", "local"},
}
# Anybody above the core may use these; they import nothing of the layers.
COMMON = {"errors", "settings", "logs", "paths", "scratch", "storage"}
# Which values a setting may have can be a rule of the core's.
COMMON_MAY_USE_CORE = {"settings"}
TOP = {"cli", "definitions", "launch"}
FRAMEWORKS = {
    "dagster": {"defs", "definitions"},
    "openai": {"openai_batch"},
    "fastapi": {"api", "local"},
    "click": {"commands", "cli", "local"},
}
# iso639 and idna are tables of data.
CORE_MAY_IMPORT = {"pydantic", "livedash_pipeline", "iso639", "idna"}
CORE_MAY_NOT_IMPORT = {"os", "time", "socket", "subprocess", "urllib.request", "tempfile", "shutil", "random"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def _layer(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] != "__init__" else ""


def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.append(node.module or "")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_the_layers_below(path: Path) -> None:
    layer = _layer(path)
    for name in _imports(path):
        if not name.startswith("livedash_pipeline."):
            continue
        target = name.split(".")[1]
        if layer in TOP or target == layer:
            continue
        if layer in COMMON or layer == "":
            core = {"core"} if layer in COMMON_MAY_USE_CORE else set()
            assert target in COMMON | core, f"{path} imports {name}"
        elif layer == "core":
            pytest.fail(f"{path} imports {name}")
        else:
            assert target in ALLOWED[layer] | COMMON, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_frameworks_stay_in_their_layers(path: Path) -> None:
    for name in _imports(path):
        homes = FRAMEWORKS.get(name.split(".")[0])
        assert homes is None or _layer(path) in homes, f"{path} imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=lambda path: path.name)
def test_the_core_is_pure(path: Path) -> None:
    import sys

    for name in _imports(path):
        root = name.split(".")[0]
        assert root in CORE_MAY_IMPORT or root in sys.stdlib_module_names, f"{path} imports {name}"
        assert name not in CORE_MAY_NOT_IMPORT, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"


@pytest.mark.parametrize("path", sorted((ROOT / "sql" / "statements").glob("*.sql")), ids=lambda path: path.name)
def test_statements_take_their_time_as_a_parameter(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    for clock in ("now()", "current_timestamp", "clock_timestamp", "statement_timestamp", "current_date"):
        assert clock not in text, f"{path} reads the clock"


@pytest.mark.parametrize("path", sorted((ROOT / "sql" / "statements").glob("*.sql")), ids=lambda path: path.name)
def test_every_statement_is_used(path: Path) -> None:
    used = any(f'"{path.stem}"' in module.read_text(encoding="utf-8") for module in MODULES)
    assert used, f"{path} is loaded by nothing"
