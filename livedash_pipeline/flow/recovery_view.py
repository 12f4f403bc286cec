"""What the service shows the present key of a batch whose create has no known outcome.

Add what a decision about such a batch needs to ask; nothing is written here. What follows from it is decided in `core.recovery`
and done in `flow.recover`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from livedash_pipeline.core.failures import FailureKind
from livedash_pipeline.core.recovery import RecoveryClock
from livedash_pipeline.core.remote import RemoteBatch
from livedash_pipeline.db import recovery
from livedash_pipeline.db.recovery import TakenOver
from livedash_pipeline.flow.context import BatchContext
from livedash_pipeline.openai_batch.errors import BatchApiError

# The service's clock and ours differ, and `created_at` has whole seconds.
_CLOCK_SLACK = timedelta(minutes=10)


def recovery_clock(context: BatchContext) -> RecoveryClock:
    """Deadline and lag of the settings."""
    settings = context.settings
    return RecoveryClock(
        timedelta(seconds=settings.livedash_create_deadline), timedelta(seconds=settings.livedash_visibility_lag)
    )


@dataclass(frozen=True)
class RecoveryView:
    """The look at one batch; `timeout` is for each call, which is then tried once."""

    context: BatchContext
    taken: TakenOver
    timeout: float | None = None

    def input_file(self, file_id: str) -> tuple[bool, datetime]:
        """Whether this key sees the input file, and when it was made by the service's clock."""
        since = self.taken.input_file_created_at or self.taken.created_at - _CLOCK_SLACK
        try:
            file = self.context.gateway.file(file_id, timeout=self.timeout)
        except BatchApiError as error:
            if error.failure.kind is FailureKind.NOT_FOUND:
                return False, since
            raise
        return True, file.created_at or since

    def list_since(self, since: datetime) -> list[RemoteBatch]:
        """Batches made since a moment of the service's clock."""

        def older(remote: RemoteBatch) -> bool:
            return remote.created_at is not None and remote.created_at < since

        return list(self.context.gateway.list_batches(until=older, timeout=self.timeout))

    def sees_project(self) -> bool:
        """Whether this key deleted the input file, or else sees a batch that was made with the key that did."""
        deleted_with = self.taken.unfinished.input_delete_key
        if deleted_with in (None, self.context.key_fingerprint):
            return True
        with self.context.engine.connect() as connection:
            known = recovery.made_with_key(connection, self.context.endpoint, deleted_with)
        if known is None:
            return False
        try:
            self.context.gateway.retrieve_batch(known, timeout=self.timeout)
        except BatchApiError as error:
            if error.failure.kind is FailureKind.NOT_FOUND:
                return False
            raise
        return True
