"""Batches of ours that the service has, as witnesses of what its listing shows.

Only batches made with the key that looks count, since a key of another project sees nothing of ours.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Select, false, select, true, union_all

from livedash_pipeline.base.store.tables import ai_batch_requests, endpoint_probes
from livedash_pipeline.ledger.rules.recovery.evidence import OLDEST_WITNESS, OwnBatch, Tag, Witnesses
from livedash_pipeline.ledger.rules.results.judgement import VANISHED

_batches = ai_batch_requests.c
_probes = endpoint_probes.c

# The newest made before a create, and the first made after it; if the service has forgotten one, the next replaces it.
_FEW = 3

_Known = Select[tuple[str, str | None, str | None, datetime, bool]]


def read_witnesses(connection: Connection, endpoint: str, key_fingerprint: str, *, around: datetime) -> Witnesses:
    """Returns batches of ours around a moment of the database's clock.

    The later ones are the first few, which a listing must show by now if it shows any, and the newest probe.
    """
    known = _known(endpoint, key_fingerprint).cte("known")
    since, before = select(known).where(known.c.made_at >= around), select(known).where(known.c.made_at < around)
    first = since.where(~known.c.is_probe).order_by(known.c.made_at).limit(_FEW)
    probe = since.where(known.c.is_probe).order_by(known.c.made_at.desc()).limit(1)
    earlier = before.where(known.c.made_at > around - OLDEST_WITNESS).order_by(known.c.made_at.desc()).limit(_FEW)
    return Witnesses([*_own(connection, first), *_own(connection, probe)], _own(connection, earlier))


def _known(endpoint: str, key_fingerprint: str) -> _Known:
    bought = (
        select(
            _batches.remote_batch_id.label("name"),
            _batches.create_nonce.label("nonce"),
            _batches.input_file_id.label("file"),
            _batches.submitted_at.label("made_at"),
            false().label("is_probe"),
        )
        .where(_batches.endpoint == endpoint, _batches.key_fingerprint == key_fingerprint)
        .where(_batches.remote_batch_id.is_not(None), _batches.not_found_since.is_(None))
        .where(_batches.error_code.is_distinct_from(VANISHED))
    )
    probes = (
        select(_probes.remote_batch_id, _probes.nonce, _probes.input_file_id, _probes.made_at, true())
        .where(_probes.endpoint == endpoint, _probes.key_fingerprint == key_fingerprint)
        .where(_probes.remote_batch_id.is_not(None))
    )
    united = union_all(bought, probes).subquery()
    return select(united.c.name, united.c.nonce, united.c.file, united.c.made_at, united.c.is_probe)


def _own(connection: Connection, query: _Known) -> list[OwnBatch]:
    return [
        OwnBatch(row.name, Tag(row.nonce, row.file), row.made_at, row.is_probe) for row in connection.execute(query)
    ]
