"""Parameters that an operator stored for a model, and the requests that wait to be sent with them.

Add a read here where a line is built or a cost is foreseen. `ledger.rules.admission.model_parameters` has the defaults by name,
and decides what may be stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, union, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.rules.states import RequestStatus
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_models,
    ai_processing_requests,
    company_ai_models,
    model_parameters,
)
from livedash_pipeline.ledger.rules.admission.model_parameters import Parameters, default_parameters, maximum_of

_stored = model_parameters.c
_requests = ai_processing_requests.c


@dataclass(frozen=True)
class ModelRow:
    """A model with requests, and its stored parameters; None where its name decides."""

    model: str
    parameters: dict[str, Any] | None
    updated_at: datetime | None


def parameters_for(connection: Connection, model: str) -> dict[str, Any]:
    """Returns the stored parameters of a model, or the defaults by its name."""
    found: dict[str, Any] | None = connection.execute(
        select(_stored.parameters).where(_stored.model == model)
    ).scalar_one_or_none()
    return default_parameters(model) if found is None else found


def output_maximum(connection: Connection, model: str) -> int:
    """Returns the most output tokens that an answer of the model may have."""
    return maximum_of(parameters_for(connection, model))


def store_parameters(
    connection: Connection, model: str, parameters: Parameters | None, *, more_bytes: Mapping[str, int], now: datetime
) -> int:
    """Stores parameters, or forgets them (None), and returns how many requests wait to be sent with them.

    Also changes the sizes of requests in flight and failed ones, since these may wait again. Reservations of batches stay.

    Args:
        connection: A transaction.
        model: Name of the model as requests have it.
        parameters: As `ledger.rules.admission.model_parameters.read_parameters` gives them.
        more_bytes: By how much they make a line of each kind longer than those that count so far.
        now: The time.
    """
    if parameters is None:
        connection.execute(model_parameters.delete().where(_stored.model == model))
    else:
        values = {"parameters": dict(parameters), "updated_at": now}
        connection.execute(
            insert(model_parameters)
            .values(model=model, **values)
            .on_conflict_do_update(index_elements=["model"], set_=values)
        )
    maximum = maximum_of(default_parameters(model) if parameters is None else parameters)
    unanswered = (_requests.model == model) & (_requests.processing_status != RequestStatus.PROCESSING_COMPLETE)
    for kind, more in more_bytes.items():
        connection.execute(
            update(ai_processing_requests)
            .where(unanswered, _requests.processing_type == kind)
            .values(max_output_tokens=maximum, body_bytes=func.greatest(_requests.body_bytes + more, 0))
        )
    waiting = select(func.count()).where(
        _requests.model == model, _requests.processing_status == RequestStatus.PENDING_BATCHING
    )
    return int(connection.execute(waiting).scalar_one())


def list_models(connection: Connection, default_model: str) -> list[ModelRow]:
    """Lists models with stored parameters, of batches, of companies and of the settings, by name."""
    named = union(
        select(_stored.model),
        select(ai_batch_requests.c.model),
        select(ai_models.c.name)
        .join(company_ai_models, company_ai_models.c.ai_model_id == ai_models.c.id)
        .where(company_ai_models.c.is_default),
    ).subquery()
    names = set(connection.execute(select(named.c[0])).scalars()) | {default_model}
    stored = {row.model: row for row in connection.execute(select(model_parameters))}
    return [
        ModelRow(name, stored[name].parameters, stored[name].updated_at)
        if name in stored
        else ModelRow(name, None, None)
        for name in sorted(names)
    ]
