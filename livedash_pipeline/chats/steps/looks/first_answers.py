"""The first answers of a batch while it is asked, for a look at whether they are what was wanted.

Bounded in answers, rows looked through, and characters; whoever wants all of them takes the results. Add what such a look needs.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.store.results import first_answers
from livedash_pipeline.errors import UsageError

USUAL = 10
MOST = 50
# Batches are asked in the order of their file, so the first answers stand in front.
_LOOKED_THROUGH = 20_000
_LONGEST_TEXT = 2_000


def first_answers_document(
    engine: Engine, batch_id: UUID, *, most: int = USUAL, viewer: Viewer = EVERYBODY
) -> Document:
    """The first questions of a batch that were answered, each with its answer; long texts are cut, and say so.

    Raises:
        UsageError: No such batch, or too many answers are asked for.
    """
    if not 1 <= most <= MOST:
        raise UsageError(f"{most:,} answers are not shown at once.", remedy=f"Use 1 to {MOST}, or take the results.")
    with engine.connect() as connection:
        batch = required_batch(connection, batch_id, viewer=viewer)
        rows = first_answers(connection, batch_id, most=most, bound=_LOOKED_THROUGH)
    answers = [
        {
            "row": row.row_index,
            "sourceLine": row.source_line,
            "turn": row.turn,
            "question": _cut(row.question),
            "answer": _cut(row.answer),
            "citations": [source["url"] or source["title"] for source in row.sources],
            "completedAt": moment(row.completed_at),
        }
        for row in rows
    ]
    return {"ok": True, "batchId": str(batch_id), "answers": answers, "isOver": batch.ended_at is not None}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} … [cut from {len(text):,} characters]"
