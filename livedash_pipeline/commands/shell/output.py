"""Printing: documents for programs, and tables and sentences for people.

Add a way to show a kind of value. Nothing here knows a command; what a document holds is decided by steps.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import click

from livedash_pipeline.storage import writing

if TYPE_CHECKING:
    from rich.console import Console

    from livedash_pipeline.commands.shell.command import Answer

# Wide enough that nothing is folded where a program or a file reads the table.
_UNFOLDED = 10_000
# Those of a UUID.
_ID_LENGTH, _ID_DASHES = 36, 4


def print_answer(answer: Answer, *, as_json: bool) -> None:
    """The one place where a command's answer is printed."""
    with writing("The answer", "stdout"):
        if as_json:
            print_document(answer.document)
            return
        answer.draw(make_console())
        # A reader that has gone is noticed here, where it is handled, and not when the interpreter ends.
        sys.stdout.flush()


def print_document(document: Mapping[str, Any]) -> None:
    """One JSON document: on one line, unless a person looks. ASCII only, whatever stdout is able to encode."""
    click.echo(json.dumps(document, indent=2 if sys.stdout.isatty() else None))


def make_console() -> Console:
    """A console on stdout: colours and folding only on a terminal."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        force_terminal=terminal,
        width=None if terminal else _UNFOLDED,
        highlight=False,
        markup=False,
        emoji=False,
    )


def draw_table(console: Console, header: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table with numbers to the right; without rows, the sentence that says what to do next."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    listed = list(rows)
    if not listed:
        console.print(empty)
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for title, values in zip(header, zip(*listed, strict=True), strict=True):
        justify: Literal["left", "right"] = "right" if _numeric(values) else "left"
        # An id is there to be copied.
        table.add_column(title, justify=justify, overflow="fold", no_wrap=any(map(_is_id, values)))
    for row in listed:
        table.add_row(*map(show, row))
    console.print(table)


def draw_list(
    console: Console, header: Sequence[str], rows: Iterable[Sequence[object]], *, chosen: Collection[str], empty: str
) -> None:
    """A table of a command with `--wide`: without it, only the chosen columns, which fit a terminal of 80 characters."""
    shown = [number for number, title in enumerate(header) if is_wide() or title in chosen]
    draw_table(
        console, [header[number] for number in shown], [[row[number] for number in shown] for row in rows], empty=empty
    )


def is_wide() -> bool:
    """Whether the command that is running was given `--wide`."""
    from livedash_pipeline.commands.shell.command import WIDE

    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(WIDE))


def draw_facts(console: Console, facts: Mapping[str, Any]) -> None:
    """What is known of one thing, a line each; a fact within another one has both names: `lines.failed`."""
    draw_table(console, ("what", "is"), _flat(facts), empty="")


def draw_more(console: Console, next_cursor: str | None, line: str, **options: str | None) -> None:
    """The command that shows the next page, with the options that the page was made with; nothing on the last one."""
    if next_cursor is None:
        return
    chosen = "".join(f" --{name} {shlex.quote(value)}" for name, value in options.items() if value)
    console.print(f"More: livedash {line}{chosen} --cursor {next_cursor}", soft_wrap=True)


def show(value: object) -> str:
    """A value in a table or a sentence; control characters, which could act on a terminal, are replaced."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "".join(character if character.isprintable() else " " for character in str(value))


def show_moment(text: str | None) -> str:
    """A moment of a document, in UTC."""
    return "" if text is None else show(datetime.fromisoformat(text))


def show_span(seconds: int) -> str:
    """A span of time in its two largest units: `2 d 3 h`, `5 min 1 s`, `0 s`."""
    parts = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def show_bound(text: str | None) -> str:
    """The most that something costs, to the hundredth of a cent, as the end of a sentence."""
    return "the cost is unknown" if text is None else f"at most €{Decimal(text):.4f}"


def _flat(facts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, str | None]]:
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{within}{name}.")
        else:
            yield within + name, None if value is None else str(value)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) == _ID_LENGTH and value.count("-") == _ID_DASHES


def _numeric(values: Iterable[object]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | Decimal) and not isinstance(value, bool) for value in known)
