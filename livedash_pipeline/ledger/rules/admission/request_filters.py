"""Which requests a person asks for: a status, and what else they have in common.

Add a filter as a field, and its condition to `ledger.store.batches.request_search`. What a person writes is read in
`ledger.steps.batches.request_search`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """What requests have in common; None is anything.

    Attributes:
        status: Their status; None only with a batch, whose requests are few.
        company_id: Whose they are.
        error_code: The code that they failed with, in either case.
        model: The model that they ask.
        before: They ended before this moment; those that are open have not changed since.
        batch_id: A batch that they were tried in, also where they have left it.
        outcome: What became of them in that batch; of no effect without one.
    """

    status: RequestStatus | None = None
    company_id: UUID | None = None
    error_code: str | None = None
    model: str | None = None
    before: datetime | None = None
    batch_id: UUID | None = None
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is about requests that have not ended, whose age counts from their last change."""
        return self.status in OPEN_REQUESTS

    @property
    def is_narrow(self) -> bool:
        """Whether it names more than a status."""
        named = (self.company_id, self.error_code, self.model, self.before, self.batch_id)
        return any(value is not None for value in named)
