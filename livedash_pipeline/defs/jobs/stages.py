"""Op jobs about stages: sessions that failed, and trying a stage again.

Add a job about stages whose body is one call of a step. Like those of `defs.jobs.operations` they answer with the documents of
the commands.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, MAX_PAGE
from livedash_pipeline.defs import forms
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.reporting import answer
from livedash_pipeline.defs.resources import OpenAIBatch, Postgres
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.overview.steps import stages


class FailedSessionsConfig(dg.Config):
    """Which failed sessions are listed; all of them unless something is named."""

    stage: forms.StageOrAny = Field("", description="Only sessions that failed at this stage; empty: at any.")
    company: forms.Text = forms.company()
    limit: int = Field(DEFAULT_PAGE, description=f"Sessions a page, 1 to {MAX_PAGE}.")
    cursor: forms.Text = forms.text("nextCursor of the page before, with the same stage and company.")


class RetryStageConfig(dg.Config):
    """Which sessions are tried again at a stage: those named, or all that failed there."""

    stage: forms.StageWord = Field("ai_analysis", description="The stage to try again.")
    session_ids: list[str] = Field([], description="Ids of sessions or of their imports; empty: all that failed there.")
    company: forms.Text = forms.company("Filter: slug of a company; empty: all.")
    reanalyse: bool = Field(False, description="Buy the analysis of completed sessions again, too. This costs money.")
    dry_run: bool | None = Field(
        True, description="Only count. A script that leaves it out changes explicit ids, and else counts."
    )


@op_job("Lists sessions that failed, a page at a time.", Kind.QUESTION)
def failed_sessions(
    context: dg.OpExecutionContext, config: FailedSessionsConfig, postgres: dg.ResourceParam[Postgres]
) -> dict[str, Any]:
    """One page of sessions that failed at a stage, with the reason."""
    with identified_run(context, postgres), postgres.engine() as engine:
        document = stages.failed_sessions(
            engine, stage=config.stage or None, company=config.company, limit=config.limit, cursor=config.cursor
        )
        return answer(context, document)


@op_job("Sets failed stages back to pending; a filter only counts unless told otherwise.", Kind.DANGEROUS)
def retry_stage(
    context: dg.OpExecutionContext,
    config: RetryStageConfig,
    postgres: dg.ResourceParam[Postgres],
    openai_batch: dg.ResourceParam[OpenAIBatch],
) -> dict[str, Any]:
    """A stage is tried again, of named sessions or of all that failed there."""
    with identified_run(context, postgres), postgres.engine() as engine:
        document = stages.retry_stage(
            engine,
            openai_batch.settings,
            stage=config.stage,
            session_ids=config.session_ids,
            company=config.company,
            reanalyse=config.reanalyse,
            dry_run=None if forms.left_out(context, "dry_run") else config.dry_run,
        )
        return answer(context, document, forms.counted_only(context, config.dry_run, config.session_ids))


STAGE_JOBS = (failed_sessions, retry_stage)
