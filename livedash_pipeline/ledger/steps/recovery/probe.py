"""Makes probes and learns from them how an endpoint behaves; a probe costs nothing, and each of its steps is written down first.

Recovery makes a probe when a listing does not show a lost batch, `doctor --probe` when a person asks.
`ledger.rules.recovery.probes` judges a probe's end; `ledger.rules.recovery.evidence` says what absence needs.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.recovery.evidence import Witnesses
from livedash_pipeline.ledger.rules.recovery.probes import (
    ProbeKind,
    ProbeOutcome,
    judge_fence,
    judge_refusal,
    probe_filename,
    probe_line,
)
from livedash_pipeline.ledger.rules.service.remote import METADATA_NONCE, METADATA_PROBE
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.lookups import look_up
from livedash_pipeline.ledger.store.recovery import traits
from livedash_pipeline.ledger.store.recovery.traits import Probe, Traits
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

# A probe without a result is not repeated sooner.
_REPEATED_AFTER = timedelta(hours=1)
# Answers of services that delete no files. 404 is not among them: the file is gone then.
_NO_DELETION = frozenset({400, 403, 405, 501})
_TRAIT_OF = {ProbeOutcome.PROVEN: "proven", ProbeOutcome.REFUTED: "refuted", ProbeOutcome.UNKNOWN: "unproven"}


def known_traits(context: BatchContext) -> Traits:
    """Returns the observed behaviour of the endpoint towards the present key."""
    with context.engine.connect() as connection:
        return traits.read_traits(connection, context.endpoint, context.key_fingerprint)


def patience(context: BatchContext) -> timedelta:
    """Returns how long a probe may take: the create deadline plus twice the visibility lag."""
    settings = context.settings
    return timedelta(seconds=settings.livedash_create_deadline + 2 * settings.livedash_visibility_lag)


def needs_probe(context: BatchContext, witnesses: Witnesses, now: datetime) -> bool:
    """Whether a listing that proves nothing needs another probe: there is none, or the service may have forgotten the last."""
    stands_for = max(patience(context), _REPEATED_AFTER)
    return not any(own.is_probe and now < own.made_at + stands_for for own in witnesses.later)


def make_probe(context: BatchContext, kind: ProbeKind, *, at_once: bool = False) -> str:
    """Makes a probe unless one of its kind is under way or has just ended without a result; returns why there is none, or "".

    Args:
        context: Database and endpoint.
        kind: The behaviour that it tests.
        at_once: Also where the last one has just ended without a result.
    """
    probe, why_not = _begin(context, kind, at_once)
    if probe is None:
        return why_not
    try:
        file_id = _upload(context, kind, probe)
        return _create(context, kind, probe, file_id)
    except (ServiceError, OSError) as error:
        # It does not matter whether the probe exists: it runs nothing, and another one replaces it when its time is over.
        said = error.failure.message if isinstance(error, ServiceError) else f"{type(error).__name__}: {error.strerror}"
        return f"No probe could be made: {said}"


def settle_fence(context: BatchContext, *, timeout: float | None = None) -> bool:
    """Learns from the fence probe, if it has ended; True while it is under way.

    Raises:
        ServiceError: It could not be looked up.
    """
    with context.engine.connect() as connection:
        probe = traits.open_probe(connection, context.endpoint, context.key_fingerprint, ProbeKind.FENCE)
        now = context.now(connection)
    if probe is None:
        return False
    found = _judge_fence(context, probe, timeout)
    if found is None and now < probe.started_at + patience(context):
        return True
    outcome, reason = found or (ProbeOutcome.UNKNOWN, traits.UNSETTLED)
    _end(context, ProbeKind.FENCE, probe, outcome, reason)
    return False


def delete_fence(context: BatchContext, file_id: str) -> None:
    """Deletes an input file so that a create on it fails, and makes a fence probe where it is not known yet whether it does.

    Notes a service that does not delete files, which has no such fence: only their marks protect its batches then.

    Raises:
        ServiceError: The file could not be deleted now.
    """
    try:
        context.gateway.delete_file(file_id)
    except ServiceError as error:
        if error.failure.status not in _NO_DELETION:
            raise
        _note_no_fence(context, error.failure.message)
        return
    if known_traits(context).fence == "unproven":
        make_probe(context, ProbeKind.FENCE)


def _note_no_fence(context: BatchContext, message: str) -> None:
    with context.engine.begin() as connection:
        traits.note_fence(
            connection,
            context.endpoint,
            context.key_fingerprint,
            fence="refuted",
            reason=f"The service does not delete files: {message}"[:500],
            now=context.now(connection),
        )


def _judge_fence(context: BatchContext, probe: Probe, timeout: float | None) -> tuple[ProbeOutcome, str] | None:
    if probe.remote_batch_id is None:
        return None
    remote = look_up(context, probe.remote_batch_id, timeout=timeout)
    return None if remote is None else judge_fence(remote)


def _begin(context: BatchContext, kind: ProbeKind, at_once: bool) -> tuple[Probe | None, str]:
    def work(connection: Connection) -> tuple[Probe | None, str]:
        now = context.now(connection)
        place = (context.endpoint, context.key_fingerprint, kind)
        stale = traits.open_probe(connection, *place)
        if stale is not None and now >= stale.started_at + patience(context):
            traits.end_probe(connection, stale, ProbeOutcome.UNKNOWN, traits.UNSETTLED, now=now)
        silent = traits.last_silent(connection, *place, since=now - _REPEATED_AFTER)
        if silent is not None and not at_once:
            return None, silent
        begun = traits.begin_probe(connection, *place, nonce=context.new_nonce(), now=now)
        return begun, "A probe is under way."

    return in_transaction(context.engine, work)


def _upload(context: BatchContext, kind: ProbeKind, probe: Probe) -> str:
    """Uploads the probe's input file; deletes it again at once for a fence probe."""
    path = context.spool_dir / probe_filename(probe.nonce)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(probe_line(probe.nonce))
        file_id = context.gateway.upload_input(path, path.name).id
    finally:
        path.unlink(missing_ok=True)
    with context.engine.begin() as connection:
        traits.update_probe(connection, probe, input_file_id=file_id)
    if kind is ProbeKind.FENCE:
        context.gateway.delete_file(file_id)
    return file_id


