"""Completes what assets say of themselves: where their table is, where their columns come from, their code and their docs.

All of it depends on the settings or on the final keys, so that it is added once, to the finished list. Add to `CODE` and `DOCS`
what a new asset is made by and told of; a test asks every asset for all of it.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from livedash_pipeline.analysis.steps.import_company import IMPORT_STEPS
from livedash_pipeline.base.rules.database.address import read_parameters, with_hosts_apart
from livedash_pipeline.chats.store.figures import company_figures
from livedash_pipeline.defs.descriptions.lineage import lineage_of
from livedash_pipeline.defs.descriptions.table_schemas import TABLE_NAME
from livedash_pipeline.intake.rules import csv_layout
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.overview.steps.spend import month_so_far
from livedash_pipeline.settings import Settings

_Asset = dg.AssetsDefinition | dg.AssetSpec
_ROOT = Path(csv_layout.__file__).parents[3]

CODE: Mapping[str, Callable[..., object] | ModuleType] = {
    "company_csv": csv_layout,
    **{asset.name: step.run for step in IMPORT_STEPS for asset in step.assets},
    "submitted_batches": submit_pending,
    "openai_batches": poll_batches,
    "ingested_results": ingest_finished,
    "session_questions": ingest_finished,
    "spend": month_so_far,
    "chat_batches": company_figures,
    "chat_results": company_figures,
}
"""What makes an asset: the function of its step, or the module that says what it is."""
DOCS: Mapping[str, str] = {
    "company_csv": "docs/data-model.md#the-csv",
    "openai_batches": "docs/data-model.md#batches",
    "spend": "docs/money.md",
}
"""Where an asset that is no table is told of; those that are have a section of their table's name."""


def described(assets: Iterable[_Asset], settings: Settings) -> list[_Asset]:
    """Adds to each asset what it says of its table, its columns' origins, its code and its docs."""
    place = _place(settings.database_url)

    def complete(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(metadata={**spec.metadata, **_more(spec, place, settings.livedash_code_url)})

    return [
        asset.map_asset_specs(complete) if isinstance(asset, dg.AssetsDefinition) else complete(asset)
        for asset in assets
    ]


def _more(spec: dg.AssetSpec, place: str, code_url: str | None) -> dict[str, Any]:
    name, table = spec.key.path[-1], spec.metadata.get(TABLE_NAME)
    page = DOCS.get(name) or f"docs/tables.md#{table}"
    more: dict[str, Any] = {
        "dagster/code_references": _code_references(CODE[name], code_url),
        "docs": dg.MetadataValue.url(f"{code_url}/{page}") if code_url else page,
    }
    lineage = lineage_of(spec.key)
    return (
        more
        | ({TABLE_NAME: f"{place}.{table}"} if table else {})
        | ({"dagster/column_lineage": lineage} if lineage else {})
    )


def _place(database_url: str | None) -> str:
    """Database and schema of our tables, as far as the address says; the embedded database is found at its first use only."""
    try:
        url = make_url(with_hosts_apart(database_url or ""))
    except (ArgumentError, ValueError):
        # Whoever connects is told what is wrong with it; definitions load without a database.
        return "public"
    schema = read_parameters(url.query).schema or "public"
    return f"{url.database}.{schema}" if url.database else schema


def _code_references(
    made_by: Callable[..., object] | ModuleType, code_url: str | None
) -> dg.CodeReferencesMetadataValue:
    path, line = _where(made_by)
    with warnings.catch_warnings():
        # Each of them warns that code references may change; what depends on them is this function.
        warnings.simplefilter("ignore", dg.BetaWarning)
        if code_url:
            url = f"{code_url}/{path.relative_to(_ROOT).as_posix()}#L{line}"
            return dg.CodeReferencesMetadataValue(code_references=[dg.UrlCodeReference(url=url)])
        here = dg.LocalFileCodeReference(file_path=str(path), line_number=line)
        return dg.CodeReferencesMetadataValue(code_references=[here])


def _where(made_by: Callable[..., object] | ModuleType) -> tuple[Path, int]:
    """File and line, without reading the source: `inspect.getsourcelines` reads and parses whole files."""
    if isinstance(made_by, ModuleType):
        return Path(str(made_by.__file__)), 1
    code = inspect.unwrap(made_by).__code__
    return Path(code.co_filename), code.co_firstlineno
