"""Finds files of ours at the service that are no longer needed.

A file is ours if it is named after a batch row, or if a row names it as its result; all other files are somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, or_, select, update

from livedash_pipeline.base.store.tables import ai_batch_requests

_batches = ai_batch_requests.c
_INPUT_NAME = re.compile(r"livedash-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl")


def removable(
    connection: Connection, endpoint: str, files: Mapping[str, str], *, settled_before: datetime, now: datetime
) -> list[str]:
    """Returns those of the remote files (id → name) that may be removed.

    Input files of batches that were settled long enough ago; older uploads of a batch that names another file and whose lease is
    over; result files of settled batches.
    """
    inputs = {file_id: UUID(match[1]) for file_id, name in files.items() if (match := _INPUT_NAME.fullmatch(name))}
    query = select(
        _batches.id,
        _batches.input_file_id,
        _batches.output_file_id,
        _batches.error_file_id,
        (_batches.processed_at <= settled_before).label("is_settled"),
        or_(_batches.lease_until.is_(None), _batches.lease_until <= now).label("is_unheld"),
    ).where(
        _batches.endpoint == endpoint,
        or_(
            _batches.id.in_(set(inputs.values())),
            _batches.output_file_id.in_(list(files)),
            _batches.error_file_id.in_(list(files)),
        ),
    )
    rows = {row.id: row for row in connection.execute(query)}
    chosen = []
    for file_id, batch_id in inputs.items():
        row = rows.get(batch_id)
        if row is None:
            continue
        is_older_upload = row.input_file_id is not None and row.input_file_id != file_id and row.is_unheld
        if row.is_settled or is_older_upload:
            chosen.append(file_id)
    for row in rows.values():
        if row.is_settled:
            chosen += [name for name in (row.output_file_id, row.error_file_id) if name in files]
    return sorted(set(chosen))


def note_deleted(connection: Connection, endpoint: str, *, settled_before: datetime, now: datetime) -> None:
    """Remembers that a batch's remote files are gone."""
    connection.execute(
        update(ai_batch_requests)
        .where(
            _batches.endpoint == endpoint, _batches.processed_at <= settled_before, _batches.files_deleted_at.is_(None)
        )
        .values(files_deleted_at=now)
    )
