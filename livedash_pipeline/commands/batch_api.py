"""`livedash batch-api`: the local stand-in for the Batch API, for work without a key.

Options only; what they mean is in `local.batch_api.server`.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import sqlite3
from pathlib import Path

import click

from livedash_pipeline.commands.shell.command import AS_JSON, LivedashCommand
from livedash_pipeline.commands.shell.context import start
from livedash_pipeline.commands.shell.guard import INTERRUPTED
from livedash_pipeline.commands.shell.output import print_document

DEFAULT_PORT = 9100
DEFAULT_HOST = "127.0.0.1"


@click.command(
    "batch-api",
    cls=LivedashCommand,
    example=(
        "livedash batch-api --speed 60",
        "livedash batch-api --upstream http://127.0.0.1:8000/v1 --upstream-concurrency 8",
        f"OPENAI_BASE_URL=http://127.0.0.1:{DEFAULT_PORT}/v1 OPENAI_API_KEY=local livedash submit",
    ),
)
@click.option("--host", default=DEFAULT_HOST, show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65_535), help="Port; 0 for a free one."
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Simulated seconds a second; 0 for at once.",
)
@click.option(
    "--state",
    "state_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for its state; without it, batch-api below LIVEDASH_HOME.",
)
@click.option("--faults", type=click.Path(path_type=Path), help="JSON file that says what is to go wrong, and when.")
@click.option(
    "--upstream", help="Chat server that answers callers with your OPENAI_API_KEY, such as http://127.0.0.1:8000/v1."
)
@click.option("--upstream-key-env", metavar="NAME", help="Environment variable that holds the upstream's key.")
@click.option(
    "--upstream-concurrency",
    default=4,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Requests that the upstream gets at once.",
)
@click.pass_context
def batch_api(
    ctx: click.Context,
    host: str,
    port: int,
    speed: float,
    state_dir: Path | None,
    faults: Path | None,
    upstream: str | None,
    upstream_key_env: str | None,
    upstream_concurrency: int,
) -> None:
    """Run a local stand-in for OpenAI's Batch API.

    It runs until it is interrupted. Its answers follow rules and no model is asked, unless --upstream
    names a chat server that is. With --json, the document is printed as soon as it listens.
    """
    from livedash_pipeline.base.rules.endpoints import is_loopback
    from livedash_pipeline.errors import UsageError
    from livedash_pipeline.local.batch_api.options import caller_keys, open_upstream, read_faults, report_keys
    from livedash_pipeline.local.batch_api.server import serve
    from livedash_pipeline.local.batch_api.store import StateInUseError
    from livedash_pipeline.storage import storage_error

    settings = start()
    script = read_faults(faults)
    keys = caller_keys(upstream, settings.openai_api_key)
    admin_keys = report_keys(upstream, settings.openai_admin_key)
    chat = open_upstream(upstream, key_env=upstream_key_env, environ=os.environ, concurrency=upstream_concurrency)
    state = (state_dir or settings.home / "batch-api").absolute()
    if not is_loopback(host):
        lacks = "TLS" if upstream else "TLS and takes any key"
        click.echo(
            f"warning: other machines reach {host}. The stand-in has no {lacks}: use a private network.", err=True
        )
    announce = _announce_document if ctx.meta[AS_JSON] else click.echo
    try:
        models = [settings.openai_model]
        serve(
            host,
            port,
            state,
            speed,
            models=models,
            api_keys=keys,
            admin_keys=admin_keys,
            announce=announce,
            faults=script,
            upstream=chat,
        )
    except KeyboardInterrupt:
        # How it always ends; the one document has been printed already.
        ctx.exit(INTERRUPTED)
    except StateInUseError:
        raise UsageError(f"Another server works on {state}.", remedy="Use it, or give another --state.") from None
    except sqlite3.Error as error:
        raise UsageError(f"The state in {state} cannot be used: {error}.", remedy="Give another --state.") from error
    except socket.gaierror as error:
        raise UsageError(
            f"--host {host} cannot be resolved: {error.strerror}.", remedy="Give an address of this machine."
        ) from error
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL) and error.filename is None:
            reason = error.strerror or str(error)
            raise UsageError(
                f"Port {port} of {host} cannot be used: {reason}.", remedy="Give another --port or --host."
            ) from error
        raise storage_error(error, "The state of the stand-in", error.filename or state, setting="--state") from error
    ctx.exit(0)


def _announce_document(announcement: str) -> None:
    address = re.search(r"http://\S+/v1", announcement)
    print_document({"ok": True, "baseUrl": address[0] if address else None, "message": announcement})
