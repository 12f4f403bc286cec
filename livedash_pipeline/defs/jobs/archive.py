"""The op job that writes settled months to the archive, and deletes their texts where that is asked for.

What is archived is decided in `archive.steps.create`. Listing, verifying, restoring and erasing are commands alone: they concern
files, and a person who looks at them.
"""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from livedash_pipeline import __version__
from livedash_pipeline.archive.steps.create import CreateRequest, create, create_document
from livedash_pipeline.defs import forms
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME
from livedash_pipeline.defs.reporting import answer
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.defs.running.identity import identified_run


class ArchiveConfig(dg.Config):
    """Which month is archived, and where to."""

    month: str = Field("", description="Month in UTC in which the chats began, as 2026-03; it must be over.")
    company: forms.Text = forms.company()
    root: forms.Text = forms.text("Directory of the archive where the run is executed; empty: LIVEDASH_HOME/archive.")
    delete_texts: bool = Field(False, description="Delete the texts here, once the files were read back and compared.")
    dry_run: bool = Field(True, description="Only count.")


@op_job(
    "Writes the settled sessions of a month to Parquet files; only counts unless dry_run is false.",
    Kind.DANGEROUS,
    run_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
)
def archive(
    context: dg.OpExecutionContext,
    config: ArchiveConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
) -> dict[str, Any]:
    """A dry run unless it says otherwise."""
    root = Path(config.root) if config.root else http_source.settings.home / "archive"
    request = CreateRequest(
        month=config.month,
        root=root.absolute(),
        version=__version__,
        company=config.company,
        delete_texts=config.delete_texts,
        dry_run=config.dry_run,
    )
    with identified_run(context, postgres), postgres.engine() as engine:
        document = create_document(create(engine, request), request)
        return answer(context, document, forms.counted_only(context, config.dry_run, ()))
