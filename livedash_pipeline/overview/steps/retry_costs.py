"""Estimates the cost of analysing sessions once more, for a dry run.

Add nothing that changes rows. A claim reserves by the same rule: input as estimated, output at its maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection

from livedash_pipeline.analysis.rules.prompt import transcript_data
from livedash_pipeline.analysis.rules.request_lines import RequestSizer
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.intake.store.sessions import messages_by_session
from livedash_pipeline.ledger.steps.admission.spending import budget_for
from livedash_pipeline.ledger.store.admission import model_parameters
from livedash_pipeline.overview.store.stage_retries import RetryEstimate, retry_estimates, unmeasured_sessions
from livedash_pipeline.settings import Settings


def estimate_retries(connection: Connection, settings: Settings, count_tokens: Callable[[str], int]) -> Decimal | None:
    """Returns the most euro that the staged analyses may cost; None where a price or the exchange rate is unknown."""
    now = database_now(connection)
    total = Decimal(0)
    for estimate in retry_estimates(connection):
        model = get_company(connection, estimate.company).model or settings.openai_model
        budget = budget_for(connection, settings, model, now=now)
        if budget is None:
            return None
        sizer = RequestSizer.for_model(model, count_tokens, model_parameters.parameters_for(connection, model))
        measured = _measured(connection, estimate, sizer)
        cost = budget.of_many(
            estimate.sessions,
            estimate.token_estimate + measured.tokens,
            estimate.body_bytes + measured.body_bytes,
            estimate.sessions * sizer.max_output_tokens,
            longest=max(estimate.longest, measured.longest),
        )
        if cost is None:
            return None
        total += cost
    return total


@dataclass
class _Measured:
    tokens: int = 0
    body_bytes: int = 0
    longest: int = 0


def _measured(connection: Connection, estimate: RetryEstimate, sizer: RequestSizer) -> _Measured:
    """Input tokens of sessions that were never asked about here, such as those that were taken over."""
    found = _Measured()
    if not estimate.unknown:
        return found
    for chunk in unmeasured_sessions(connection, estimate.company):
        for session_id, messages in messages_by_session(connection, chunk).items():
            size = sizer.measure(transcript_data(session_id, messages))
            found.tokens += size.token_estimate
            found.body_bytes += size.body_bytes
            found.longest = max(found.longest, size.token_estimate)
    return found
