"""Models, their dated prices, and exchange rates.

Prices are US dollars per million tokens, for standard and for batch processing: "batch is half" is data here, not a rule.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.store.tables.base import MONEY, RATE, id_column, metadata, moment, not_negative, reference

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
    # Above this many input tokens the long rates count for the whole request, where listed.
    Column("long_context_tokens", Integer),
    Column("long_input_usd", _PRICE),
    Column("long_cached_input_usd", _PRICE),
    Column("long_cache_write_usd", _PRICE),
    Column("long_output_usd", _PRICE),
    Column("batch_long_context_tokens", Integer),
    Column("batch_long_input_usd", _PRICE),
    Column("batch_long_cached_input_usd", _PRICE),
    Column("batch_long_cache_write_usd", _PRICE),
    Column("batch_long_output_usd", _PRICE),
    # The service's further tiers (`flex`, `priority`), each with the same rates as decimal strings.
    Column("other_tiers", JSONB, nullable=False, server_default=text("'{}'")),
    Column("source", Text, nullable=False),
    # When another row took its place, since it was wrong. It stays: costs may refer to it, or be about to.
    moment("superseded_at"),
    Column("legacy_id", Text, unique=True),
    moment("created_at", nullable=False),
    Index(
        "uq_ai_model_pricing_start",
        "ai_model_id",
        "effective_from",
        "source",
        unique=True,
        postgresql_where=text("superseded_at IS NULL"),
    ),
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

ai_cost_adjustments = Table(
    "ai_cost_adjustments",
    metadata,
    # What is added to the ledger beside it, whose rows never change: the cost of an entry that had none (`backfill`; `taken_back`
    # where an answer that showed late states its own), and what a batch was charged for without a line that says so
    # (`unattributed`, with figures below zero where an answer shows late).
    id_column(),
    Column("kind", Text, nullable=False),
    reference("company_id", "companies.id"),
    # What it is about, exactly one of them; for a backfill the entry whose cost it fills in, which may be taken back once.
    reference("attempt_id", "ai_request_attempts.id", nullable=True),
    reference("batch_id", "ai_batch_requests.id", nullable=True),
    reference("surplus_id", "ai_surplus_batches.id", nullable=True),
    reference("adjustment_id", "ai_cost_adjustments.id", nullable=True),
    # The tokens of what no line states; a row that takes back has figures below zero.
    Column("prompt_tokens", BigInteger),
    Column("cached_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("total_tokens", BigInteger),
    reference("pricing_id", "ai_model_pricing.id", nullable=True),
    # Null: unknown, and open until a backfill.
    Column("cost_usd", MONEY),
    Column("usd_eur", RATE),
    Column("cost_eur", MONEY),
    Column("reason", Text, nullable=False),
    # Which month and day it counts in: that of what it is about.
    moment("incurred_at", nullable=False),
    moment("created_at", nullable=False),
    CheckConstraint("kind IN ('backfill', 'taken_back', 'unattributed')", name="kind_known"),
    CheckConstraint("num_nonnulls(attempt_id, batch_id, surplus_id, adjustment_id) = 1", name="about_one_thing"),
    CheckConstraint("(kind = 'unattributed') = (batch_id IS NOT NULL)", name="batches_are_unattributed"),
    CheckConstraint("kind = 'unattributed' OR cost_eur IS NOT NULL", name="backfill_has_a_cost"),
    CheckConstraint("kind <> 'taken_back' OR adjustment_id IS NOT NULL", name="backfills_are_taken_back"),
    Index("uq_ai_cost_adjustments_attempt_id", "attempt_id", unique=True),
    Index("uq_ai_cost_adjustments_surplus_id", "surplus_id", unique=True),
    Index("uq_ai_cost_adjustments_adjustment_id", "adjustment_id", unique=True),
    Index("ix_ai_cost_adjustments_batch_id", "batch_id"),
    Index("ix_ai_cost_adjustments_incurred_at", "incurred_at"),
)

reporting_rates = Table(
    "reporting_rates",
    metadata,
    # What one US dollar buys of a currency that reports are made in beside euro (LIVEDASH_CURRENCY).
    Column("currency", Text, primary_key=True),
    Column("rate_date", Date, primary_key=True),
    Column("usd_rate", RATE, nullable=False),
    Column("source", Text, nullable=False),
    moment("recorded_at", nullable=False),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_is_a_code"),
    CheckConstraint("usd_rate > 0", name="usd_rate_positive"),
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
