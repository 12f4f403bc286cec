"""The command `livedash`: its commands by name, the options before a command, and nothing else.

Add a command as one line in `SECTIONS`; its module below `commands` is loaded when it is called or when help lists it, and
imports the heavy libraries only inside the command, so that `livedash --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

from livedash_pipeline.commands.shell.command import ExampleMixin, GlobalOptions
from livedash_pipeline.commands.shell.guard import exit_status
from livedash_pipeline.garbage import spare_what_is_loaded
from livedash_pipeline.streams import open_closed_streams

SECTIONS = {
    "The flow, in its order": {
        "company": "companies.group:company",
        "import": "pipeline:import_sessions",
        "submit": "pipeline:submit",
        "poll": "pipeline:poll",
        "ingest": "pipeline:ingest",
        "status": "reports:status",
    },
    "What happened, and trying again": {
        "spend": "spend:spend",
        "caps": "companies.caps:caps",
        "summary": "reports:summary",
        "requests": "requests:requests",
        "request": "requests:request",
        "requeue": "requests:requeue",
        "reread": "requests:reread",
        "batches": "batches:batches",
        "batch": "batches:batch",
        "cancel": "batches:cancel",
        "reconcile": "batches:reconcile",
        "failed": "sessions:failed",
        "retry": "sessions:retry",
        "session": "sessions:session",
        "rejects": "rejects:rejects",
        "export": "export:export",
    },
    "Lists of questions": {
        "chat-batch": "chat_batches.group:chat_batch",
    },
    "The HTTP API": {
        "serve": "serve:serve",
        "token": "access:token",
        "audit": "access:audit",
    },
    "This machine": {
        "demo": "local:demo",
        "dev": "local:dev",
        "env": "machine:env",
        "doctor": "doctor:doctor",
        "db": "database:db",
        "import-livedash": "import_livedash:import_livedash",
        "prune": "prune:prune",
        "archive": "archive:archive",
        "rate": "prices.rates:rate",
        "price": "prices.group:price",
        "model": "models:model",
        "batch-api": "batch_api:batch_api",
    },
}
"""Commands by section and name, each as module and attribute below `livedash_pipeline.commands`."""

_PLACES = {name: place for commands in SECTIONS.values() for name, place in commands.items()}


class Livedash(ExampleMixin, click.Group):
    """The group of all commands: loads them when they are needed and turns every failure into a message."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """All names, in the order of help."""
        return list(_PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click passes it
        """One command, loaded from its module."""
        place = _PLACES.get(cmd_name)
        if place is None:
            return None
        module, attribute = place.split(":")
        found: click.Command = getattr(import_module(f"livedash_pipeline.commands.{module}"), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One list of commands per section."""
        width = max(map(len, _PLACES))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self._short_help(ctx, name)) for name in commands])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *rest: Any, **extra: Any) -> Any:
        """Runs a command and exits with its status; an argument that is no text is refused before."""
        arguments = list(sys.argv[1:] if args is None else args)
        options = GlobalOptions()
        extra |= {"standalone_mode": False, "obj": options}
        run = super().main
        sys.exit(exit_status(lambda: run(arguments, prog_name or "livedash", *rest, **extra), arguments, options))

    def _short_help(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=200) if command else ""


@click.command(
    cls=Livedash,
    example=(
        "livedash company add acme --csv-url https://chats.example.com/acme.csv",
        "livedash import && livedash submit",
        "livedash poll && livedash ingest && livedash status",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("-v", "--verbose", is_flag=True, help="Log more on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Log errors only.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
@click.version_option(package_name="livedash-pipeline", prog_name="livedash")
@click.pass_obj
def cli(options: GlobalOptions, verbose: bool, quiet: bool, debug: bool) -> None:
    """Chat sessions in, analysed sessions out.

    company add → import → submit → poll → ingest → status: each step runs to its end in the foreground and is recorded as a
    Dagster run. Poll again until the service has finished, then ingest.

    Every command takes --json: one JSON document on stdout, logs on stderr. Exit status: 0 done, 1 the work failed,
    2 usage or settings, 130 interrupted.
    """
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other.")
    options.verbose, options.quiet, options.debug = verbose, quiet, debug


def main() -> None:
    """Entry point of the script `livedash`."""
    open_closed_streams()
    spare_what_is_loaded()
    if isinstance(sys.stdout, TextIOWrapper):
        # A terminal or a file that takes ASCII only gets an escape for a name's accent, not an error.
        sys.stdout.reconfigure(errors="backslashreplace")
    cli.main()


if __name__ == "__main__":
    main()
