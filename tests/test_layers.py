"""Imports point one way, and the heavy frameworks stay where they belong."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "livedash_pipeline"

# Rooms, in their order: each may import from itself and from those before it.
ROOMS = (
    "base",
    "access",
    "money",
    "ledger",
    "intake",
    "analysis",
    "chats",
    "retention",
    "archive",
    "overview",
    "submissions",
    "takeover",
)
# Within and between rooms: rules know no store, stores no step.
LAYERS = ("rules", "store", "steps")
# Beside the rooms: what each may import of the other packages. Adapters see the rules alone.
ADAPTERS = {"services", "sources"}
SURROUNDINGS = {"embedded_postgres", "runtime"}
ALLOWED = {
    "embedded_postgres": set(),
    "runtime": {"embedded_postgres", *ADAPTERS, *ROOMS},
    "defs": {*ROOMS, *ADAPTERS},
    "api": {*ROOMS, *ADAPTERS},
    "web": {*ROOMS, *ADAPTERS, "api"},
    "local": {*ROOMS, *ADAPTERS, *SURROUNDINGS, "defs", "api"},
    "commands": {*ROOMS, *ADAPTERS, *SURROUNDINGS, "defs", "api", "local"},
}
# Anybody above the rules may use these; they import nothing of the rooms.
COMMON = {
    "behind",
    "deadline",
    "errors",
    "garbage",
    "logs",
    "paths",
    "scratch",
    "settings",
    "sockets",
    "storage",
    "tls",
}
# Puts routes and pages together; pages use what the rest of `api` has.
COMPOSES = PACKAGE / "api" / "app.py"
# Names what is public, and loads it when it is asked for (`tests/test_surface.py`).
SURFACE = PACKAGE / "__init__.py"
# Which values a setting may have can be a rule.
COMMON_MAY_USE_RULES = {"settings"}
# The list of kinds is above the rooms that have one, and below the shells that hand it on.
TOP = {"cli", "component", "definitions", "launch", "kinds"}
LISTS = {"kinds"}
FRAMEWORKS = {
    "dagster": {"defs", "definitions", "component"},
    "openai": {"services"},
    "fastapi": {"api", "web", "local"},
    "jinja2": {"web"},
    "click": {"commands", "cli", "local"},
}
# A release of Dagster may change what an underscore marks; docs/decisions/public-dagster-api.md says why one module needs it.
# A test asks Dagster's queue to decide, which has no public name.
MAY_USE_PRIVATE_DAGSTER = {"livedash_pipeline/defs/webserver.py", "tests/defs/test_queue.py"}
# babel, iso639 and idna are tables of data; python_calamine and charset_normalizer turn bytes into values.
RULES_MAY_IMPORT = {"pydantic", "livedash_pipeline", "babel", "iso639", "idna", "python_calamine", "charset_normalizer"}
RULES_MAY_NOT_IMPORT = {"os", "time", "socket", "subprocess", "urllib.request", "tempfile", "shutil", "random"}
MOST_MODULES = 20

MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
RULES = [path for path in MODULES if "rules" in path.relative_to(PACKAGE).parts[:2]]
STATEMENTS = sorted((ROOT / "sql" / "statements").rglob("*.sql"))


def _layer(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] != "__init__" else ""


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(_source(path))


@cache
def _imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.append(node.module or "")
    return found


def _place(parts: tuple[str, ...]) -> tuple[str, str]:
    """Room or package, and layer of a module ("" outside the rooms)."""
    package = parts[0] if parts and parts[0] != "__init__" else ""
    layer = parts[1] if package in ROOMS and len(parts) > 1 and parts[1] in LAYERS else ""
    return package, layer


def _may_import(path: Path, name: str) -> bool:
    package, layer = _place(path.relative_to(PACKAGE).with_suffix("").parts)
    target, target_layer = _place(tuple(name.split(".")[1:]))
    if path == SURFACE or package in TOP or (target == package and package not in ROOMS):
        return True
    if path == COMPOSES and name == "livedash_pipeline.web":
        return True
    if package in COMMON or package == "":
        return target in COMMON or (package in COMMON_MAY_USE_RULES and target_layer == "rules")
    if package in ROOMS:
        return _room_may_import(package, layer, target, target_layer)
    if package in ADAPTERS:
        return target in COMMON or target_layer == "rules"
    return target in ALLOWED[package] | COMMON | LISTS


def _room_may_import(room: str, layer: str, target: str, target_layer: str) -> bool:
    if target in ROOMS:
        earlier = ROOMS.index(target) <= ROOMS.index(room)
        return earlier and LAYERS.index(target_layer) <= LAYERS.index(layer)
    if layer == "rules":
        return False
    return target in COMMON or (layer == "steps" and target in ADAPTERS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_rooms_and_layers_before_its_own(path: Path) -> None:
    for name in _imports(path):
        if name.startswith("livedash_pipeline."):
            assert _may_import(path, name), f"{path} imports {name}"


def test_a_room_imports_nothing_of_a_later_one() -> None:
    ledger, analysis = PACKAGE / "ledger/steps/batches/submit.py", PACKAGE / "analysis/rules/prompt.py"
    assert _may_import(analysis, "livedash_pipeline.ledger.rules.admission.limits")
    assert not _may_import(ledger, "livedash_pipeline.analysis.rules.prompt")
    assert not _may_import(analysis, "livedash_pipeline.ledger.store.batches.claims")


def test_no_folder_is_crowded() -> None:
    folders = {path.parent for path in MODULES}
    counts = {str(folder.relative_to(PACKAGE)): sum(1 for _ in folder.glob("[!_]*.py")) for folder in folders}
    assert {name: count for name, count in counts.items() if count > MOST_MODULES} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_frameworks_stay_in_their_layers(path: Path) -> None:
    for name in _imports(path):
        homes = FRAMEWORKS.get(name.split(".")[0])
        assert homes is None or _layer(path) in homes, f"{path} imports {name}"


def test_two_modules_alone_import_private_parts_of_dagster() -> None:
    private = re.compile(r"^ *(from|import) dagster\w*([.]\w+)*?([.]_| import _(?!_))", re.MULTILINE)
    users = {path for path in (*MODULES, *TESTS) if private.search(path.read_text(encoding="utf-8"))}
    assert {str(path.relative_to(ROOT)) for path in users} == MAY_USE_PRIVATE_DAGSTER
    assert all(
        map(private.match, ("import dagster._core", "from dagster_shared._x import y", "from dagster import _core"))
    )
    assert not any(map(private.match, ("import dagster as dg", "from dagster import __version__")))


def test_no_process_runs_a_private_module_of_dagster() -> None:
    for path in MODULES:
        words = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        ]
        assert not [word for word in words if isinstance(word, str) and word.startswith("dagster._")], path


@pytest.mark.parametrize("path", RULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rules_are_pure(path: Path) -> None:
    import sys

    for name in _imports(path):
        root = name.split(".")[0]
        assert root in RULES_MAY_IMPORT or root in sys.stdlib_module_names, f"{path} imports {name}"
        assert name not in RULES_MAY_NOT_IMPORT, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(_tree(path)), f"{path} has no docstring"


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.name)
def test_statements_take_their_time_as_a_parameter(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    for clock in ("now()", "current_timestamp", "clock_timestamp", "statement_timestamp", "current_date"):
        assert clock not in text, f"{path} reads the clock"


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.name)
def test_every_statement_is_used(path: Path) -> None:
    name = f"{path.parent.name}/{path.stem}"
    included = f"included.{path.parent.name}.{path.stem}"
    used = any(f'"{name}"' in _source(module) for module in MODULES) or any(
        re.search(rf"\b{re.escape(included)}\b", other.read_text(encoding="utf-8")) for other in STATEMENTS
    )
    assert used, f"{path} is loaded by nothing"
