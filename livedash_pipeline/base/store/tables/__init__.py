"""The schema's one definition, in SQLAlchemy Core; `alembic check` proves that the migrations agree with it.

Add a table to the module that its subject belongs to and name it here. Views, functions and triggers stand in the migrations.
"""

from __future__ import annotations

from livedash_pipeline.base.store.tables.access import (
    api_tokens,
    audit_log,
    console_links,
    console_sessions,
    idempotency_keys,
    webhook_deliveries,
)
from livedash_pipeline.base.store.tables.archive import archive_parts, archived_sessions
from livedash_pipeline.base.store.tables.base import metadata
from livedash_pipeline.base.store.tables.batches import ai_batch_requests, ai_surplus_batches
from livedash_pipeline.base.store.tables.chat_batches import chat_batches, chat_uploads
from livedash_pipeline.base.store.tables.chats import chat_documents, chat_interactions, chat_judgements, chats
from livedash_pipeline.base.store.tables.companies import companies
from livedash_pipeline.base.store.tables.counts import kept_counts
from livedash_pipeline.base.store.tables.endpoints import (
    ai_admissions,
    ai_endpoint_pauses,
    ai_holds,
    database_properties,
    endpoint_probes,
    endpoint_traits,
    model_parameters,
)
from livedash_pipeline.base.store.tables.imports import (
    import_files,
    import_rejects,
    import_runs,
    session_imports,
    transcripts,
)
from livedash_pipeline.base.store.tables.money import (
    ai_cost_adjustments,
    ai_model_pricing,
    ai_models,
    company_ai_models,
    exchange_rates,
    reporting_rates,
)
from livedash_pipeline.base.store.tables.requests import ai_processing_requests, ai_request_attempts
from livedash_pipeline.base.store.tables.retention import prune_runs
from livedash_pipeline.base.store.tables.runs import run_heartbeats
from livedash_pipeline.base.store.tables.sessions import (
    messages,
    processing_stages,
    questions,
    session_processing_status,
    session_questions,
    sessions,
)
from livedash_pipeline.base.store.tables.spending import spend_marks, spend_sums

__all__ = [
    "ai_admissions",
    "ai_batch_requests",
    "ai_cost_adjustments",
    "ai_endpoint_pauses",
    "ai_holds",
    "ai_model_pricing",
    "ai_models",
    "ai_processing_requests",
    "ai_request_attempts",
    "ai_surplus_batches",
    "api_tokens",
    "archive_parts",
    "archived_sessions",
    "audit_log",
    "chat_batches",
    "chat_documents",
    "chat_interactions",
    "chat_judgements",
    "chat_uploads",
    "chats",
    "companies",
    "company_ai_models",
    "console_links",
    "console_sessions",
    "database_properties",
    "endpoint_probes",
    "endpoint_traits",
    "exchange_rates",
    "idempotency_keys",
    "import_files",
    "import_rejects",
    "import_runs",
    "kept_counts",
    "messages",
    "metadata",
    "model_parameters",
    "processing_stages",
    "prune_runs",
    "questions",
    "reporting_rates",
    "run_heartbeats",
    "session_imports",
    "session_processing_status",
    "session_questions",
    "sessions",
    "spend_marks",
    "spend_sums",
    "transcripts",
    "webhook_deliveries",
]
