"""The observed behaviour of endpoints towards each key, and the probes that showed it.

Rows are written only when something new is seen, which is rare. `ledger.rules.recovery.probes` judges a probe's end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.states import LIVE_BATCHES
from livedash_pipeline.base.store.tables import ai_batch_requests, endpoint_probes, endpoint_traits
from livedash_pipeline.ledger.rules.recovery.evidence import PurchaseGuard
from livedash_pipeline.ledger.rules.recovery.probes import ProbeKind, ProbeOutcome

_batches = ai_batch_requests.c
_probes = endpoint_probes.c
_traits = endpoint_traits.c

UNSETTLED = "The probe did not end in time."
"""The reason of a probe that showed nothing; another one replaces it at once."""

_GUARD = {"proven": PurchaseGuard.TAG_FENCE}


@dataclass(frozen=True)
class Traits:
    """The observed behaviour of an endpoint towards a key.

    Attributes:
        listing: `unproven`, `proven` or `contradicted`; with when, and why.
        fence: `unproven`, `proven` or `refuted`; with when, and why.
        renames_ids: Its listing shows batches under other ids than create answered.
        listing_lags: Its listing shows earlier states than a look-up by id.
    """

    listing: str = "unproven"
    listing_at: datetime | None = None
    listing_reason: str | None = None
    fence: str = "unproven"
    fence_at: datetime | None = None
    fence_reason: str | None = None
    renames_ids: bool = False
    listing_lags: bool = False

    @property
    def guard(self) -> PurchaseGuard:
        """How sure it is that a batch made now is not bought twice."""
        return _GUARD.get(self.fence, PurchaseGuard.TAG)


def read_traits(connection: Connection, endpoint: str, key_fingerprint: str) -> Traits:
    """Returns what is known of an endpoint; the defaults where nothing is."""
    row = connection.execute(
        select(
            _traits.listing,
            _traits.listing_at,
            _traits.listing_reason,
            _traits.fence,
            _traits.fence_at,
            _traits.fence_reason,
            _traits.renames_ids,
            _traits.listing_lags,
        ).where(_traits.endpoint == endpoint, _traits.key_fingerprint == key_fingerprint)
    ).one_or_none()
    return Traits() if row is None else Traits(*row)


@dataclass(frozen=True)
class ListedTraits:
    """What an endpoint has shown a key, the fingerprint of which tells keys apart."""

    endpoint: str
    key_fingerprint: str
    traits: Traits


def list_traits(connection: Connection, *, most: int) -> list[ListedTraits]:
    """Returns what is known of all endpoints, those that were heard of last first."""
    query = select(endpoint_traits).order_by(_traits.updated_at.desc(), _traits.endpoint).limit(most)
    names = [field.name for field in fields(Traits)]
    return [
        ListedTraits(row["endpoint"], row["key_fingerprint"], Traits(**{name: row[name] for name in names}))
        for row in connection.execute(query).mappings()
    ]


def note_listing(
    connection: Connection, endpoint: str, key_fingerprint: str, *, listing: str, reason: str | None, now: datetime
) -> None:
    """Remembers that the listing has proven itself, or contradicted itself."""
    _note(connection, endpoint, key_fingerprint, now, listing=listing, listing_at=now, listing_reason=reason)


def note_fence(
    connection: Connection, endpoint: str, key_fingerprint: str, *, fence: str, reason: str | None, now: datetime
) -> None:
    """Notes whether a deleted input file stops a create, and updates the guard of the open purchases by it."""
    _note(connection, endpoint, key_fingerprint, now, fence=fence, fence_at=now, fence_reason=reason)
    connection.execute(
        update(ai_batch_requests)
        .where(_batches.endpoint == endpoint, _batches.key_fingerprint == key_fingerprint)
        .where(_batches.status.in_(LIVE_BATCHES), _batches.create_nonce.is_not(None))
        .values(purchase_guard=_GUARD.get(fence, PurchaseGuard.TAG))
    )


def note_habit(connection: Connection, endpoint: str, key_fingerprint: str, *, now: datetime, **habit: bool) -> None:
    """Remembers `renames_ids` or `listing_lags`."""
    _note(connection, endpoint, key_fingerprint, now, **habit)


def _note(connection: Connection, endpoint: str, key_fingerprint: str, now: datetime, **values: Any) -> None:
    added = insert(endpoint_traits).values(endpoint=endpoint, key_fingerprint=key_fingerprint, updated_at=now, **values)
    connection.execute(
        added.on_conflict_do_update(index_elements=["endpoint", "key_fingerprint"], set_=values | {"updated_at": now})
    )


@dataclass(frozen=True)
class Probe:
    """A probe; `made_at` and `remote_batch_id` are null until its create was answered."""

    id: UUID
    nonce: str
    input_file_id: str | None
    remote_batch_id: str | None
    started_at: datetime
    made_at: datetime | None


def open_probe(connection: Connection, endpoint: str, key_fingerprint: str, kind: ProbeKind) -> Probe | None:
    """The probe of a kind that is under way."""
    query = (
        select(
            _probes.id,
            _probes.nonce,
            _probes.input_file_id,
            _probes.remote_batch_id,
            _probes.started_at,
            _probes.made_at,
        )
        .where(_probes.endpoint == endpoint, _probes.key_fingerprint == key_fingerprint, _probes.kind == kind)
        .where(_probes.ended_at.is_(None))
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Probe(*row)


def last_silent(
    connection: Connection, endpoint: str, key_fingerprint: str, kind: ProbeKind, *, since: datetime
) -> str | None:
    """Returns the reason of the newest probe of a kind that ended after a moment without a result; None without one."""
    query = (
        select(_probes.outcome, _probes.reason)
        .where(_probes.endpoint == endpoint, _probes.key_fingerprint == key_fingerprint, _probes.kind == kind)
        .where(_probes.ended_at >= since)
        .order_by(_probes.ended_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    is_silent = row is not None and row.outcome == ProbeOutcome.UNKNOWN and row.reason != UNSETTLED
    return (row.reason or "") if row is not None and is_silent else None


def ended_probe_nonces(connection: Connection, endpoint: str, nonces: Iterable[str]) -> set[str]:
    """Returns those of the given nonces whose probes have ended, so that their input files are no longer needed."""
    query = select(_probes.nonce).where(
        _probes.endpoint == endpoint, _probes.nonce.in_(list(nonces)), _probes.ended_at.is_not(None)
    )
    return set(connection.execute(query).scalars())


def begin_probe(
    connection: Connection, endpoint: str, key_fingerprint: str, kind: ProbeKind, *, nonce: str, now: datetime
) -> Probe | None:
    """Writes a probe down before anything is sent; None where one of its kind is under way."""
    added = (
        insert(endpoint_probes)
        .values(endpoint=endpoint, key_fingerprint=key_fingerprint, kind=kind, nonce=nonce, started_at=now)
        .on_conflict_do_nothing()
        .returning(_probes.id)
    )
    probe_id = connection.execute(added).scalar_one_or_none()
    return None if probe_id is None else Probe(probe_id, nonce, None, None, now, None)


def update_probe(connection: Connection, probe: Probe, **values: Any) -> None:
    """Writes `input_file_id`, or `remote_batch_id` and `made_at`, of a probe that is under way."""
    connection.execute(
        update(endpoint_probes).where(_probes.id == probe.id, _probes.ended_at.is_(None)).values(**values)
    )


def end_probe(connection: Connection, probe: Probe, outcome: ProbeOutcome, reason: str, *, now: datetime) -> bool:
    """Ends a probe; False where somebody else did."""
    ended = (
        update(endpoint_probes)
        .where(_probes.id == probe.id, _probes.ended_at.is_(None))
        .values(outcome=outcome, reason=reason[:500], ended_at=now)
    )
    return connection.execute(ended).rowcount == 1
