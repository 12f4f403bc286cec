"""Proves that a batch is absent, or says why that cannot be proven; also notes what the look showed of the listing.

`ledger.rules.recovery.evidence` decides; this module looks up those batches of ours that the listing omits.
"""

from __future__ import annotations

from datetime import datetime

from livedash_pipeline.ledger.rules.recovery.evidence import (
    Absence,
    OwnBatch,
    Proof,
    Witnesses,
    hidden,
    judge_absence,
    nameless,
    shown_as,
)
from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.lookups import look_up
from livedash_pipeline.ledger.store.recovery import traits

_LEARNED = {Proof.ABSENT: "proven", Proof.CONTRADICTED: "contradicted"}


def prove_absence(
    context: BatchContext,
    listing: Listing,
    witnesses: Witnesses,
    *,
    settled_before: datetime,
    since: datetime | None = None,
    timeout: float | None = None,
    note: str = "",
) -> Absence:
    """Decides what a listing proves about a batch that it does not show.

    Args:
        context: Database and endpoint.
        listing: What was read, back to the earlier witnesses.
        witnesses: Batches of ours that it may show.
        settled_before: Batches made later may not be shown yet (the database's clock).
        since: When the input file in question was made (the service's clock); None if no batch is in question.
        timeout: Seconds for each look-up, which is then tried once.
        note: Why there is no probe, where one could not be made.

    Raises:
        ServiceError: A batch that the listing omits could not be looked up.
    """
    left_out = hidden(listing, witnesses, settled_before=settled_before)
    known: list[OwnBatch] = []
    forgotten: set[str] = set()
    for own in left_out:
        if look_up(context, own.remote_batch_id, timeout=timeout) is not None:
            # One is enough to contradict the listing.
            known.append(own)
            break
        forgotten.add(own.remote_batch_id)
    earlier = [own for own in witnesses.earlier if own.remote_batch_id not in forgotten]
    candidate = None if since is None else nameless(listing, witnesses, since=since)
    absence = judge_absence(
        listing, Witnesses(witnesses.later, earlier), known_and_hidden=known, candidate=candidate, note=note
    )
    renamed = any(_is_renamed(listing, own) for own in (*witnesses.later, *earlier))
    _keep(context, absence, renamed=renamed)
    return absence


def _is_renamed(listing: Listing, own: OwnBatch) -> bool:
    shown = shown_as(listing, own)
    return shown is not None and shown.id != own.remote_batch_id


def _keep(context: BatchContext, absence: Absence, *, renamed: bool) -> None:
    """Notes what the look showed of the listing; silence without a witness shows nothing."""
    word = _LEARNED.get(absence.proof)
    if word is None and not renamed:
        return
    place = (context.endpoint, context.key_fingerprint)
    with context.engine.begin() as connection:
        now = context.now(connection)
        if word is not None:
            traits.note_listing(connection, *place, listing=word, reason=absence.reason or None, now=now)
        if renamed:
            traits.note_habit(connection, *place, renames_ids=True, now=now)
