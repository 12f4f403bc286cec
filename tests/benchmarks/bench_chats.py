"""Chat batches: made of a file, written out again in each format, and how much of a slice's time is not waiting for answers.

Eight questions at once are answered after 200 ms by a script, so that all other time of a slice is the pipeline's own.
"""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.create import create_batch
from livedash_pipeline.chats.steps.new_batch import NewBatch
from livedash_pipeline.chats.steps.process import process_for_duration
from livedash_pipeline.chats.steps.results import FORMATS, open_results
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down
from tests.support.chat_rounds import ScriptedChats, answered, chat_context, make_batch

_COLUMNS = ("id", "question", "department", "expected answer")
_MOST = 50_000
_AT_ONCE = 8
_ANSWER_SECONDS = 0.2
_SLICE_SECONDS = (2, 20)


def measure(site: Site, size: int) -> list[Figure]:
    """A batch of as many questions as asked for, 50,000 at most, and a slice of 2 to 20 s of another one."""
    rows = min(size, _MOST)
    context = chat_context(site.engine, ScriptedChats())
    company = make_company(site).slug
    content = _file(rows)
    watch = Stopwatch()
    with watch.running():
        made = create_batch(context, NewBatch(company=company), content, "questions.csv").batch_id
    figures = [Figure("chats: create", size, rows, watch.seconds, watch.peak_mb, unit="s", goal=10)]
    _answer_all(site, made)
    settle_down(site)
    figures += [_written(context, made, file_format, site.scratch, size, rows) for file_format in FORMATS]
    return [*figures, _slice(context, company, size)]


def _file(rows: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for each in range(rows):
        writer.writerow((each, f"What is question {each}, and why is it asked so often?", f"HR {each % 7}", "Because."))
    return out.getvalue().encode()


def _answer_all(site: Site, batch_id: UUID) -> None:
    """Every question is answered, as slices would leave it."""
    with site.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE chat_interactions SET outcome_code = 'answered', model = 'gpt-5-mini', input_tokens = 100,"
                " output_tokens = 200, cost_usd = 0.0004, cost_eur = 0.00036, started_at = now(), completed_at = now(),"
                " answer = repeat('An answer of some length that says what people want to know. ', 6)"
                " WHERE batch_id = :id"
            ),
            {"id": batch_id},
        )


def _written(context: ChatContext, batch_id: UUID, file_format: Any, scratch: Path, size: int, rows: int) -> Figure:
    watch = Stopwatch()
    path = scratch / f"results.{file_format}"
    with watch.running(), path.open("w+b") as out, open_results(context.engine, batch_id) as found:
        found.write(out, file_format=file_format)
    require(path.stat().st_size > rows, f"{file_format}: {path.stat().st_size} bytes")
    return Figure(f"chats: results, {file_format}", size, rows, watch.seconds, watch.peak_mb, unit="s", goal=10)


def _slice(context: ChatContext, company: str, size: int) -> Figure:
    """Percent of a slice's time in which its workers were not waiting for answers."""
    waited: list[float] = []

    def answer(_question: str) -> CallEnd:
        begun = time.perf_counter()
        time.sleep(_ANSWER_SECONDS)
        waited.append(time.perf_counter() - begun)
        return answered()

    slow = chat_context(context.engine, ScriptedChats(answer))
    shortest, longest = _SLICE_SECONDS
    seconds = max(shortest, min(longest, size // 1000))
    batch_id = make_batch(slow, company, 2 * _AT_ONCE * int(seconds / _ANSWER_SECONDS))
    process_for_duration(slow, batch_id, seconds=1)
    waited.clear()
    watch = Stopwatch()
    with watch.running():
        asked = process_for_duration(slow, batch_id, seconds=seconds).processed
    require(asked > 0, "no question was asked")
    share = 100 * (1 - sum(waited) / (_AT_ONCE * watch.seconds))
    return Figure(
        "chats: slice, outside calls", size, asked, watch.seconds, watch.peak_mb, value=share, unit="%", goal=5
    )
