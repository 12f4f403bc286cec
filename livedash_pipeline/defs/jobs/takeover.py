"""The op job that takes an existing LiveDash database over.

Its address stands in an environment variable that the configuration names, since a run's configuration is stored and shown.
What the job does is `takeover.steps.run`.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from livedash_pipeline.defs import forms
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.names import IMPORT_MAX_RUNTIME, TAG_MAX_RUNTIME
from livedash_pipeline.defs.reporting import answer
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.defs.running.identity import identified_run


class ImportLivedashConfig(dg.Config):
    """Which database is taken over, and whether it is only tried."""

    source_url_env: str = Field(
        "LIVEDASH_SOURCE_URL", description="Name of the environment variable that holds the database's address."
    )
    dry_run: bool = Field(True, description="Do everything, report, and take it back.")


@op_job(
    "Takes an existing LiveDash database over; only reports unless dry_run is false.",
    Kind.DANGEROUS,
    run_tags={TAG_MAX_RUNTIME: IMPORT_MAX_RUNTIME},
)
def import_livedash(
    context: dg.OpExecutionContext,
    config: ImportLivedashConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
) -> dict[str, Any]:
    """Companies, chats, stages, questions, models, prices and request history of LiveDash's own database."""
    from livedash_pipeline.takeover.steps.run import import_livedash as take_over
    from livedash_pipeline.takeover.steps.run import require_address

    with identified_run(context, postgres), postgres.engine() as engine:
        url = require_address(http_source.environ.get(config.source_url_env), config.source_url_env)
        document = take_over(engine, url, dry_run=config.dry_run)
    if not document["ok"]:
        context.log.error(document["error"]["message"])
    return answer(context, document, forms.counted_only(context, config.dry_run, ()))
