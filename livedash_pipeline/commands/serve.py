"""`livedash serve`: the HTTP API and the console, kept up until it is told to stop.

Options only; what they mean is in `api.server`, and limits are settings.
"""

from __future__ import annotations

import os
from functools import partial

import click

from livedash_pipeline.commands.shell.command import AS_JSON, LivedashCommand
from livedash_pipeline.commands.shell.context import ready_environment
from livedash_pipeline.commands.shell.guard import INTERRUPTED
from livedash_pipeline.commands.shell.output import print_document, show

DEFAULT_PORT = 8000


@click.command(
    "serve",
    cls=LivedashCommand,
    works=True,
    example=("livedash serve", "livedash serve --port 8080 --workers 2 --trusted-proxy 127.0.0.1"),
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65_535), help="Port; 0 for a free one."
)
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer.")
@click.option(
    "--trusted-proxy",
    "trusted_proxies",
    metavar="ADDRESS",
    multiple=True,
    help="Address of a proxy whose X-Forwarded-For is believed; may be repeated.",
)
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, workers: int, trusted_proxies: tuple[str, ...]) -> None:
    """Serve the console, and the HTTP API: admin, submission, webhooks, metrics.

    It runs until SIGTERM (exit status 0) or Ctrl-C (130); requests under way are finished first. It speaks plain HTTP: put a
    proxy with TLS in front of it wherever others can reach it. With --json, the document is printed as soon as it listens.
    """
    from livedash_pipeline.access.steps.token_key import token_key
    from livedash_pipeline.api import server
    from livedash_pipeline.errors import LivedashError, UsageError
    from livedash_pipeline.services.openai.webhooks import WebhookReader

    environment = ready_environment()
    # Worker processes find the same database and the same key. What is wrong with keys and secrets is said before they start,
    # since a worker whose application cannot be made is started again for ever.
    environment.export_to(os.environ)
    token_key(environment.settings)
    if environment.settings.openai_webhook_secret:
        WebhookReader(environment.settings.openai_webhook_secret).close()
    announce = partial(_announce, as_json=ctx.meta[AS_JSON])
    try:
        server.serve(host, port, workers=workers, trusted_proxies=",".join(trusted_proxies), announce=announce)
    except KeyboardInterrupt:
        # Not raised on, since the one document has been printed already.
        ctx.exit(INTERRUPTED)
    except LivedashError as error:
        click.echo(f"error: {show(error)}", err=True)
        ctx.exit(error.exit_status)
    except OSError as error:
        raise UsageError(
            f"Port {port} of {host} cannot be used: {error.strerror or error}.", remedy="Give another --port or --host."
        ) from error
    ctx.exit(0)


def _announce(address: str, *, as_json: bool) -> None:
    if as_json:
        print_document({"ok": True, "address": address})
    else:
        click.echo(f"The console is at {address}/console/, the HTTP API at {address}, described at {address}/docs.")
        click.echo("Sign in with a token: livedash token create")
