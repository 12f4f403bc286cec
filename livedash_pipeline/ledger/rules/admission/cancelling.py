"""Whether a cancel of a batch can still be asked for, and what it means for the batch's requests.

Add a reason here and to the statement in `ledger.store.batches.cancels`, which asks the same of the row.
"""

from __future__ import annotations

from datetime import datetime

from livedash_pipeline.base.rules.states import LIVE_BATCHES, BatchStatus
from livedash_pipeline.base.rules.wording import at

CONSEQUENCES = {
    "pending": "Requests that the service has not finished wait again, and are sent with one of the next batches.",
    "failed": "Requests that the service has not finished fail with the code `cancelled`, and are not sent again unless somebody "
    "puts them back.",
}
"""What becomes of the requests that are not finished, by the word that a cancel is asked for with."""

FOR_ALL = (
    "What the service has finished by then is ingested and paid for. The cancel is repeated to the service at every poll until "
    "the batch has ended, and cannot be taken back."
)
"""What a cancel means whatever becomes of the unfinished requests."""


def why_no_cancel(
    status: BatchStatus, *, processed_at: datetime | None, cancel_requested_at: datetime | None
) -> str | None:
    """Returns why a cancel of a batch is not offered, in one sentence; None where it is."""
    if processed_at is not None or status not in LIVE_BATCHES:
        return "It has ended, so that there is nothing to cancel."
    if cancel_requested_at is not None:
        return f"A cancel was asked for at {at(cancel_requested_at)}; every poll repeats it until the batch has ended."
    return None
