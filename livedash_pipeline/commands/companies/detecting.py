"""What `livedash company detect` says to people: the proposal with its evidence, how many records fit, and the first of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from livedash_pipeline.commands.shell.command import Document
from livedash_pipeline.commands.shell.output import draw_table, show

if TYPE_CHECKING:
    from rich.console import Console


def draw_detection(console: Console, document: Document) -> None:
    """Proposals for a CSV and for transcripts; only what was looked at."""
    if "csvProfile" in document:
        _draw_csv(console, document)
    transcripts = document["transcripts"]
    if transcripts["lookedAt"] or transcripts["notFetched"]:
        _draw_transcripts(console, transcripts)
    console.print(_next(document), soft_wrap=True)


def _draw_csv(console: Console, document: Document) -> None:
    _draw_proposal(console, "CSV profile", document["csvProfile"], document["evidence"])
    _draw_rows(console, document)
    fitting, records = document["fitting"], document["records"]
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in document["rejected"].items())
    others = f"; the others: {rejected}" if rejected else ""
    console.print(f"{fitting:,} of {records:,} records fit{others}.", soft_wrap=True)
    if document["unread"]:
        console.print(f"{document['unread']:,} have a value that cannot be read; it is noted with the session.")
    _draw_unclear(console, document["unclear"])


def _draw_transcripts(console: Console, found: Document) -> None:
    if found["transcriptProfile"] is not None:
        _draw_proposal(console, "transcript profile", found["transcriptProfile"], found["evidence"])
        said = ", ".join(f"{count:,} of {role}" for role, count in found["messages"].items()) or "none"
        told = f"Messages in {found['lookedAt']:,} transcripts: {said}. Transcripts that cannot be read: {found['refused']:,}."
        console.print(told, soft_wrap=True)
    for failure in found["notFetched"]:
        told = f"Transcripts that could not be had ({failure['reason']}): {failure['count']:,}; {failure['remedy']}."
        console.print(told, soft_wrap=True)
    _draw_unclear(console, found["unclear"])


def _draw_proposal(console: Console, name: str, profile: Document, evidence: list[Document]) -> None:
    console.print(f"Proposed {name}:")
    console.print(json.dumps(profile, indent=2, ensure_ascii=False), soft_wrap=True)
    rows = [(each["field"], each["reason"]) for each in evidence]
    draw_table(console, ("field", "why"), rows, empty="It is the standard format.")


def _draw_unclear(console: Console, sentences: list[str]) -> None:
    for sentence in sentences:
        console.print(f"Unclear: {sentence}", soft_wrap=True)


def _draw_rows(console: Console, document: Document) -> None:
    for number, row in enumerate(document["firstRows"], 1):
        console.print(f"Record {number} as it would be stored:")
        for name, value in row.items():
            shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
            console.print(f"  {name}: {show(shown)}", soft_wrap=True)


def _next(document: Document) -> str:
    slug, transcripts = document["company"], document["transcripts"]
    if document.get("saved") or transcripts["saved"]:
        left = " the CSV profile, and nothing about transcripts" if transcripts["unclear"] else ""
        return f"Saved{left}. Next: livedash import --company {slug}"
    if document.get("unclear") or transcripts["unclear"]:
        return "Nothing was saved. Say what is unclear, then add --save; or write a profile by hand: docs/profiles.md."
    files = "--csv-profile FILE, or --transcript-profile FILE"
    return f"Nothing was saved. If this is right, add --save; if not, change it in a file: livedash company set {slug} {files}."
