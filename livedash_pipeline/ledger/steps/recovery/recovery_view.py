"""Asks the service, with the present key, about a batch whose create has no known outcome.

Add questions that a decision about such a batch needs. Writes only the observed behaviour of the endpoint.
`ledger.rules.recovery.recovery` decides what follows, and `ledger.steps.recovery.recover` does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from livedash_pipeline.ledger.rules.recovery.evidence import Absence, Witnesses
from livedash_pipeline.ledger.rules.recovery.recovery import RecoveryClock
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.adopt import CLOCK_SLACK
from livedash_pipeline.ledger.steps.recovery.listings import read_in_two_ways
from livedash_pipeline.ledger.steps.recovery.lookups import look_up
from livedash_pipeline.ledger.steps.recovery.proof import prove_absence
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.ledger.store.recovery.recovery import TakenOver
from livedash_pipeline.ledger.store.recovery.witnesses import read_witnesses
from livedash_pipeline.services.errors import ServiceError


def recovery_clock(context: BatchContext) -> RecoveryClock:
    """Returns deadline and lag of the settings."""
    settings = context.settings
    return RecoveryClock(
        timedelta(seconds=settings.livedash_create_deadline), timedelta(seconds=settings.livedash_visibility_lag)
    )


@dataclass(frozen=True)
class RecoveryView:
    """The view of one batch; with `timeout`, in seconds, each call is tried once."""

    context: BatchContext
    taken: TakenOver
    timeout: float | None = None

    def input_file(self, file_id: str) -> tuple[bool, datetime]:
        """Returns whether this key sees the input file, and when the file was made by the service's clock."""
        since = self.taken.input_file_created_at or self.taken.created_at - CLOCK_SLACK
        try:
            file = self.context.gateway.file(file_id, timeout=self.timeout)
        except ServiceError as error:
            if error.failure.kind is FailureKind.NOT_FOUND:
                return False, since
            raise
        return True, file.created_at or since

    def witnesses(self) -> Witnesses:
        """Returns batches of ours around the create in question, made with this key."""
        begun = self.taken.unfinished.create_started_at or self.taken.created_at
        with self.context.engine.connect() as connection:
            return read_witnesses(connection, self.context.endpoint, self.context.key_fingerprint, around=begun)

    def list_since(self, since: datetime, witnesses: Witnesses | None = None) -> Listing:
        """Lists batches back to a moment of the service's clock, and further to the newest witness from before the create."""
        earlier = witnesses.earlier[:1] if witnesses is not None else ()
        back = min([since, *(own.made_at - CLOCK_SLACK for own in earlier)])
        return read_in_two_ways(self.context, back, self.taken.tag, timeout=self.timeout)

    def absence(self, listing: Listing, witnesses: Witnesses, since: datetime, *, note: str = "") -> Absence:
        """Decides what a listing proves that does not show the batch; looks up those batches of ours that it omits too.

        `since` is when its input file was made, by the service's clock.
        """
        with self.context.engine.connect() as connection:
            settled = self.context.now(connection) - recovery_clock(self.context).lag
        return prove_absence(
            self.context, listing, witnesses, settled_before=settled, since=since, timeout=self.timeout, note=note
        )

    def sees_project(self) -> bool:
        """Whether this key deleted the input file, or else sees a batch that was made with the key that did."""
        deleted_with = self.taken.unfinished.input_delete_key
        if deleted_with in (None, self.context.key_fingerprint):
            return True
        with self.context.engine.connect() as connection:
            known = recovery.made_with_key(connection, self.context.endpoint, deleted_with)
        if known is None:
            return False
        return look_up(self.context, known, timeout=self.timeout) is not None
