"""Which batches a person asks for.

Add a filter as a field, and its condition to `ledger.store.batches.batch_search`. What a person writes is read in
`ledger.steps.batches.batch_search`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from livedash_pipeline.base.rules.states import BatchStatus


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """What batches have in common; None is anything.

    Attributes:
        company_id: Whose they are.
        model: The model that their requests ask.
        status: Our word for where they stand.
        is_open: Only those whose results have not been ingested.
        since: Made at this moment or later.
        until: Made before this moment.
    """

    company_id: UUID | None = None
    model: str | None = None
    status: BatchStatus | None = None
    is_open: bool = False
    since: datetime | None = None
    until: datetime | None = None
