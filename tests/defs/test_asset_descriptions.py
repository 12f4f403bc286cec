"""What every asset says of itself before anything is run: whose it is, its columns, its table, its code, its docs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.analysis.steps.import_company import IMPORT_STEPS
from livedash_pipeline.base.store.tables import metadata
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.intake.rules.csv_layout import COLUMNS
from livedash_pipeline.settings import isolated_settings

ROOT = Path(__file__).parents[2]
IMPORTED = [asset for step in IMPORT_STEPS for asset in step.assets]
GROUPS = {asset.name: asset.group for asset in IMPORTED} | {
    "company_csv": "import",
    "chat_batches": "chats",
    "chat_results": "chats",
}
TABLES = {asset.name: asset.table for asset in IMPORTED} | {
    "submitted_batches": "ai_batch_requests",
    "ingested_results": "ai_request_attempts",
    "session_questions": "session_questions",
    "spend": "cost_entries",
    "chat_batches": "chat_batches",
    "chat_results": "chat_interactions",
}
# The one that is a file of a company's, and the one that is at the service.
WITHOUT_TABLE = {"company_csv", "openai_batches"}


def _specs(**settings: str) -> dict[str, dg.AssetSpec]:
    defs = build_defs(isolated_settings({}).model_copy(update=settings), database_url=lambda: "never asked for")
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    return _specs()


def _columns(spec: dg.AssetSpec) -> dict[str, dg.TableColumn]:
    return {column.name: column for column in spec.metadata["dagster/column_schema"].columns}


def _reference(spec: dg.AssetSpec) -> Any:
    (reference,) = spec.metadata["dagster/code_references"].code_references
    return reference


def test_every_asset_has_group_owner_kind_description_code_and_docs(specs: dict[str, dg.AssetSpec]) -> None:
    assert {name: spec.group_name for name, spec in specs.items()} == dict.fromkeys(specs, "analysis") | GROUPS
    for name, spec in specs.items():
        assert list(spec.owners) == ["team:data-engineering"], name
        assert spec.kinds and spec.description, name
        assert (spec.partitions_def is None) == (name in {"submitted_batches", "openai_batches"}), name
        page, _, anchor = str(spec.metadata["docs"]).partition("#")
        heading = anchor.replace("-", " ")
        said = (ROOT / page).read_text(encoding="utf-8").replace("`", "").lower()
        assert not anchor or f"# {heading}\n" in said, name


def test_every_asset_names_the_code_that_makes_it(specs: dict[str, dg.AssetSpec]) -> None:
    for name, spec in specs.items():
        reference = _reference(spec)
        path = Path(reference.file_path)
        assert path.is_relative_to(ROOT / "livedash_pipeline"), name
        line = path.read_text(encoding="utf-8").splitlines()[reference.line_number - 1]
        assert line.startswith(('"""', "def ")), f"{name}: {line}"


def test_code_and_docs_are_links_where_a_setting_says_where_they_are(specs: dict[str, dg.AssetSpec]) -> None:
    base = "https://git.example.org/livedash/blob/v1"
    linked = _specs(livedash_code_url=base)
    for name, spec in specs.items():
        here = _reference(spec)
        path = Path(here.file_path).relative_to(ROOT).as_posix()
        assert _reference(linked[name]).url == f"{base}/{path}#L{here.line_number}"
        assert linked[name].metadata["docs"].url == f"{base}/{spec.metadata['docs']}"


def test_tables_are_named_with_database_and_schema_as_far_as_they_are_known(specs: dict[str, dg.AssetSpec]) -> None:
    def named(found: dict[str, dg.AssetSpec]) -> dict[str, object]:
        return {name: spec.metadata.get("dagster/table_name") for name, spec in found.items()}

    for url, place in (
        ("postgresql://somebody:secret@db.example/chats", "chats.public"),
        ("postgresql://a:5432,b:5432/chats?schema=livedash", "chats.livedash"),
        ("no address", "public"),
    ):
        found = named(_specs(database_url=url))
        assert found == {asset: f"{place}.{table}" for asset, table in TABLES.items()} | dict.fromkeys(WITHOUT_TABLE)
    assert named(specs)["sessions"] == "public.sessions"


