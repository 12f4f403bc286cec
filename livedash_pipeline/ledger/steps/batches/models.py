"""Sets and lists the parameters of models, each with a document as answer, for commands and HTTP.

`ledger.rules.admission.model_parameters` decides what may be stored.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.ids import MODEL_NAME_FORM, is_model_name
from livedash_pipeline.base.rules.values import Document, moment
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.admission.model_parameters import (
    check_text,
    default_parameters,
    maximum_of,
    read_parameters,
)
from livedash_pipeline.ledger.store.admission import model_parameters
from livedash_pipeline.ledger.store.batches.request_kind import Kinds

_EXAMPLE = """livedash model set NAME --parameters '{"max_completion_tokens": 4000, "reasoning_effort": "low"}'"""


def set_parameters(engine: Engine, kinds: Kinds, model: str, text: str | None) -> Document:
    """Stores the parameters of requests for a model, from the next batch on; None returns to the defaults of its name.

    Raises:
        UsageError: The model has no name, or its parameters cannot be used.
    """
    name = model.strip()
    if not is_model_name(name):
        raise UsageError(
            f"{name[:50]!r} is no name of a model.",
            remedy=f"Name it as OPENAI_MODEL or the company does, in {MODEL_NAME_FORM}.",
        )
    try:
        check_text(name)
    except ValueError as error:
        raise UsageError(f"Model {name!r}: {error}.", remedy="Name it as OPENAI_MODEL or the company does.") from None
    try:
        parameters = None if text is None else read_parameters(text)
    except ValueError as error:
        raise UsageError(f"--parameters: {error}.", remedy=f"Such as: {_EXAMPLE}") from None

    def work(connection: Connection) -> int:
        before = model_parameters.parameters_for(connection, name)
        more = {
            kind.name: kind.fixed_bytes(name, parameters) - kind.fixed_bytes(name, before) for kind in kinds.values()
        }
        now = database_now(connection)
        return model_parameters.store_parameters(connection, name, parameters, more_bytes=more, now=now)

    waiting = in_transaction(engine, work)
    sent = default_parameters(name) if parameters is None else parameters
    return {"ok": True, **_described(name, sent, stored=parameters is not None), "waitingRequests": waiting}


def list_models(engine: Engine, default_model: str) -> Document:
    """Lists models in use, with the parameters of their requests."""
    with engine.connect() as connection:
        rows = model_parameters.list_models(connection, default_model)
    return {
        "ok": True,
        "models": [
            _described(row.model, row.parameters or default_parameters(row.model), stored=row.parameters is not None)
            | {"updatedAt": moment(row.updated_at)}
            for row in rows
        ],
    }


def _described(model: str, parameters: dict[str, Any], *, stored: bool) -> Document:
    return {
        "model": model,
        "parameters": parameters,
        "stored": stored,
        "maxOutputTokens": maximum_of(parameters),
    }
