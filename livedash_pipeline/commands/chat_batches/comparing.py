"""`livedash chat-batch compare`: what changed between two runs of one file, or between answers and what was expected.

Add a way to show differences. What is the same is decided in `chats.rules.compare`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from livedash_pipeline.commands.chat_batches.opened import chat_context
from livedash_pipeline.commands.shell.command import Answer, Document, command, page_options
from livedash_pipeline.commands.shell.completion import complete_chat_batch
from livedash_pipeline.commands.shell.output import draw_more, draw_table
from livedash_pipeline.errors import UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from rich.console import Console

    from livedash_pipeline.chats.steps.context import ChatContext

_A = "0196a1b2-3c4d-7e5f-8a9b-0c1d2e3f4a5b"
_B = "0196a1b2-9d8c-7b6a-8f5e-4d3c2b1a0f9e"
_TEXTS = {"question": "question", "answerA": "answer A", "answerB": "answer B"}


@command(
    "compare",
    example=(
        f"livedash chat-batch compare {_A} {_B}",
        f"livedash chat-batch compare {_A} --expected --show-text",
        f"livedash chat-batch compare {_A} {_B} --judge --dry-run",
    ),
)
@click.argument("a", metavar="BATCH_ID", shell_complete=complete_chat_batch)
@click.argument("b", metavar="[OTHER_BATCH_ID]", required=False, shell_complete=complete_chat_batch)
@click.option("--expected", is_flag=True, help="Compare with the answers that the file expects, not with another run.")
@click.option("--show-text", is_flag=True, help="Also the questions and both answers.")
@click.option(
    "--judge", is_flag=True, help="Let a model judge answers that differ: requests for the next batch, which cost."
)
@click.option("--judge-model", metavar="MODEL", help="The judge whose verdicts are shown.  [default: OPENAI_MODEL]")
@click.option(
    "--dry-run", is_flag=True, help="With --judge: only say how many pairs it would be asked, and what that costs."
)
@page_options("Rows", "batches")
def compare(
    a: str,
    b: str | None,
    expected: bool,
    show_text: bool,
    judge: bool,
    judge_model: str | None,
    dry_run: bool,
    limit: int,
    cursor: str | None,
) -> Answer:
    """Compare the answers of two runs of one file, or of one run with its file's expected answers.

    Counts are of all rows; listed are those that are not the same. Case, white space, punctuation and Markdown make no
    difference. What a model has said of answers that differ stands beside them; it is asked with --judge only, once about
    each pair.
    """
    from livedash_pipeline.chats.steps.compare import compare_document
    from livedash_pipeline.chats.steps.named import batch_id_of

    if expected == (b is not None):
        raise UsageError("Answers are compared with one thing.", remedy="Give either a second BATCH_ID or --expected.")
    if dry_run and not judge:
        raise UsageError(
            "Comparing changes nothing, so there is no dry run of it.", remedy="Use --dry-run with --judge."
        )
    with chat_context() as context:
        first, second = batch_id_of(a), None if b is None else batch_id_of(b)
        model = judge_model or context.settings.openai_model
        asked = _ask(context, first, second, model=model, dry_run=dry_run) if judge else None
        document = compare_document(
            context.engine, first, second, limit=limit, cursor=cursor, show_text=show_text, judge=model
        )
    document = {**document, "judging": asked}
    options = [*(["--show-text"] if show_text else []), *(["--judge-model", judge_model] if judge_model else [])]
    return Answer(document, lambda console: _draw(console, document, options, show_text=show_text))


def _ask(context: ChatContext, a: UUID, b: UUID | None, *, model: str, dry_run: bool) -> Document:
    from livedash_pipeline.chats.steps.judging.ask_for import ask_for_judgements

    return ask_for_judgements(context, a, b, model=model, dry_run=dry_run)


def _draw(console: Console, document: Document, options: list[str], *, show_text: bool) -> None:
    _draw_judging(console, document)
    counts = [(name, document[name]) for name in ("same", "changed", "missing")]
    reasons = [(f"  {name.replace('_', ' ')}", count) for name, count in document["reasons"].items() if count]
    draw_table(console, ("answers", "rows"), [*counts, *reasons], empty="")
    texts = _TEXTS if show_text else {}
    draw_table(
        console,
        ("row", "line", "verdict", "reason", "judge", *texts.values()),
        [
            (
                row["row"],
                row["sourceLine"],
                row["verdict"],
                row["reason"],
                row["judgement"] or "",
                *(row[name] for name in texts),
            )
            for row in document["rows"]
        ],
        empty="No row differs.",
    )
    line = ["chat-batch compare", document["a"], document["b"] or "--expected", *options]
    draw_more(console, document["nextCursor"], " ".join(line))


def _draw_judging(console: Console, document: Document) -> None:
    asked, said = document["judging"], document["judgements"]
    if asked is not None:
        would = "would be asked" if asked["dryRun"] else "is asked with the next batch"
        cost = "an unknown amount" if asked["costEurAtMost"] is None else f"at most {asked['costEurAtMost']} EUR"
        console.print(
            f"{asked['model']} {would} about {asked['requested']} of {asked['pairs']} pairs that differ: {cost}. "
            f"It knows {asked['known']} already.",
            highlight=False,
        )
    names = ("same", "different", "undecided", "waiting", "failed")
    if any(said[name] for name in names):
        counts = [(f"{said['model']}: {name}", said[name]) for name in (*names, "notJudged") if said[name]]
        cost = "unknown" if said["costEur"] is None else said["costEur"]
        draw_table(console, ("judgements", "rows"), [*counts, ("cost in EUR", cost)], empty="")
