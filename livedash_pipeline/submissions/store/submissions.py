"""Stores submitted sessions in `session_imports`, and finds companies with waiting ones.

Add reads and writes that submissions need; from `session_imports` on, submitted sessions are treated as all others. Every
function runs on the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.intake.rules.submitted_messages import SUBMITTED
from livedash_pipeline.intake.store.sessions import lock_derivation
from livedash_pipeline.submissions.rules.items import AcceptedItem

MergeOutcome = Literal["created", "updated", "unchanged", "erased", "texts_deleted"]
# How many sessions waiting for their analysis the sensor examines for an existing request.
_OLDEST = 5_000


@dataclass(frozen=True, slots=True)
class WaitingCompany:
    """A company by its slug, and how many of its submitted sessions wait to be derived or asked about."""

    company: str
    sessions: int


def merge_submissions(
    connection: Connection, company_id: UUID, items: Sequence[AcceptedItem], now: datetime
) -> list[MergeOutcome]:
    """Stores a chunk; returns the result of each item, in their order. No id may occur twice."""
    # A derivation reads rows and then marks them as derived; nothing may change them in between.
    lock_derivation(connection, company_id)
    connection.execute(statement("submissions/create_scratch_submissions"))
    copy_rows(
        connection,
        "submissions/copy_scratch_submissions",
        (
            (
                position,
                item.external_id,
                item.start.isoformat(),
                item.end.isoformat(),
                item.start,
                item.end,
                item.ip_address,
                item.country_raw,
                item.country,
                item.language_raw,
                item.language,
                item.content_hash,
                item.transcript,
                item.transcript_sha256,
                item.replaced,
            )
            for position, item in enumerate(items)
        ),
    )
    rows = connection.execute(
        statement("submissions/merge_submissions"), {"company_id": company_id, "url": SUBMITTED, "now": now}
    )
    return [row.outcome for row in rows]


def companies_with_submissions(connection: Connection) -> list[WaitingCompany]:
    """Returns working companies with submitted sessions that can be derived or asked about now."""
    rows = connection.execute(statement("submissions/find_companies_with_submissions"), {"oldest": _OLDEST})
    return [WaitingCompany(**row) for row in rows.mappings()]
