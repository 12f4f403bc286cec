"""`livedash chat-batch compare`: what changed between two runs of one file, or between answers and what was expected.

Add a way to show differences. What is the same is decided in `chats.rules.compare`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.shell.command import Answer, Document, command, page_options
from livedash_pipeline.commands.shell.context import ready_engine
from livedash_pipeline.commands.shell.output import draw_more, draw_table
from livedash_pipeline.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

_A = "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"
_B = "0196a1b2-9d8c-7b6a-8f5e-4d3c2b1a0f9e"
_TEXTS = {"question": "question", "answerA": "answer A", "answerB": "answer B"}


@command(
    "compare",
    example=(f"livedash chat-batch compare {_A} {_B}", f"livedash chat-batch compare {_A} --expected --show-text"),
)
@click.argument("a", metavar="BATCH_ID")
@click.argument("b", metavar="[OTHER_BATCH_ID]", required=False)
@click.option("--expected", is_flag=True, help="Compare with the answers that the file expects, not with another run.")
@click.option("--show-text", is_flag=True, help="Also the questions and both answers.")
@page_options("Rows", "batches")
def compare(a: str, b: str | None, expected: bool, show_text: bool, limit: int, cursor: str | None) -> Answer:
    """Compare the answers of two runs of one file, or of one run with its file's expected answers.

    Counts are of all rows; listed are those that are not the same. Case, white space, punctuation and Markdown make no
    difference.
    """
    from livedash_pipeline.chats.steps.compare import compare_document
    from livedash_pipeline.chats.steps.named import batch_id_of

    if expected == (b is not None):
        raise UsageError("Answers are compared with one thing.", remedy="Give either a second BATCH_ID or --expected.")
    with ready_engine() as (_, engine):
        document = compare_document(
            engine,
            batch_id_of(a),
            None if b is None else batch_id_of(b),
            limit=limit,
            cursor=cursor,
            show_text=show_text,
        )
    return Answer(document, lambda console: _draw(console, document, show_text=show_text))


def _draw(console: Console, document: Document, *, show_text: bool) -> None:
    counts = [(name, document[name]) for name in ("same", "changed", "missing")]
    reasons = [(f"  {name.replace('_', ' ')}", count) for name, count in document["reasons"].items() if count]
    draw_table(console, ("answers", "rows"), [*counts, *reasons], empty="")
    texts = _TEXTS if show_text else {}
    draw_table(
        console,
        ("row", "line", "verdict", "reason", *texts.values()),
        [
            (row["row"], row["sourceLine"], row["verdict"], row["reason"], *(row[name] for name in texts))
            for row in document["rows"]
        ],
        empty="No row differs.",
    )
    line = f"chat-batch compare {document['a']} {document['b'] or '--expected'}"
    draw_more(console, document["nextCursor"], f"{line} --show-text" if show_text else line)
