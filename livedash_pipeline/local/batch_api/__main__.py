"""`python -m livedash_pipeline.local.batch_api`: the stand-in on its own, without the rest of the pipeline.

Options only; what they mean is in `server.py`.
"""

from pathlib import Path

import click

from livedash_pipeline.local.batch_api.server import serve


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
def main(host: str, port: int, speed: float, state_dir: Path) -> None:
    """Run the local stand-in for OpenAI's Batch API until it is interrupted."""
    serve(host, port, state_dir, speed)


if __name__ == "__main__":
    main()