def _create(context: BatchContext, kind: ProbeKind, probe: Probe, file_id: str) -> str:
    try:
        remote = context.gateway.create_batch(
            file_id,
            metadata={METADATA_PROBE: probe.nonce, METADATA_NONCE: probe.nonce},
            deadline=float(context.settings.livedash_create_deadline),
        )
    except ServiceError as error:
        if not error.failure.definite_refusal:
            raise
        outcome, reason = judge_refusal(kind, error.failure)
        _end(context, kind, probe, outcome, reason)
        return "" if outcome is ProbeOutcome.PROVEN else reason
    with context.engine.begin() as connection:
        traits.update_probe(connection, probe, remote_batch_id=remote.id, made_at=context.now(connection))
    log.info("probe made", kind=kind.value, remote_batch_id=remote.id)
    if kind is ProbeKind.LISTING:
        # From now on it is a witness, however it ends.
        _end(context, kind, probe, ProbeOutcome.PROVEN, "The probe was made.")
        context.gateway.delete_file(file_id)
    return ""


def _end(context: BatchContext, kind: ProbeKind, probe: Probe, outcome: ProbeOutcome, reason: str) -> None:
    def work(connection: Connection) -> None:
        now: datetime = context.now(connection)
        place = (context.endpoint, context.key_fingerprint)
        if traits.end_probe(connection, probe, outcome, reason, now=now) and kind is ProbeKind.FENCE:
            traits.note_fence(connection, *place, fence=_TRAIT_OF[outcome], reason=reason, now=now)

    in_transaction(context.engine, work)
    log.info("probe ended", kind=kind.value, outcome=outcome.value, reason=reason)
