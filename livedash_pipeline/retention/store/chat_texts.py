"""Deletes the texts of chat batches: by age, a batch at a time, or of conversations that somebody wants to be forgotten.

Add a place where words of a chat batch are kept. Rows, counts, ids, codes, hashes, tokens and costs stay. Every function runs on
the caller's transaction, which holds the batch's row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Text, cast, func, select, update

from livedash_pipeline.base.rules.chat_states import OPEN_CHATS
from livedash_pipeline.base.rules.retention_periods import Cutoffs
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import chat_batches, chats
from livedash_pipeline.retention.store.retention import TextCounts

_batches = chat_batches.c
_chats = chats.c
_WITHOUT_PROMPTS = _batches.configuration.concat({"system_prompt": "", "override_text": None})


@dataclass(frozen=True, slots=True)
class PrunableBatch:
    """A chat batch whose questions, answers or both are older than its company keeps them."""

    id: UUID
    questions: bool
    answers: bool


def prunable_batches(connection: Connection, company_id: UUID, cutoffs: Cutoffs) -> list[PrunableBatch]:
    """Chat batches of a company that ended before its cutoffs and still have such texts."""
    values = {
        "company_id": company_id,
        "messages_before": cutoffs.messages,
        "answers_before": cutoffs.answers,
    }
    rows = connection.execute(statement("retention/find_prunable_chat_batches"), values)
    return [PrunableBatch(row.id, row.prunes_questions, row.prunes_answers) for row in rows]


def count_texts(connection: Connection, batch_id: UUID, chat_ids: Sequence[UUID] | None = None) -> TextCounts:
    """Questions, as messages, and answers that are there: of a batch, or of some of its conversations."""
    row = connection.execute(statement("retention/count_chat_texts"), _chosen(batch_id, chat_ids)).one()
    return TextCounts(messages=row.questions, answers=row.answers)


def delete_questions(connection: Connection, batch_id: UUID, *, now: datetime) -> None:
    """Deletes questions, what went with them, the file's cells, and the prompts of a batch."""
    connection.execute(statement("retention/delete_chat_questions"), _chosen(batch_id, None))
    connection.execute(
        update(chat_batches)
        .where(_batches.id == batch_id)
        .values(questions_deleted_at=now, configuration=_WITHOUT_PROMPTS)
    )


def delete_answers(connection: Connection, batch_id: UUID, *, now: datetime) -> None:
    """Deletes the answers of a batch, also those in the ledger."""
    connection.execute(statement("retention/delete_chat_answers"), {**_chosen(batch_id, None), "now": now})
    connection.execute(update(chat_batches).where(_batches.id == batch_id).values(answers_deleted_at=now))


@dataclass(frozen=True, slots=True)
class NamedChats:
    """Conversations that are to be erased: all of a batch, or those that somebody named."""

    ids: list[UUID]
    is_whole: bool
    open_chats: int


def named_chats(connection: Connection, batch_id: UUID, name: str | None) -> NamedChats:
    """The conversations of a batch, or those with this id, ours or the file's; `open_chats` of them have not ended."""
    query = select(_chats.id, _chats.state).where(_chats.batch_id == batch_id).order_by(_chats.id).with_for_update()
    if name is not None:
        query = query.where(
            (_chats.chat_id == name) | (_chats.source_chat_id == name) | (cast(_chats.id, Text) == name)
        )
    rows = connection.execute(query).all()
    still_open = sum(row.state in OPEN_CHATS for row in rows)
    return NamedChats([row.id for row in rows], name is None, still_open)


def erase_chats(connection: Connection, company_id: UUID, batch_id: UUID, named: NamedChats, *, now: datetime) -> int:
    """Erases all that conversations said, wherever it stands; returns how many later questions had copies of it."""
    chosen = _chosen(batch_id, named.ids)
    copies = connection.execute(statement("retention/erase_chat_copies"), {**chosen, "company_id": company_id}).rowcount
    connection.execute(statement("retention/delete_chat_questions"), chosen)
    connection.execute(statement("retention/delete_chat_answers"), {**chosen, "now": now})
    connection.execute(statement("retention/erase_chat_errors"), {**chosen, "now": now})
    connection.execute(
        update(chats).where(_chats.id.in_(named.ids)).values(erased_at=func.coalesce(_chats.erased_at, now))
    )
    if named.is_whole:
        connection.execute(update(chat_batches).where(_batches.id == batch_id).values(configuration=_WITHOUT_PROMPTS))
    return copies


def _chosen(batch_id: UUID, chat_ids: Sequence[UUID] | None) -> dict[str, Any]:
    return {"batch_id": batch_id, "chat_ids": None if chat_ids is None else list(chat_ids)}
