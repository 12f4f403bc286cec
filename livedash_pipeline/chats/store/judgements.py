"""Judgements: pairs of answers that a model is asked about, and what it said of each.

Add what is known of a pair. Its texts are those of its turns and are kept nowhere else. Every function runs on the caller's
transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select, update

from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests, chat_judgements
from livedash_pipeline.chats.rules.judging import FAILED, PROMPT_VERSION, WAITING

_judgements = chat_judgements.c
_requests = ai_processing_requests.c


@dataclass(frozen=True)
class Pair:
    """A pair that is to be judged; `turn_b` is None where the second answer is the one that the file expects."""

    pair_hash: str
    content_hash: str
    turn_a: UUID
    turn_b: UUID | None
    body_bytes: int
    tokens: int


@dataclass(frozen=True)
class Judgement:
    """What a model said of a pair, and what that cost; neither verdict nor error while it is waited for."""

    verdict: str | None
    error_code: str | None
    cost_usd: Decimal
    cost_eur: Decimal
    unpriced_tries: int

    @property
    def said(self) -> str:
        """The verdict, or what there is instead of one."""
        return self.verdict or (WAITING if self.error_code is None else FAILED)


def request_judgements(
    connection: Connection,
    company_id: UUID,
    model: str,
    pairs: Sequence[Pair],
    *,
    max_output_tokens: int,
    now: datetime,
) -> int:
    """Makes judgements and their requests for pairs that the model was never asked about; returns how many."""
    # In one order everywhere: two that ask for the same pairs at once would wait for each other.
    ordered = sorted(pairs, key=lambda pair: pair.pair_hash)
    values = {
        "company_id": company_id,
        "model": model,
        "prompt_version": PROMPT_VERSION,
        "pair_hashes": [pair.pair_hash for pair in ordered],
        "content_hashes": [pair.content_hash for pair in ordered],
        "turns_a": [pair.turn_a for pair in ordered],
        "turns_b": [pair.turn_b for pair in ordered],
        "body_bytes": [pair.body_bytes for pair in ordered],
        "token_estimates": [pair.tokens for pair in ordered],
        "max_output_tokens": max_output_tokens,
        "now": now,
    }
    return connection.execute(statement("chats/insert_judgements"), values).rowcount


def known_judgements(
    connection: Connection, company_id: UUID, model: str, pair_hashes: Sequence[str]
) -> dict[str, Judgement]:
    """What the model was asked about, by the hash of each pair."""
    values = {
        "company_id": company_id,
        "model": model,
        "prompt_version": PROMPT_VERSION,
        "pair_hashes": list(pair_hashes),
    }
    rows = connection.execute(statement("chats/find_judgements"), values)
    return {row.pair_hash: Judgement(*row[1:]) for row in rows}


def batch_pairs(connection: Connection, batch_id: UUID, *, most: int) -> Iterator[Row[Any]]:
    """The pairs that a batch of the ledger asks about, in id order of their requests, some at a time in memory."""
    after_id = UUID(int=0)
    while True:
        rows = connection.execute(
            statement("chats/find_batch_judgements"), {"batch_id": batch_id, "after_id": after_id, "most": most}
        ).all()
        if not rows:
            return
        yield from rows
        after_id = rows[-1].id


def lock_asked(connection: Connection, batch_id: UUID) -> None:
    """Locks the judgements of all requests that were tried in a batch of the ledger."""
    connection.execute(statement("chats/lock_asked_judgements"), {"batch_id": batch_id}).all()


def end_judgements(
    connection: Connection, *, batch_id: UUID | None = None, request_ids: Sequence[UUID] = (), now: datetime
) -> int:
    """Writes what came of requests to their judgements; returns how many took it."""
    values = {"batch_id": batch_id, "request_ids": list(request_ids), "now": now}
    return connection.execute(statement("chats/end_judgements"), values).rowcount


def wait_again(connection: Connection, request_ids: Sequence[UUID]) -> None:
    """Judgements whose failed requests were put back are waited for again."""
    asked = select(_requests.chat_judgement_id).where(_requests.id.in_(request_ids))
    connection.execute(
        update(chat_judgements)
        .where(_judgements.id.in_(asked), _judgements.verdict.is_(None))
        .values(error_code=None, judged_at=None)
    )


def changed_pairs(connection: Connection, company_id: UUID) -> list[UUID]:
    """A company's pending requests whose pair is not what it was when it was asked for, locked."""
    return list(connection.execute(statement("chats/find_changed_pairs"), {"company_id": company_id}).scalars())


def count_waiting(connection: Connection, company_id: UUID | None) -> int:
    """Judgements that are waited for, of all companies or of one."""
    query = (
        select(func.count())
        .select_from(chat_judgements)
        .where(_judgements.verdict.is_(None), _judgements.error_code.is_(None))
    )
    if company_id is not None:
        query = query.where(_judgements.company_id == company_id)
    return int(connection.execute(query).scalar_one())
