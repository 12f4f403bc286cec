"""`livedash env`: how other processes on this machine find the same databases.

Add commands about the machine that belong to no other module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from livedash_pipeline.commands.shell.command import Answer, command
from livedash_pipeline.commands.shell.context import ready_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console


@command(
    "env",
    example=(
        'eval "$(livedash env)"',
        "python -m livedash_pipeline.defs.webserver --workspace workspace.yaml --port 3000",
    ),
)
def env() -> Answer:
    """Print the variables that Dagster's own processes need, for a shell to evaluate."""
    exports = ready_environment().exports()
    return Answer({"ok": True, "environment": exports}, lambda console: _draw(console, exports))


def _draw(console: Console, exports: Mapping[str, str]) -> None:
    for name, value in exports.items():
        quoted = value.replace("'", "'\\''")
        # No line may be folded, however narrow the terminal.
        console.print(f"export {name}='{quoted}'", soft_wrap=True)
