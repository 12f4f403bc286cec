"""The filters of requests, as addresses and forms hold them.

Add a filter here and to `ledger.steps.batches.request_search.Search`. They travel from the list to the dry run and on to the
confirmation, so that what is confirmed is what was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from livedash_pipeline.api.problems import Problem
from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.ledger.steps.batches.request_search import MAX_HOURS, Search
from livedash_pipeline.web.queries import Company, Cursor, PageQuery, Words

STATUSES = tuple(status.lower() for status in RequestStatus)
FAILED = RequestStatus.PROCESSING_FAILED.lower()
ANY = "any"
"""Of every status, which is asked of one batch only."""

Hours = Annotated[float, Field(ge=0, le=MAX_HOURS, allow_inf_nan=False)]
_Status = Literal["pending_batching", "batching_in_progress", "processing_complete", "processing_failed", "any"]


class Filters(PageQuery):
    """What requests have in common, apart from their status."""

    company: Company | None = None
    error_code: Words | None = None
    model: Words | None = None
    older_than_hours: Hours | None = None
    batch: Words | None = None
    outcome: Outcome | None = None

    def search(self, status: str | None) -> Search:
        """The search that they mean, of requests of a status."""
        return Search(
            status=status,
            company=self.company,
            error_code=self.error_code,
            model=self.model,
            older_than_hours=self.older_than_hours,
            batch=self.batch,
            outcome=None if self.outcome is None else self.outcome.value,
        )

    @property
    def given(self) -> dict[str, str]:
        """The filters that are given, as addresses and forms write them."""
        values: dict[str, Any] = {name: getattr(self, name) for name in Filters.model_fields}
        return {name: _written(value) for name, value in values.items() if value is not None}


class RequestsQuery(Filters):
    """A page of the list."""

    status: _Status | None = None
    cursor: Cursor | None = None

    @property
    def tab(self) -> str:
        """The status that is shown: that of failed requests unless another is asked for, and any of a batch."""
        return self.status or (ANY if self.batch is not None else FAILED)


def filters_of(fields: Mapping[str, str]) -> Filters:
    """Reads the filters of a form.

    Raises:
        Problem: One of them cannot be; a page of ours sends none such.
    """
    try:
        return Filters.model_validate({name: value for name, value in fields.items() if name in Filters.model_fields})
    except ValidationError:
        raise Problem(
            "bad_argument", "A filter of the form cannot be read.", remedy="Go back to the list and filter anew."
        ) from None


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}" if value == int(value) else repr(value)
    return value.value if isinstance(value, Outcome) else str(value)
