"""The one error that calls to the Batch API raise.

Add a class only if callers treat it differently from a `ServiceError`. `ledger.rules.service.failures` distinguishes failures;
answers that are merely unwelcome (a gone file on delete, a 409 on cancel) are values.
"""

from __future__ import annotations

from livedash_pipeline.errors import LivedashError
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, remedy


class ServiceError(LivedashError):
    """A call to the Batch API failed.

    Args:
        operation: What was attempted, as the subject of a sentence ("Looking up batch 'batch_1'").
        failure: The classified failure; callers decide by it and never by the message.
        model: The model in question, for the remedy.
        advice: The remedy, where the one that goes with the kind of failure does not fit the call.
    """

    def __init__(
        self, operation: str, failure: ApiFailure, model: str | None = None, advice: str | None = None
    ) -> None:
        status = f" with HTTP {failure.status}" if failure.status is not None else ""
        code = f" ({failure.code})" if failure.code else ""
        message = failure.message if failure.message.endswith((".", "!", "?", "…")) else f"{failure.message}."
        super().__init__(
            f"{operation} failed{status}{code}: {message}",
            remedy=advice or remedy(failure.kind, model),
            code=failure.kind.value,
        )
        self.operation = operation
        self.failure = failure
        self.model = model
        self.advice = advice

    def __reduce__(self) -> tuple[type[ServiceError], tuple[str, ApiFailure, str | None, str | None]]:
        # Errors cross process boundaries in Dagster; the inherited form would be rebuilt from the message alone.
        return type(self), (self.operation, self.failure, self.model, self.advice)
