"""Draws the demo: a bar per stage while it runs, tables when it is done, and the document of its last line.

In a terminal the bars move; elsewhere a plain line is written whenever something has changed.
"""

from __future__ import annotations

import sys
from collections import defaultdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table
from sqlalchemy import Engine

from livedash_pipeline.base.rules.states import RequestStatus, StageStatus
from livedash_pipeline.base.rules.values import Document, money
from livedash_pipeline.base.store.stages import pipeline_status
from livedash_pipeline.ledger.steps.batches.requests import summary_document
from livedash_pipeline.ledger.store.batches.requests import count_by_status
from livedash_pipeline.local.demo_chats import chats_document
from livedash_pipeline.local.demo_progress import Progress
from livedash_pipeline.overview.steps.pipeline_report import pipeline_document
from livedash_pipeline.overview.store import demo


class Display:
    """Writes to stderr, so that stdout ends with the document."""

    def __init__(self, *, plain: bool, quiet: bool) -> None:
        self.console = Console(file=sys.stderr, quiet=quiet, markup=False, emoji=False)
        self._plain = plain or not self.console.is_terminal
        self._quiet = quiet
        self._last = ""
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def say(self, sentence: str) -> None:
        """One line for the user."""
        self.console.print(sentence, highlight=False, soft_wrap=True)

    def show(self, progress: Progress) -> None:
        """The present state, drawn or written."""
        if self._quiet:
            return
        if self._plain:
            self._write(progress)
        else:
            self._draw(progress)

    def end(self) -> None:
        """Leaves the bars as they are, and the terminal as it was."""
        if self._bars is not None:
            self._bars.stop()

    def _write(self, progress: Progress) -> None:
        stages = ", ".join(
            f"{stage.lower()} {progress.done_at(stage)}/{progress.pipeline.total_sessions}"
            for stage in progress.pipeline.stages
        )
        line = f"{stages}; {progress.open_batches} batches at the service, {progress.finished_batches} to take in"
        if line != self._last:
            self._last = line
            self.say(line)

    def _draw(self, progress: Progress) -> None:
        if self._bars is None:
            columns = (TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bars = Bars(*columns, console=self.console)
            self._bars.start()
            self._tasks = {stage: self._bars.add_task(stage, total=None) for stage in progress.pipeline.stages}
        for stage, task in self._tasks.items():
            self._bars.update(
                task,
                completed=progress.done_at(stage),
                total=progress.pipeline.total_sessions or None,
            )


def demo_document(engine: Engine, progress: Progress) -> Document:
    """The demo's last line: what came of it."""
    with engine.connect() as connection:
        figures = demo.read_figures(connection)
        chats = chats_document(connection)
    return {
        "ok": True,
        "sessions": progress.pipeline.total_sessions,
        "messages": figures.messages,
        "rejects": figures.rejects,
        "requests": summary_document(progress.requests)["summary"],
        "batches": figures.batches,
        "stages": pipeline_document(progress.pipeline)["stages"],
        "costEur": money(figures.cost_eur),
        "chatBatches": chats,
    }


def print_tables(engine: Engine, console: Console) -> None:
    """Stages, requests, batches, sentiments, categories and rejected rows."""
    with engine.connect() as connection:
        status = pipeline_status(connection)
        requests = count_by_status(connection)
        chats = demo.chat_rows(connection)
        batches = demo.batch_rows(connection)
        rejects = demo.rejects_by_reason(connection)
        spread = {column: demo.sessions_by(connection, column) for column in ("sentiment", "category", "language")}
    stages = [[stage, *(str(counts[state]) for state in StageStatus)] for stage, counts in status.stages.items()]
    console.print(_table("Sessions per stage", ["stage", *(state.lower() for state in StageStatus)], stages))
    console.print(
        _table("Requests", ["status", "requests"], [[state.lower(), str(requests[state])] for state in RequestStatus])
    )
    console.print(
        _table(
            "Batches",
            ["company", "model", "status", "requests", "EUR"],
            [
                [slug, model, state.lower(), str(count), money(cost) or "?"]
                for slug, model, state, count, cost in batches
            ],
        )
    )
    console.print(
        _table(
            "Chat batches",
            ["company", "name", "status", "chats", "answered", "EUR"],
            [
                [slug, name, state.lower(), str(total), str(done), money(cost) or "?"]
                for slug, name, state, total, done, cost in chats
            ],
        )
    )
    for column, counted in spread.items():
        console.print(_pivot(f"Sessions by {column}", column, counted))
    console.print(
        _table(
            "Rejected rows",
            ["company", "reason", "rows", "first line"],
            [[slug, reason, str(count), str(line)] for slug, reason, count, line in rejects],
        )
    )


def _table(title: str, header: list[str], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(header):
        table.add_column(name, justify="left" if number == 0 or not _is_numeric(rows, number) else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _is_numeric(rows: list[list[str]], column: int) -> bool:
    return all(row[column].replace(".", "", 1).isdigit() for row in rows)


def _pivot(title: str, column: str, counted: list[tuple[str, str, int]]) -> Table:
    companies = sorted({slug for slug, _, _ in counted})
    values: dict[str, dict[str, int]] = defaultdict(dict)
    for slug, value, count in counted:
        values[value][slug] = count
    rows = [[value, *(str(by.get(slug, 0)) for slug in companies)] for value, by in sorted(values.items())]
    return _table(title, [column, *companies], rows)
