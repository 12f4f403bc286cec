"""Models, their dated prices, and exchange rates.

Prices are US dollars per million tokens, for standard and for batch processing: "batch is half" is data here, not a rule.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from livedash_pipeline.base.store.tables.base import RATE, id_column, metadata, moment, not_negative, reference

_PRICE = Numeric(14, 6)

ai_models = Table(
    "ai_models",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("provider", Text, nullable=False, server_default="openai"),
    Column("max_tokens", Integer),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("legacy_id", Text, unique=True),
    moment("created_at", nullable=False),
)

ai_model_pricing = Table(
    "ai_model_pricing",
    metadata,
    id_column(),
    reference("ai_model_id", "ai_models.id"),
    moment("effective_from", nullable=False),
    moment("effective_until"),
    Column("input_usd", _PRICE, nullable=False),
    Column("cached_input_usd", _PRICE),
    Column("cache_write_usd", _PRICE),
    Column("output_usd", _PRICE, nullable=False),
    Column("batch_input_usd", _PRICE),
    Column("batch_cached_input_usd", _PRICE),
    Column("batch_cache_write_usd", _PRICE),
    Column("batch_output_usd", _PRICE),
    # Above this many input tokens the whole request is priced by the factors.
    Column("long_context_tokens", Integer),
    Column("long_input_factor", Numeric(6, 3)),
    Column("long_output_factor", Numeric(6, 3)),
    Column("source", Text, nullable=False),
    Column("legacy_id", Text, unique=True),
    moment("created_at", nullable=False),
    UniqueConstraint("ai_model_id", "effective_from"),
    CheckConstraint("effective_until > effective_from", name="until_after_from"),
    *not_negative("input_usd", "output_usd", "batch_input_usd", "batch_output_usd"),
)

company_ai_models = Table(
    "company_ai_models",
    metadata,
    id_column(),
    reference("company_id", "companies.id"),
    reference("ai_model_id", "ai_models.id"),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("company_id", "ai_model_id"),
    Index("uq_company_ai_models_default", "company_id", unique=True, postgresql_where=text("is_default")),
)

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("rate_date", Date, primary_key=True),
    Column("usd_eur", RATE, nullable=False),
    Column("source", Text, nullable=False),
    moment("recorded_at", nullable=False),
    CheckConstraint("usd_eur > 0", name="usd_eur_positive"),
)
