"""The commands of `livedash chat-batch`, by name; each is loaded when it is called or listed.

Add a command as one line here, its module beside this one.
"""

from __future__ import annotations

from importlib import import_module

import click

from livedash_pipeline.commands.shell.command import CommandGroup

_COMMANDS = {
    "preview": "making:preview",
    "create": "making:create",
    "list": "looking:list_all",
    "show": "looking:show",
    "template": "making:template",
    "try": "working:try_first",
    "process": "working:process",
    "cancel": "working:cancel",
    "resume": "working:resume",
    "results": "looking:results",
    "erase": "erasing:erase",
    "compare": "comparing:compare",
    "documents": "documents:documents",
    "import": "moving_in:import_documents",
}


class _ChatBatches(CommandGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click passes it
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, attribute = place.split(":")
        found: click.Command = getattr(import_module(f"livedash_pipeline.commands.chat_batches.{module}"), attribute)
        return found


@click.group(
    "chat-batch",
    cls=_ChatBatches,
    example=(
        "livedash chat-batch preview questions.csv --company acme",
        "livedash chat-batch create questions.csv --company acme --name 'Spring questions'",
        "livedash chat-batch process 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b --until-done",
        "livedash chat-batch results 0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b > answers.csv",
    ),
)
def chat_batch() -> None:
    """Ask a list of questions, a conversation each, and get every answer.

    create → process → results: a file of questions becomes a batch, slices of work or the Batch API answer it, and the results
    have a row for each row of the file.
    """
