"""One request for people: what is known of it, without what the model answered, which is read by itself.

Add what a request's page shows. `ledger.steps.batches.request_search` finds requests, `overview.steps.inspections` describes one
for the other shells.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.connect import autocommitted
from livedash_pipeline.ledger.store.batches.request_history import has_kept_texts
from livedash_pipeline.ledger.store.batches.request_search import company_slugs
from livedash_pipeline.overview.steps.inspections import describe_request


def inspect_request(engine: Engine, request_id: str) -> Document | None:
    """Describes a request with all its tries, the slug of its company, and whether an answer is kept; None if there is none."""
    document = describe_request(engine, request_id)
    if document is None:
        return None
    request = document["request"]
    company_id, own_id = UUID(request["companyId"]), UUID(request["id"])
    with autocommitted(engine) as connection:
        slug = company_slugs(connection, [company_id])[company_id]
        has_answer = has_kept_texts(connection, own_id)
    return document | {"company": slug, "hasAnswer": has_answer}
