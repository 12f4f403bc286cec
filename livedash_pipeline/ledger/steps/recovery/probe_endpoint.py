"""Tests an endpoint at once: makes both probes, and looks until they have shown how the service behaves.

Recovery makes the same probes by itself when it needs them (`ledger.steps.recovery.probe`); this test is for people who want to
know beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from livedash_pipeline.ledger.rules.recovery.evidence import Absence, Proof, Witnesses
from livedash_pipeline.ledger.rules.recovery.probes import ProbeKind
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.adopt import CLOCK_SLACK
from livedash_pipeline.ledger.steps.recovery.listings import read_listing
from livedash_pipeline.ledger.steps.recovery.probe import known_traits, make_probe, patience, settle_fence
from livedash_pipeline.ledger.steps.recovery.proof import prove_absence
from livedash_pipeline.ledger.store.recovery.witnesses import read_witnesses

_TIMEOUT = 10.0
_PAUSE = 2.0


@dataclass(frozen=True)
class ProbeReport:
    """The results of a test of an endpoint in sentences: about its listing, and about the fence."""

    listing: str
    fence: str


def probe_endpoint(
    context: BatchContext,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    progress: Callable[[str], None] = lambda _said: None,
) -> ProbeReport:
    """Makes a listing probe and a fence probe and follows both; what they show is kept in `endpoint_traits`.

    Args:
        context: Database and endpoint; its `sleep` waits between looks.
        monotonic: The clock by which it gives up.
        progress: Is called with a line about each step.

    Raises:
        ServiceError: The service could not be asked.
    """
    with context.engine.connect() as connection:
        began = context.now(connection)
    progress("Making a batch that the listing must show, and one on a deleted input file; neither runs anything.")
    unmade = make_probe(context, ProbeKind.LISTING, at_once=True)
    unfenced = make_probe(context, ProbeKind.FENCE, at_once=True)
    end = monotonic() + patience(context).total_seconds()
    absence, under_way = _look(context, began, unmade), settle_fence(context, timeout=_TIMEOUT)
    while (under_way or (absence.proof is Proof.NO_WITNESS and not unmade)) and monotonic() < end:
        progress(f"Waiting for {'the fence probe' if under_way else 'the listing'}: {end - monotonic():.0f} s at most.")
        context.sleep(_PAUSE)
        absence, under_way = _look(context, began, unmade), settle_fence(context, timeout=_TIMEOUT)
    proven = absence.proof is Proof.ABSENT
    return ProbeReport(
        "The listing shows what it must." if proven else f"The listing {absence.reason}.",
        known_traits(context).fence_reason or unfenced or "The fence probe has not ended; the next one is made anew.",
    )


def _look(context: BatchContext, began: datetime, unmade: str) -> Absence:
    """Looks whether the listing shows the batches of ours that were made since the test began, with their marks."""
    listing = read_listing(context, began - CLOCK_SLACK, timeout=_TIMEOUT)
    with context.engine.connect() as connection:
        witnesses = read_witnesses(connection, context.endpoint, context.key_fingerprint, around=began)
        settled = context.now(connection) - patience(context) / 2
    return prove_absence(
        context, listing, Witnesses(later=witnesses.later), settled_before=settled, timeout=_TIMEOUT, note=unmade
    )
