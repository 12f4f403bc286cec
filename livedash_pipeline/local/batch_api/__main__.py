"""`python -m livedash_pipeline.local.batch_api`: the stand-in on its own, without the rest of the pipeline.

Options only; what they mean is in `server.py` and `options.py`.
"""

import os
from pathlib import Path

import click

from livedash_pipeline.errors import UsageError
from livedash_pipeline.local.batch_api.options import open_upstream, read_faults
from livedash_pipeline.local.batch_api.server import serve
from livedash_pipeline.local.batch_api.upstream import DEFAULT_CONCURRENCY


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8787, show_default=True, help="Port to listen on; 0 for a free one.")
@click.option("--speed", default=1.0, show_default=True, help="Simulated seconds a second; 0 for at once.")
@click.option(
    "--state",
    "state_dir",
    default=Path(".livedash/batch-api"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for its state.",
)
@click.option("--faults", type=click.Path(path_type=Path), help="JSON file that says what is to go wrong.")
@click.option("--upstream", help="Address of a chat server that answers the lines, such as http://127.0.0.1:8000/v1.")
@click.option("--upstream-key-env", metavar="NAME", help="Environment variable with the upstream's key.")
@click.option(
    "--upstream-concurrency",
    default=DEFAULT_CONCURRENCY,
    show_default=True,
    type=click.IntRange(1, 256),
    help="How many requests the upstream gets at once.",
)
def main(
    host: str,
    port: int,
    speed: float,
    state_dir: Path,
    faults: Path | None,
    upstream: str | None,
    upstream_key_env: str | None,
    upstream_concurrency: int,
) -> None:
    """Run the local stand-in for OpenAI's Batch API until it is interrupted."""
    try:
        script = read_faults(faults)
        chat = open_upstream(upstream, key_env=upstream_key_env, environ=os.environ, concurrency=upstream_concurrency)
    except UsageError as error:
        raise click.UsageError(str(error)) from None
    serve(host, port, state_dir, speed, faults=script, upstream=chat)


if __name__ == "__main__":
    main()
