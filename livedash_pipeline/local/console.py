"""The console on this machine: its process beside Dagster's, and links that sign in to it once.

What it serves is `livedash serve`; add only what development needs.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from livedash_pipeline.access.rules.tokens import SECRET_BYTES
from livedash_pipeline.access.steps.signing_in import make_own_link
from livedash_pipeline.access.steps.token_key import token_key
from livedash_pipeline.local.ports import HOST
from livedash_pipeline.local.processes import StartedProcess, started
from livedash_pipeline.runtime.environment import Environment, opened_engine

CONSOLE_PORT = 8000
# The token behind a link is shown to nobody, and there is a new one with each start.
_TOKEN_DAYS = 30


@contextmanager
def running_console(environment: Environment, environ: Mapping[str, str], port: int) -> Iterator[StartedProcess]:
    """Runs `livedash serve` until the block ends."""
    settings = environment.settings
    with started(
        "The console",
        ("livedash_pipeline.launch", "serve", "--host", HOST, "--port", str(port)),
        environ=environ,
        directory=settings.own_dagster_home,
        log=settings.home / "logs" / "console.log",
    ) as process:
        yield process


def console_link(environment: Environment, port: int, *, name: str) -> str:
    """A link that signs in once, with all rights of a platform administrator.

    Args:
        environment: Where the database is.
        port: Where the console listens, or will.
        name: What the token behind it is called.
    """
    with opened_engine(environment) as engine:
        made = make_own_link(
            engine,
            token_key(environment.settings),
            name=name,
            days=_TOKEN_DAYS,
            random=partial(secrets.token_bytes, SECRET_BYTES),
        )
    return f"http://{HOST}:{port}{made['link']}"
