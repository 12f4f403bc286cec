"""Parcels beside sessions: what a schedule needs to run two kinds of request side by side.

The kind itself is `tests.ledger.kinds.parcels`; what must hold of requests, batches and charges is the same for every kind and is
in `invariants.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.store.batches.request_kind import Kinds
from tests.ledger.kinds.parcels import INSTALL, ParcelWeight

BOTH_KINDS = Kinds.of(*KINDS.values(), ParcelWeight())
PARCELS = 2
"""Parcels of each company."""

_STORE = text(
    "INSERT INTO parcels (company_id, contents) SELECT id, slug || ' ' || n FROM companies, generate_series(1, :n) AS n"
)
_STATES = text("""
    SELECT parcels.id, asked_at, language, answered = md5(contents) AS is_answered, failed = md5(contents) AS has_failed,
        batch_id, processing_status
    FROM parcels LEFT JOIN LATERAL (
        SELECT batch_id, processing_status FROM ai_processing_requests AS requests WHERE parcel_id = parcels.id
        ORDER BY requested_at DESC, requests.id DESC LIMIT 1
    ) AS newest ON true ORDER BY parcels.id
""")


def install(engine: Engine) -> None:
    """Does what the migration of the kind does."""
    with engine.begin() as connection:
        connection.exec_driver_sql(INSTALL)


def store_parcels(connection: Connection) -> None:
    """Some parcels for every company."""
    connection.execute(_STORE, {"n": PARCELS})


def change_parcel(connection: Connection, place: int) -> None:
    """Somebody puts something else into a parcel, which it never held before."""
    ids = list(connection.execute(text("SELECT id FROM parcels ORDER BY id")).scalars())
    connection.execute(
        text("UPDATE parcels SET contents = contents || '.' WHERE id = :id"), {"id": ids[place % len(ids)]}
    )


def count_waiting(connection: Connection) -> int:
    """Parcels that the flow has still to ask about."""
    return sum(not (state.is_answered or state.has_failed) for state in connection.execute(_STATES))


def parcel_violations(connection: Connection, doubtful: set[UUID]) -> Iterator[str]:
    """Every parcel ends answered or failed, as its newest request did, unless that one waits for a person."""
    for state in connection.execute(_STATES):
        if state.batch_id in doubtful and state.processing_status == "BATCHING_IN_PROGRESS":
            continue
        if state.processing_status == "PENDING_BATCHING" and doubtful:
            continue
        if state.asked_at is not None:
            yield f"parcel {state.id} is still asked about"
        if state.is_answered:
            if state.processing_status != "PROCESSING_COMPLETE" or state.language is None:
                yield f"parcel {state.id} is answered and its newest request is {state.processing_status}"
        elif not state.has_failed:
            yield f"parcel {state.id} waits, and its newest request is {state.processing_status}"
