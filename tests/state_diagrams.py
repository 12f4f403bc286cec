"""The state diagrams of `docs/data-model.md`, generated from `base/rules/states.py`: `make diagrams` writes them.

A test compares what stands there with what would be written. Add a table of moves by its heading.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livedash_pipeline.base.rules.chat_states import CHAT_BATCH_MOVES, CHAT_MOVES
from livedash_pipeline.base.rules.states import BATCH_MOVES, REQUEST_MOVES, STAGE_MOVES

PAGE = Path(__file__).parent.parent / "docs/data-model.md"
DIAGRAMS: Mapping[str, Mapping[Any, frozenset[Any]]] = {
    "### Batches": BATCH_MOVES,
    "### Requests": REQUEST_MOVES,
    "### Chat batches": CHAT_BATCH_MOVES,
    "### Conversations of a chat batch": CHAT_MOVES,
    "### Stages": STAGE_MOVES,
}
"""Tables of moves by the heading below which each is drawn."""


def state_diagram(moves: Mapping[Any, frozenset[Any]]) -> str:
    """A table of moves as a Mermaid picture, in the order of the table."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(moves))}"]
    for before, targets in moves.items():
        lines += [f"    {before} --> {after}" for after in moves if after in targets]
        if not targets:
            lines.append(f"    {before} --> [*]")
    return "\n".join(lines)


def with_diagrams(page: str) -> str:
    """A page with the picture below each heading drawn anew.

    Raises:
        ValueError: A heading has no picture below it.
    """
    for heading, moves in DIAGRAMS.items():
        picture = re.compile(rf"(^{re.escape(heading)}\n.*?```mermaid\n).*?(\n```)", flags=re.DOTALL | re.MULTILINE)
        drawn = state_diagram(moves)
        page, found = picture.subn(lambda match, drawn=drawn: f"{match[1]}{drawn}{match[2]}", page, count=1)  # type: ignore[misc]
        if not found:
            raise ValueError(f"{heading!r} has no picture below it")
    return page


def main() -> int:
    """Write the pictures."""
    before = PAGE.read_text(encoding="utf-8")
    after = with_diagrams(before)
    PAGE.write_text(after, encoding="utf-8")
    sys.stdout.write(f"{PAGE.name}: {'unchanged' if after == before else 'drawn anew'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
