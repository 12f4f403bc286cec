"""The documentation names everything that exists, draws the states as they are, and points at nothing that is gone.

Add a test when the documents begin to promise something that can be looked up in the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import click
import dagster as dg
import pytest

from livedash_pipeline.base.rules.outcomes import SETTLEMENT_RULES, Outcome
from livedash_pipeline.base.rules.states import (
    CompanyStatus,
    Stage,
)
from livedash_pipeline.base.rules.urls import UrlProblem
from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.base.store.tables.views import VIEWS
from livedash_pipeline.cli import cli
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.intake.rules.csv_layout import CSV_COLUMNS
from livedash_pipeline.intake.rules.csv_rejects import RejectReason
from livedash_pipeline.settings import Settings, isolated_settings
from tests.column_pages import PAGE, tables_page
from tests.state_diagrams import with_diagrams

# Dagster warns of its own use of a parameter, whenever sensors meet the resources that their jobs are given.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `owners` of initializer `SensorDefinition")

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "livedash_pipeline"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
DATA_MODEL = (ROOT / "docs/data-model.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

_LARGEST_PICTURE = 300_000
# A path in backticks that begins like one of these is a promise that it exists, here or in the package.
_PATH_STARTS = (
    *(
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
    ),
    *("services", "sources", "defs", "api", "commands", "local", "runtime", "embedded_postgres", "core", "db", "flow"),
)


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _commands(found, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(_commands(cli, ("livedash",)))


def _definitions() -> dg.Definitions:
    return build_defs(isolated_settings({}), database_url=lambda: "never asked for")


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return _definitions().get_repository_def()


def _section(document: str, heading: str) -> str:
    """The text from a heading to the next one of the same or a higher level."""
    level = heading.split()[0]
    _, found, rest = document.partition(f"\n{heading}\n")
    assert found, f"there is no heading {heading!r}"
    return re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _rows(document: str) -> dict[str, list[str]]:
    """Rows of all tables by the name in backticks in their first cell."""
    lines = re.findall(r"^\| `([^`]+)` \| (.*) \|$", document, flags=re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in lines}


def _missing(names: Iterable[str], document: str) -> list[str]:
    return [name for name in names if f"`{name}`" not in document]


def _own_jobs(repository: dg.RepositoryDefinition) -> list[dg.JobDefinition]:
    return [job for job in repository.get_all_jobs() if not job.name.startswith("__")]


def _config_fields(job: dg.JobDefinition) -> Iterator[str]:
    """Names of the fields of all steps of a job that have a configuration."""
    for node in job.nodes:
        if not isinstance(node.definition, dg.OpDefinition):
            continue
        field: Any = node.definition.config_schema.as_field()
        yield from getattr(field.config_type if field else None, "fields", {})


# Commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section_with_an_example_and_its_options(name: str) -> None:
    section = _section(OPERATIONS, f"### `{name}`")
    assert re.search(rf"^[^#\n]*{re.escape(name)}", section, flags=re.MULTILINE), f"{name} has no example"
    options = [o for p in COMMANDS[name].params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)]
    assert [option for option in options if option != "--json" and option not in section] == []


def test_the_readme_gives_an_overview_of_all_commands() -> None:
    assert _missing(COMMANDS, README) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_mentions_a_command_that_does_not_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    codes = [*re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)), *blocks]
    mentioned = {match for code in codes for match in re.findall(r"\blivedash ((?:[a-z-]+ )?[a-z-]+)", f"{code}\n")}
    known = {name.removeprefix("livedash ") for name in COMMANDS}
    groups = {name.split()[0] for name in known}
    unknown = {
        words
        for words in mentioned
        if words not in known and words.split()[0] not in known and not (words in groups and " " not in words)
    }
    assert unknown == set()


# Jobs, sensors, assets, checks


def test_every_job_is_listed_with_all_its_config_fields(repository: dg.RepositoryDefinition) -> None:
    rows = _rows(_section(OPERATIONS, "## Jobs"))
    jobs = {job.name: job for job in _own_jobs(repository)}
    assert set(rows) == set(jobs)
    for name, job in jobs.items():
        fields = set(_config_fields(job))
        assert set(re.findall(r"`([a-z_]+)`", rows[name][0])) >= fields, f"{name} has the fields {sorted(fields)}"


def test_every_sensor_is_listed_with_its_interval(repository: dg.RepositoryDefinition) -> None:
    rows = _rows(_section(OPERATIONS, "## Sensors and schedule"))
    sensors = {sensor.name: str(sensor.minimum_interval_seconds) for sensor in repository.sensor_defs}
    schedules = {schedule.name: f"`{schedule.cron_schedule}`" for schedule in repository.schedule_defs}
    assert {name: cells[0] for name, cells in rows.items()} == sensors | schedules


def test_switches_of_sensors_are_named_beside_them() -> None:
    rows = _rows(_section(OPERATIONS, "## Sensors and schedule"))
    assert "`BATCH_CREATION_ENABLED`" in rows["pending_request_sensor"][-1]
    assert "`BATCH_POLLING_ENABLED`" in rows["open_batch_sensor"][-1]


def test_every_check_is_listed_with_its_asset_and_has_a_runbook() -> None:
    graph = _definitions().resolve_asset_graph()
    checks = {key.name: f"`{key.asset_key.to_user_string()}`" for key in graph.asset_check_keys}
    rows = _rows(_section(OPERATIONS, "## Checks"))
    assert {name: cells[0] for name, cells in rows.items()} == checks
    assert set(_rows(_section(OPERATIONS, "### A check is red"))) == set(checks)


def test_architecture_names_every_asset_job_and_automation(repository: dg.RepositoryDefinition) -> None:
    assets = [key.to_user_string() for key in _definitions().resolve_asset_graph().get_all_asset_keys()]
    sensors = [sensor.name for sensor in repository.sensor_defs]
    schedules = [schedule.name for schedule in repository.schedule_defs]
    jobs = [job.name for job in _own_jobs(repository)]
    assert _missing([*assets, *sensors, *schedules, *jobs], ARCHITECTURE) == []


# Settings


def _shown(value: object) -> str:
    if value is None or value == "":
        return "–"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_setting_is_listed_with_its_default() -> None:
    section = _section(OPERATIONS, "## Settings")
    rows = _rows(section)
    names = re.findall(r"^\| `([A-Z_]+)` \|", section, flags=re.MULTILINE)
    assert [name for name in rows if names.count(name) > 1] == [], "a setting is listed twice"
    defaults = {name.upper(): _shown(field.default) for name, field in Settings.model_fields.items()}
    assert {name: cells[0] for name, cells in rows.items()} == defaults


# The data model


def test_every_table_and_view_is_listed() -> None:
    migrations = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sql/migrations/versions").glob("*.py"))
    views = re.findall(r"CREATE VIEW (\w+)", migrations)
    assert views
    assert _missing([*metadata.tables, *views], DATA_MODEL) == []


def _plain(cell: str) -> str:
    """The words of a cell, without links and marks of code."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).replace("`", "")


def test_the_data_model_says_of_tables_and_views_what_their_comments_say() -> None:
    rows = _rows(DATA_MODEL)
    shown = {name: f"One row per {_plain(rows[name][0])}." for name in metadata.tables}
    assert shown == {name: _plain(str(table.comment)) for name, table in metadata.tables.items()}
    for name, view in VIEWS.items():
        assert _plain(rows[name][0]).lower().startswith(_plain(view.comment).removesuffix(".").lower()), name


def test_no_row_of_the_data_model_is_there_twice() -> None:
    named = re.findall(r"^\| `(\w+)` \|", DATA_MODEL.split("\n## States")[0], flags=re.MULTILINE)
    assert [name for name in named if named.count(name) > 1] == []


def test_the_page_of_all_columns_is_that_of_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables_page(), "run `make tables`"


def test_the_columns_of_the_csv_are_those_of_the_code_in_their_order() -> None:
    listed = re.findall(r"^\| \d+ \| .*$", _section(DATA_MODEL, "## The CSV"), flags=re.MULTILINE)
    assert listed == [
        f"| {number} | `{column.name}` | {column.description} | {f'`{column.stored_beside}` ' * bool(column.stored_beside)}|"
        for number, column in enumerate(CSV_COLUMNS, 1)
    ]


def test_reject_reasons_are_exactly_those_of_the_code() -> None:
    assert list(_rows(_section(DATA_MODEL, "### Reject reasons"))) == [reason.value for reason in RejectReason]


def test_outcomes_are_exactly_those_of_the_code_and_tell_which_use_an_attempt() -> None:
    rows = _rows(_section(DATA_MODEL, "## Outcomes"))
    used = {outcome.value: "yes" if rule.attempts_delta else "no" for outcome, rule in SETTLEMENT_RULES.items()}
    assert list(rows) == [outcome.value for outcome in Outcome]
    assert {name: cells[-1] for name, cells in rows.items()} == used


def test_stages_and_statuses_of_companies_are_listed() -> None:
    assert _missing([*Stage, *CompanyStatus], DATA_MODEL) == []


def test_every_reason_to_refuse_an_address_has_a_runbook() -> None:
    assert _missing(get_args(UrlProblem), _section(OPERATIONS, "### Transcripts fail")) == []


def test_every_error_of_a_request_is_explained_and_has_a_runbook() -> None:
    statements = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sql/statements").rglob("*.sql"))
    own = set(re.findall(r"error_code = '(\w+)'", statements)) | {"cancelled", "input_too_long"}
    own |= {"input_erased", "input_changed"}
    assert own >= {"input_too_long", "no_messages"}
    failing = {outcome.value for outcome in Outcome} - {"parsed"}
    assert _missing(own | failing, _section(OPERATIONS, "### Failed requests")) == []
    assert _missing(own, DATA_MODEL) == []


def test_state_diagrams_are_those_of_the_code() -> None:
    assert with_diagrams(DATA_MODEL) == DATA_MODEL, "run `make diagrams`"


def test_a_state_diagram_that_is_out_of_date_is_drawn_anew() -> None:
    old = DATA_MODEL.replace("    PENDING --> UPLOADING\n", "").replace("SKIPPED --> PENDING", "SKIPPED --> COMPLETED")
    assert old != DATA_MODEL
    assert with_diagrams(old) == DATA_MODEL


# Links, paths, and what no document may hold


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_and_pictures_exist(document: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.is_file() or (anchor and anchor not in _anchors(path)):
            broken.append(target)
    assert broken == []


def test_pictures_are_used_and_small() -> None:
    everything = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    pictures = list((ROOT / "docs/images").iterdir())
    assert pictures
    assert [picture.name for picture in pictures if f"images/{picture.name}" not in everything] == []
    assert [picture.name for picture in pictures if picture.stat().st_size > _LARGEST_PICTURE] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_backticks_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    promised = re.findall(r"`((?:livedash_pipeline|sql|tests|docs)/[\w./-]+)`", text)
    inside = re.findall(rf"`((?:{'|'.join(_PATH_STARTS)})/[\w./-]*)`", text)
    inside += re.findall(r"`([a-z_]+\.py)`", text)
    gone = [path for path in promised if not (ROOT / path).exists()]
    assert gone + [path for path in inside if not (PACKAGE / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_no_package_registry_and_no_path_of_a_machine(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert re.findall(r"pypi\.org|pythonhosted|npmjs|conda\.anaconda|proxy\.golang", text) == []
    assert re.findall(r"(?<![\w.])/(?:work|root|home|Users|opt)/\S*", text) == []


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, PACKAGE / "commands/machine.py", ROOT / "workspace.yaml"], ids=lambda path: path.name
)
def test_nothing_starts_the_ui_without_its_guard(path: Path) -> None:
    assert not re.search(r"dagster-webserver +-", path.read_text(encoding="utf-8"))


def test_every_document_is_linked_from_another() -> None:
    linked = {
        (document.parent / target.partition("#")[0]).resolve()
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
        if "://" not in target and not target.startswith("#")
    }
    assert [path.name for path in DOCUMENTS if path.name != "README.md" and path not in linked] == []


def test_dagster_features_that_the_decision_says_are_not_used_are_not() -> None:
    text = (ROOT / "docs/decisions/dagster-features-not-used.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    unused = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert len(unused) > 20
    used = set()
    for path in sorted((PACKAGE / "defs").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            used |= {getattr(node, field, None) for field in ("id", "attr", "arg", "module")}
    assert "SensorResult" in used, "names of Dagster's are found where they are used"
    assert unused & used == set()
    instance = (ROOT / "dagster.yaml").read_text(encoding="utf-8")
    assert not [name for name in unused if name in instance]
