"""Batches of ours that the service has, as witnesses of what its listing shows.

Only those count that were made with the key that looks: another project's key sees nothing of ours.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Select, select, union_all

from livedash_pipeline.core.evidence import OLDEST_WITNESS, OwnBatch, Tag, Witnesses
from livedash_pipeline.core.judgement import VANISHED
from livedash_pipeline.db.tables import ai_batch_requests, endpoint_probes

_batches = ai_batch_requests.c
_probes = endpoint_probes.c

# Of those made before a create, the newest few: should the service have forgotten one, the next stands in for it.
_EARLIER = 3


def read_witnesses(connection: Connection, endpoint: str, key_fingerprint: str, *, around: datetime) -> Witnesses:
    """Batches of ours around a moment of the database's clock, newest first on both sides."""
    known = _known(endpoint, key_fingerprint).subquery()
    later = select(known).where(known.c.made_at >= around).order_by(known.c.made_at.desc())
    earlier = (
        select(known)
        .where(known.c.made_at < around, known.c.made_at > around - OLDEST_WITNESS)
        .order_by(known.c.made_at.desc())
        .limit(_EARLIER)
    )
    return Witnesses(_own(connection, later), _own(connection, earlier))


def _known(endpoint: str, key_fingerprint: str) -> Select[tuple[str, str | None, str | None, datetime]]:
    bought = (
        select(
            _batches.openai_batch_id.label("name"),
            _batches.create_nonce.label("nonce"),
            _batches.input_file_id.label("file"),
            _batches.submitted_at.label("made_at"),
        )
        .where(_batches.endpoint == endpoint, _batches.key_fingerprint == key_fingerprint)
        .where(_batches.openai_batch_id.is_not(None), _batches.not_found_since.is_(None))
        .where(_batches.error_code.is_distinct_from(VANISHED))
    )
    probes = (
        select(_probes.openai_batch_id, _probes.nonce, _probes.input_file_id, _probes.made_at)
        .where(_probes.endpoint == endpoint, _probes.key_fingerprint == key_fingerprint)
        .where(_probes.openai_batch_id.is_not(None))
    )
    united = union_all(bought, probes).subquery()
    return select(united.c.name, united.c.nonce, united.c.file, united.c.made_at)


def _own(connection: Connection, query: Select[tuple[str, str | None, str | None, datetime]]) -> list[OwnBatch]:
    return [OwnBatch(row.name, Tag(row.nonce, row.file), row.made_at) for row in connection.execute(query)]
