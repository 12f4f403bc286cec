"""Follows the demo's progress until it is done: every company imported anew, every session done, nothing under way.

Numbers only; how they are shown is in `local.demo_display`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.rules.states import RequestStatus, StageStatus
from livedash_pipeline.base.store.stages import PipelineStatus, count_unsettled_sessions, pipeline_status
from livedash_pipeline.ledger.store.batches.requests import count_by_status
from livedash_pipeline.ledger.store.results.observations import count_unended, finished_batches
from livedash_pipeline.local.demo_chats import count_open
from livedash_pipeline.overview.store.demo import companies_to_import


@dataclass(frozen=True)
class Progress:
    """One look at the tables.

    Attributes:
        to_import: Companies whose CSV has not been read since the demo began.
        pipeline: Sessions per stage and status.
        requests: Requests about sessions per status.
        open_batches: Batches at the service.
        finished_batches: Batches that wait to be taken in.
        unsettled: Sessions that are not done: a stage is under way, or PENDING without a FAILED one before it.
        open_chats: Chat batches that have not ended.
    """

    to_import: int
    pipeline: PipelineStatus
    requests: dict[RequestStatus, int]
    open_batches: int
    finished_batches: int
    unsettled: int
    open_chats: int = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        open_requests = (
            self.requests[RequestStatus.PENDING_BATCHING] + self.requests[RequestStatus.BATCHING_IN_PROGRESS]
        )
        left = (
            self.to_import,
            open_requests,
            self.open_batches,
            self.finished_batches,
            self.unsettled,
            self.open_chats,
        )
        return not any(left) and self.pipeline.total_sessions > 0

    def done_at(self, stage: str) -> int:
        """Sessions that have this stage behind them, whatever came of it."""
        counts = self.pipeline.stages[stage]
        return counts[StageStatus.COMPLETED] + counts[StageStatus.FAILED] + counts[StageStatus.SKIPPED]

    def waiting_for(self) -> str:
        """Says what keeps the demo from being done."""
        return (
            f"{self.to_import} companies to import, {self.requests[RequestStatus.PENDING_BATCHING]} requests to submit, "
            f"{self.open_batches} batches at the service, {self.finished_batches} to take in, "
            f"{self.unsettled} sessions not done, {self.open_chats} chat batches not ended"
        )


def read_progress(connection: Connection, endpoint: str, *, since: datetime) -> Progress:
    """Looks at the tables once."""
    return Progress(
        companies_to_import(connection, since=since),
        pipeline_status(connection),
        count_by_status(connection, kind=SESSION_ANALYSIS.name),
        count_unended(connection, endpoint),
        len(finished_batches(connection, endpoint)),
        count_unsettled_sessions(connection),
        count_open(connection),
    )
