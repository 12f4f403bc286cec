"""`livedash demo` and `livedash dev`: the whole pipeline on this machine, followed to its end or kept up.

Options only; what they start is in `local.demo` and `local.dev`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.shell.command import AS_JSON, Answer, LivedashCommand
from livedash_pipeline.commands.shell.context import log_level, start
from livedash_pipeline.commands.shell.guard import INTERRUPTED

if TYPE_CHECKING:
    from livedash_pipeline.settings import Settings


@click.command("demo", cls=LivedashCommand, example=("livedash demo", "LIVEDASH_HOME=./.demo livedash demo --plain"))
@click.option("--real", is_flag=True, help="Use your own OPENAI_API_KEY, model and service: this costs money.")
@click.option("--plain", is_flag=True, help="Plain lines instead of moving bars.")
@click.pass_context
def demo(ctx: click.Context, real: bool, plain: bool) -> None:
    """Run the whole flow on sample data, with a stand-in for the model.

    Starts an embedded Postgres, a sample source, a local Batch API and a Dagster daemon, follows
    600 chat sessions to their end, and stops what it started. Ignores .env and every setting
    except LIVEDASH_HOME. The last line on stdout is one JSON document.
    """
    from livedash_pipeline.local.demo import DemoOptions, run_demo
    from livedash_pipeline.logs import configure_logging

    # On stderr, and nothing that the bars do not show as well.
    configure_logging("text", log_level(ctx.obj, works=False))
    own = _own_settings() if real else None
    document = run_demo(os.environ, DemoOptions(plain=plain, json_only=ctx.meta[AS_JSON], real=own))
    # One line, also on a terminal: it is the last one, for a script to read.
    click.echo(json.dumps(document))
    ctx.exit(0 if document["ok"] else 1)


def _own_settings() -> Settings:
    from livedash_pipeline.ledger.steps.batches.context import require_api_key

    settings = start()
    require_api_key(settings)
    return settings


@click.command(
    "dev", cls=LivedashCommand, example=("livedash dev", "livedash dev --port 3001", "livedash dev --quick"), works=True
)
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="Port of the Dagster UI.")
@click.option(
    "--console-port", default=8000, show_default=True, type=click.IntRange(1, 65_535), help="Port of the console."
)
@click.option("--speed", default=4.0, show_default=True, type=click.FloatRange(0), help="Speed of the local Batch API.")
@click.option(
    "--quick",
    is_flag=True,
    help="With a key as well: sensors look every few seconds, CSVs are read every minute, batches have no minimum.",
)
@click.pass_context
def dev(ctx: click.Context, port: int, console_port: int, speed: float, quick: bool) -> Answer:
    """Keep the Dagster UI, its daemon, the console and, without a key, a local Batch API up.

    Runs until it is interrupted. With OPENAI_API_KEY, the settings say how often sensors look and how many requests make a batch;
    without one, sensors look every few seconds and batches have no minimum. What applies is printed at the start.
    """
    from livedash_pipeline.local.dev import DevOptions, run_dev

    as_json = ctx.meta[AS_JSON]
    try:
        run_dev(
            start(),
            DevOptions(port, speed, console_port, quick),
            say=lambda sentence: click.echo(sentence, err=as_json),
        )
    except KeyboardInterrupt:
        # How it always ends.
        ctx.exit(INTERRUPTED)
    return Answer({"ok": True}, lambda console: console.print("Stopped."))
