"""Batches of the old system as rows: found by their old ids, and written whole.

Add a column here when documents say more. Every function runs on the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, insert, select, text

from livedash_pipeline.base.rules.chat_states import ChatMode
from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.tables import chat_batches, chat_interactions, chats
from livedash_pipeline.chats.rules.documents.moved import MovedTurn
from livedash_pipeline.chats.rules.documents.plan import (
    LONGEST_QUESTION,
    PlannedBatch,
    Times,
    cells_of,
    times_of,
    usable,
)
from livedash_pipeline.chats.rules.documents.snapshot import name_of, type_of, uploader_of
from livedash_pipeline.chats.rules.turn_ends import ANSWERED
from livedash_pipeline.chats.rules.turns import Source
from livedash_pipeline.chats.store.batches import COUNT_COLUMNS

# Two imports of one file: the second finds what the first has written.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('livedash chats moving in', 0))")


@dataclass(frozen=True)
class LegacyIds:
    """The old ids under which a batch's chats and turns are written, in their order; None where another row has one."""

    chats: Sequence[str | None]
    turns: Sequence[str | None]


def lock_moves(connection: Connection) -> None:
    """Lets no other import write until the transaction ends."""
    connection.execute(_LOCK)


def owner_of(connection: Connection, legacy_id: str) -> UUID | None:
    """The company that has a batch of this old id; None where it is not here."""
    query = select(chat_batches.c.company_id).where(chat_batches.c.legacy_id == legacy_id)
    return connection.execute(query).scalar_one_or_none()


def known_chats(connection: Connection, legacy_ids: Iterable[str]) -> set[str]:
    """Which old ids chats have already."""
    return _known(connection, chats.c.legacy_id, list(legacy_ids))


def known_turns(connection: Connection, legacy_ids: Iterable[str]) -> set[str]:
    """Which old ids turns have already."""
    return _known(connection, chat_interactions.c.legacy_id, list(legacy_ids))


def _known(connection: Connection, column: Column[Any], legacy_ids: Collection[str]) -> set[str]:
    # One array, where a list of so many parameters could not be sent.
    query = select(column).where(column == text("ANY(CAST(:legacy_ids AS text[]))"))
    return set(connection.execute(query, {"legacy_ids": legacy_ids}).scalars())


def insert_moved(
    connection: Connection, planned: PlannedBatch, company_id: UUID, ids: LegacyIds, *, now: datetime
) -> UUID:
    """Writes a batch with all its chats and turns, each of which is over."""
    values = _batch_values(planned, times_of(planned, now))
    made = insert(chat_batches).values(**values, company_id=company_id, updated_at=now).returning(chat_batches.c.id)
    batch_id: UUID = connection.execute(made).scalar_one()
    copy_rows(connection, "chats/copy_moved_chats", _chat_rows(batch_id, planned, ids.chats))
    found = connection.execute(select(chats.c.item_index, chats.c.id).where(chats.c.batch_id == batch_id))
    chat_ids = {row.item_index: row.id for row in found}
    copy_rows(connection, "chats/copy_moved_turns", _turn_rows(batch_id, chat_ids, planned, ids.turns))
    return batch_id


def _batch_values(planned: PlannedBatch, times: Times) -> dict[str, Any]:
    batch, configuration = planned.batch, planned.configuration
    counts = {column: planned.counts[state] for state, column in COUNT_COLUMNS.items()}
    return {
        "name": name_of(batch),
        "type": type_of(batch),
        "mode": ChatMode.SLICES,
        "ai_provider": configuration.provider,
        "search_provider": configuration.search_provider,
        "page_language": configuration.page_language,
        "apply_overrides": bool(batch.apply_overrides),
        "configuration": configuration.model_dump(),
        "configuration_hash": configuration.digest,
        "columns": list(planned.columns),
        "status": planned.status,
        "total_items": len(planned.chats),
        **counts,
        "uploader": uploader_of(batch),
        "created_at": times.created_at,
        "started_at": times.started_at,
        "ended_at": times.ended_at,
        "legacy_id": batch.legacy_id,
    }


def _chat_rows(batch_id: UUID, planned: PlannedBatch, legacy_ids: Sequence[str | None]) -> Iterator[tuple[Any, ...]]:
    line = 1
    for index, each in enumerate(planned.chats):
        yield (
            batch_id,
            each.chat.chat_id,
            index,
            line,
            len(each.codes),
            each.state,
            each.code,
            each.error,
            each.started_at,
            each.completed_at,
            legacy_ids[index],
        )
        line += len(each.codes)


def _turn_rows(
    batch_id: UUID, chat_ids: dict[int, UUID], planned: PlannedBatch, legacy_ids: Sequence[str | None]
) -> Iterator[tuple[Any, ...]]:
    row = 0
    for index, each in enumerate(planned.chats):
        for number, (turn, code) in enumerate(zip(each.chat.turns, each.codes, strict=True)):
            place = (batch_id, chat_ids[index], index, number, row, row + 1)
            yield (*place, *_turn_values(turn, code, planned), legacy_ids[row])
            row += 1


def _turn_values(turn: MovedTurn, code: str, planned: PlannedBatch) -> tuple[Any, ...]:
    return (
        cells_of(turn, planned.columns),
        turn.question[:LONGEST_QUESTION],
        json.dumps([_source(address) for address in turn.citations]),
        code,
        turn.error,
        turn.answer,
        turn.model,
        bool(planned.batch.apply_overrides) and code == ANSWERED,
        turn.input_tokens,
        turn.output_tokens,
        usable(turn.started_at),
        usable(turn.completed_at),
    )


def _source(address: str) -> dict[str, Any]:
    return Source("citation", address, address, address, "").document()
