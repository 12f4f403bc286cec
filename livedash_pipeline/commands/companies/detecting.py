"""What `livedash company detect` says to people: the proposal with its evidence, how many records fit, and the first of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from livedash_pipeline.commands.shell.command import Document
from livedash_pipeline.commands.shell.output import draw_table, show

if TYPE_CHECKING:
    from rich.console import Console


def draw_detection(console: Console, document: Document) -> None:
    """A proposal for a CSV."""
    console.print("Proposed CSV profile:")
    console.print(json.dumps(document["csvProfile"], indent=2, ensure_ascii=False), soft_wrap=True)
    draw_table(
        console,
        ("field", "why"),
        [(each["field"], each["reason"]) for each in document["evidence"]],
        empty="It is the seed's format.",
    )
    _draw_rows(console, document)
    fitting, records = document["fitting"], document["records"]
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in document["rejected"].items())
    console.print(
        f"{fitting:,} of {records:,} records fit{f'; the others: {rejected}' if rejected else ''}.", soft_wrap=True
    )
    if document["unread"]:
        console.print(
            f"{show(document['unread'])} of them have a value that cannot be read; it is noted with the session."
        )
    for sentence in document["unclear"]:
        console.print(f"Unclear: {sentence}", soft_wrap=True)
    console.print(_next(document), soft_wrap=True)


def _draw_rows(console: Console, document: Document) -> None:
    for number, row in enumerate(document["firstRows"], 1):
        console.print(f"Record {number} as it would be stored:")
        for name, value in row.items():
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
            console.print(f"  {name}: {show(shown)}", soft_wrap=True)


def _next(document: Document) -> str:
    slug = document["company"]
    if document["saved"]:
        return f"Saved. Next: livedash import --company {slug}"
    if document["unclear"]:
        return "Nothing was saved. Say what is unclear, then add --save."
    by_hand = f"write it to a file, change it there, and run livedash company set {slug} --csv-profile FILE"
    return f"Nothing was saved. If this is right, add --save; if it is not, {by_hand}."
