"""`livedash model`: what requests for a model are sent with beside the question.

Add an option when a model needs something that is no parameter of a request. The defaults are in
`ledger.rules.admission.model_parameters`.
"""

from __future__ import annotations

import json

import click

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.commands.shell.command import Answer, CommandGroup
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_table, show_moment

_EXAMPLE = """livedash model set prod-gpt5 --parameters '{"max_completion_tokens": 4000, "reasoning_effort": "low"}'"""


@click.group(cls=CommandGroup, example="livedash model list")
def model() -> None:
    """Parameters of models: maximum of output tokens, effort, temperature."""


@model.command("set", example=_EXAMPLE)
@click.argument("name")
@click.option("--parameters", metavar="JSON", help="A JSON object, such as the example's; it replaces all defaults.")
@click.option("--default", "default", is_flag=True, help="Forget what was stored: the name decides again.")
def set_parameters(name: str, parameters: str | None, default: bool) -> Answer:
    """Store what requests for a model are sent with, from the next batch on.

    A maximum of output tokens has to be among them, since costs are reserved by it. Nothing that was analysed is asked again.
    """
    from livedash_pipeline.kinds import KINDS
    from livedash_pipeline.ledger.steps.batches import models

    if (parameters is None) is not default:
        raise click.UsageError("Give either --parameters or --default.")
    with ready_engine() as (_, engine):
        document = models.set_parameters(engine, KINDS, name, parameters)
    said = (
        f"Requests for {document['model']} are sent with {json.dumps(document['parameters'])} from the next batch on; "
        f"{plural(document['waitingRequests'], 'request')} waiting for it."
    )
    return Answer(document, lambda console: console.print(said, markup=False))


@model.command("list", example="livedash model list")
def list_models() -> Answer:
    """List the models in use, and what their requests are sent with."""
    from livedash_pipeline.ledger.steps.batches import models

    with ready_engine() as (settings, engine):
        document = models.list_models(engine, settings.openai_model)
    rows = [
        (
            row["model"],
            json.dumps(row["parameters"]),
            row["maxOutputTokens"],
            "stored" if row["stored"] else "by its name",
            show_moment(row["updatedAt"]),
        )
        for row in document["models"]
    ]
    header = ("model", "parameters", "output at most", "from", "set (UTC)")
    return Answer(document, lambda console: draw_table(console, header, rows, empty="No model is in use."))