def test_the_schema_that_an_asset_shows_is_that_of_its_table(specs: dict[str, dg.AssetSpec], engine: Engine) -> None:
    assert specs.keys() == TABLES.keys() | WITHOUT_TABLE
    with engine.connect() as connection:
        for asset, table in TABLES.items():
            rows = connection.execute(
                text(
                    "SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum), NOT attnotnull"
                    " FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0 AND NOT attisdropped"
                ),
                {"table": table},
            ).all()
            found = {
                (column.name, column.type.replace(", ", ","), column.description, column.constraints.nullable)
                for column in _columns(specs[asset]).values()
            }
            assert found == {tuple(row) for row in rows}, asset


def test_constraints_of_columns_and_tables_are_shown(specs: dict[str, dg.AssetSpec]) -> None:
    columns = _columns(specs["sessions"])
    assert (columns["id"].constraints.unique, list(columns["id"].constraints.other)) == (True, ["primary key"])
    assert columns["import_id"].constraints.unique
    assert list(columns["import_id"].constraints.other) == ["references session_imports.id"]
    assert not columns["start_time"].constraints.unique
    rules = specs["messages"].metadata["dagster/column_schema"].constraints.other
    assert "primary key (session_id, position)" in rules
    assert "role IN ('user', 'assistant', 'system', 'unknown')" in rules
    rules = specs["session_imports"].metadata["dagster/column_schema"].constraints.other
    assert "unique (company_id, external_session_id)" in rules


def test_the_csv_shows_its_columns_with_types_and_which_are_required(specs: dict[str, dg.AssetSpec]) -> None:
    columns = _columns(specs["company_csv"])
    assert list(columns) == list(COLUMNS)
    assert [name for name, column in columns.items() if not column.constraints.nullable] == [
        "external_session_id",
        "start_time_raw",
    ]
    assert all(column.description for column in columns.values())
    types = {name: columns[name].type for name in ("category", "messages_sent", "tokens", "tokens_eur")}
    assert types == {"category": "text", "messages_sent": "integer", "tokens": "bigint", "tokens_eur": "numeric(14, 6)"}


def _lineage(specs: dict[str, dg.AssetSpec]) -> Iterator[tuple[str, str, str, str]]:
    for name, spec in specs.items():
        lineage = spec.metadata.get("dagster/column_lineage")
        for column, deps in lineage.deps_by_column.items() if lineage else ():
            for dep in deps:
                yield name, column, dep.asset_key.to_user_string(), dep.column_name


def test_all_columns_that_a_lineage_names_exist(specs: dict[str, dg.AssetSpec]) -> None:
    found = list(_lineage(specs))
    for asset, column, origin, origin_column in found:
        assert column in _columns(specs[asset]), f"{asset}.{column}"
        assert origin_column in _columns(specs[origin]), f"{origin}.{origin_column}"
    assert {
        ("session_imports", "start_time", "company_csv", "start_time_raw"),
        ("sessions", "import_id", "session_imports", "id"),
        ("messages", "content", "transcripts", "content"),
        ("ingested_results", "request_id", "pending_ai_requests", "id"),
    } <= set(found)


def test_a_lineage_leads_upstream(specs: dict[str, dg.AssetSpec]) -> None:
    parents = {
        name: {dep.asset_key.to_user_string() for dep in spec.deps if dep.asset_key != spec.key}
        for name, spec in specs.items()
    }

    def above(name: str) -> set[str]:
        return parents[name].union(*map(above, parents[name]))

    # Made by one step, in one transaction.
    siblings = {("messages", "sessions")}
    for asset, _, origin, _ in _lineage(specs):
        assert (asset, origin) in siblings or origin in above(asset), f"{asset} from {origin}"


def test_a_lineage_has_the_prefix_of_the_project_that_takes_the_pipeline_in() -> None:
    defs = build_defs(isolated_settings({}), database_url=lambda: "never asked for", key_prefix="live/dash")
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert len(list(_lineage(specs))) > 20
    for asset, _, origin, column in _lineage(specs):
        assert asset.startswith("live/dash/")
        assert column in _columns(specs[origin])


def test_no_table_that_assets_are_is_unknown() -> None:
    assert {table for table in TABLES.values() if table not in metadata.tables} == {"cost_entries"}
