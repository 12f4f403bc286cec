"""Op jobs about chat batches: one is made, worked on for a slice, or cancelled.

Add a job whose body is one step of `chats.steps`. The documents are those of the commands.
"""

from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field
from sqlalchemy import Engine

from livedash_pipeline.base.steps.companies import require_company
from livedash_pipeline.chats.rules.slices import LONGEST, SHORTEST
from livedash_pipeline.chats.steps import documents
from livedash_pipeline.chats.steps.cancel import cancel
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.create import create_batch, read_file
from livedash_pipeline.chats.steps.named import batch_id_of, required_batch
from livedash_pipeline.chats.steps.new_batch import NewBatch
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.defs import forms
from livedash_pipeline.defs.assets.chats import log_chat_events
from livedash_pipeline.defs.blueprints import Kind, op_job
from livedash_pipeline.defs.names import TAG_WORK, WORK_CHATS, Names
from livedash_pipeline.defs.reporting import answer
from livedash_pipeline.defs.resources import HttpSource, Postgres
from livedash_pipeline.defs.running.identity import identified_run
from livedash_pipeline.errors import UsageError


class CreateChatBatchConfig(dg.Config):
    """Which file becomes a batch, and how it is asked."""

    path: str = Field("", description="CSV, XLSX or JSON file with questions, on the machine of the run.")
    company: str = Field("", description="Slug of the company whose batch it is.")
    name: forms.Text = forms.text("A name to read it by; empty: the file's.")
    type: str = Field("question", description="A word of your own.")
    ai_provider: str = Field("openai", description="Who answers.")
    search_provider: Literal["none", "postgres"] = Field("none", description="Who looks for passages.")
    page_language: forms.Text = forms.text("Language of the visitors' page, such as en or fr-CA.")
    apply_overrides: bool = Field(False, description="Add the override text to the instructions.")
    override_text: forms.Text = forms.text("That text; empty: the company's.")
    mode: Literal["slices", "batch", "auto"] = Field(
        "slices", description="In slices, through the Batch API, or either."
    )
    turn_policy: Literal["stop", "continue"] = Field("stop", description="What a failed turn does to later ones.")


class ProcessChatBatchConfig(dg.Config):
    """Which batch is worked on, and for how long."""

    batch_id: str = Field("", description="Id of a chat batch.")
    duration_seconds: float = Field(120, description=f"How long the slice lasts, {SHORTEST} to {LONGEST}.")


class CancelChatBatchConfig(dg.Config):
    """Which batch is cancelled."""

    batch_id: str = Field("", description="Id of a chat batch.")


@op_job("Makes a chat batch of a file of questions; nothing is started.", Kind.ROUTINE)
def create_chat_batch(
    context: dg.OpExecutionContext,
    config: CreateChatBatchConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
    names: Names,
) -> dict[str, Any]:
    """All of the file or nothing."""
    fields = config.model_dump()
    path = Path(fields.pop("path"))
    if not config.path or not config.company:
        raise UsageError("The form names no file or no company.", remedy="Fill in path and company.")
    with identified_run(context, postgres) as run_id, postgres.engine() as engine:
        require_company(engine, config.company)
        asked = NewBatch(**fields, uploader=f"run {run_id}")
        created = create_batch(chat_context(engine, http_source), asked, read_file(path), path.name)
        _report(context, engine, config.company, names)
        return answer(context, documents.created_document(created))


@op_job("Works on a chat batch for a while; the first time starts it.", Kind.ROUTINE, run_tags={TAG_WORK: WORK_CHATS})
def process_chat_batch(
    context: dg.OpExecutionContext,
    config: ProcessChatBatchConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
    names: Names,
) -> dict[str, Any]:
    """One slice."""
    with identified_run(context, postgres), postgres.engine() as engine:
        batch_id = batch_id_of(config.batch_id)
        report = process_for_duration(chat_context(engine, http_source), batch_id, seconds=config.duration_seconds)
        with engine.connect() as connection:
            company = required_batch(connection, batch_id).company
        _report(context, engine, company, names)
        return answer(context, documents.slice_document(report))


@op_job("Cancels a chat batch: nothing starts any more, and answers under way are kept.", Kind.DANGEROUS)
def cancel_chat_batch(
    context: dg.OpExecutionContext,
    config: CancelChatBatchConfig,
    postgres: dg.ResourceParam[Postgres],
    http_source: dg.ResourceParam[HttpSource],
) -> dict[str, Any]:
    """Again, it changes nothing."""
    with identified_run(context, postgres) as run_id, postgres.engine() as engine:
        batch_id = batch_id_of(config.batch_id)
        done = cancel(chat_context(engine, http_source), batch_id, by=f"run {run_id}")
        return answer(context, documents.cancel_document(done))


def chat_context(engine: Engine, http_source: HttpSource) -> ChatContext:
    """What work on chat batches is given; providers' keys are where the sources' credentials are."""
    return ChatContext(engine, http_source.settings, http_source.environ)


def _report(context: dg.OpExecutionContext, engine: Engine, company: str, names: Names) -> None:
    context.instance.add_dynamic_partitions(names.partitions_name, [company])
    log_chat_events(context, engine, company, names)


CHAT_JOBS = (create_chat_batch, process_chat_batch, cancel_chat_batch)
