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

from livedash_pipeline.base.store.tables.base import (
    CREATED,
    MONEY,
    RATE,
    RECORDED,
    USD_EUR,
    company_column,
    id_column,
    legacy_column,
    metadata,
    moment,
    not_negative,
    reference,
)

_PRICE = Numeric(14, 6)


def _price(name: str, what: str, *, nullable: bool = True) -> Column[object]:
    """US dollars per million tokens of some kind."""
    unknown = "; null: not listed" if nullable else ""
    return Column(name, _PRICE, nullable=nullable, comment=f"US dollars per million {what}{unknown}.")


def _tokens(name: str, what: str) -> Column[int]:
    return Column(
        name, BigInteger, comment=f"{what} that no line states, below zero where taken back; null: a backfill."
    )


ai_models = Table(
    "ai_models",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True, comment="Name of the model at its service."),
    Column("provider", Text, nullable=False, server_default="openai", comment="Who serves the model."),
    Column(
        "max_tokens",
        Integer,
        comment="Most tokens that a request may have, as noted; nothing reads it; null: not noted.",
    ),
    Column(
        "is_active",
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="The model is still offered, as noted; nothing reads it.",
    ),
    legacy_column(),
    moment("created_at", CREATED, nullable=False),
    comment="One row per model.",
)

ai_model_pricing = Table(
    "ai_model_pricing",
    metadata,
    id_column(),
    reference("ai_model_id", "ai_models.id", "Model whose price it is."),
    moment("effective_from", "From when the price holds.", nullable=False),
    moment("effective_until", "Until when the price holds; null: until a later one."),
    _price("input_usd", "input tokens", nullable=False),
    _price("cached_input_usd", "input tokens from the cache"),
    _price("cache_write_usd", "input tokens written to the cache"),
    _price("output_usd", "output tokens", nullable=False),
    _price("batch_input_usd", "input tokens in batches"),
    _price("batch_cached_input_usd", "input tokens from the cache in batches"),
    _price("batch_cache_write_usd", "input tokens written to the cache in batches"),
    _price("batch_output_usd", "output tokens in batches"),
    Column(
        "long_context_tokens",
        Integer,
        comment="Above this many input tokens the long rates count for the whole request; null: no such rates.",
    ),
    _price("long_input_usd", "input tokens of long requests"),
    _price("long_cached_input_usd", "input tokens from the cache of long requests"),
    _price("long_cache_write_usd", "input tokens written to the cache of long requests"),
    _price("long_output_usd", "output tokens of long requests"),
    Column(
        "batch_long_context_tokens",
        Integer,
        comment="The same limit in batches; null: no long rates in batches.",
    ),
    _price("batch_long_input_usd", "input tokens of long requests in batches"),
    _price("batch_long_cached_input_usd", "input tokens from the cache of long requests in batches"),
    _price("batch_long_cache_write_usd", "input tokens written to the cache of long requests in batches"),
    _price("batch_long_output_usd", "output tokens of long requests in batches"),
    Column(
        "other_tiers",
        JSONB,
        nullable=False,
        server_default=text("'{}'"),
        comment="Further tiers (`flex`, `priority`), each with the same rates as decimal strings.",
    ),
    Column("source", Text, nullable=False, comment="Where the price is from: an operator, or the price package."),
    # It stays: costs may refer to it, or be about to.
    moment("superseded_at", "When another row took its place, since it was wrong; null: it counts."),
    legacy_column(),
    moment("created_at", CREATED, nullable=False),
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
    comment="One row per price of a model from a moment on.",
)

company_ai_models = Table(
    "company_ai_models",
    metadata,
    id_column(),
    company_column(),
    reference("ai_model_id", "ai_models.id", "Model that the company may use."),
    Column(
        "is_default", Boolean, nullable=False, server_default=text("false"), comment="The company's sessions use it."
    ),
    UniqueConstraint("company_id", "ai_model_id"),
    Index("uq_company_ai_models_default", "company_id", unique=True, postgresql_where=text("is_default")),
    comment="One row per model of a company.",
)

# Beside the ledger, whose rows never change.
ai_cost_adjustments = Table(
    "ai_cost_adjustments",
    metadata,
    id_column(),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="`backfill` of a cost, `taken_back` where an answer showed late, or `unattributed`: charged without a line.",
    ),
    company_column(),
    # What it is about, exactly one of them; an entry's backfill may be taken back once.
    reference(
        "attempt_id", "ai_request_attempts.id", "Try whose cost it fills in; null: another entry.", nullable=True
    ),
    reference(
        "batch_id", "ai_batch_requests.id", "Batch that was charged without a line; null: a backfill.", nullable=True
    ),
    reference(
        "surplus_id", "ai_surplus_batches.id", "Surplus batch whose cost it fills in; null: another.", nullable=True
    ),
    reference(
        "adjustment_id",
        "ai_cost_adjustments.id",
        "Addition whose cost it fills in or takes back; null: another.",
        nullable=True,
    ),
    _tokens("prompt_tokens", "Input tokens"),
    _tokens("cached_tokens", "Input tokens from the cache"),
    _tokens("completion_tokens", "Output tokens"),
    _tokens("total_tokens", "Tokens"),
    reference("pricing_id", "ai_model_pricing.id", "Price that was used; null: not priced.", nullable=True),
    Column(
        "cost_usd", MONEY, comment="US dollars to add, below zero where taken back; null: unknown until a backfill."
    ),
    Column("usd_eur", RATE, comment=USD_EUR),
    Column("cost_eur", MONEY, comment="Euro to add, below zero where taken back; null: unknown until a backfill."),
    Column("reason", Text, nullable=False, comment="Why it was added."),
    moment("incurred_at", "Which month and day it counts in: that of what it is about.", nullable=False),
    moment("created_at", CREATED, nullable=False),
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
    comment="One row per addition beside the ledger.",
)

reporting_rates = Table(
    "reporting_rates",
    metadata,
    Column(
        "currency", Text, primary_key=True, comment="Code of a currency that reports are made in (LIVEDASH_CURRENCY)."
    ),
    Column("rate_date", Date, primary_key=True, comment="Day from which the rate holds, until a later one."),
    Column("usd_rate", RATE, nullable=False, comment="What one US dollar buys of the currency."),
    Column("source", Text, nullable=False, comment="Where the rate is from."),
    moment("recorded_at", RECORDED, nullable=False),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency_is_a_code"),
    CheckConstraint("usd_rate > 0", name="usd_rate_positive"),
    comment="One row per currency and day.",
)

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("rate_date", Date, primary_key=True, comment="Day from which the rate holds, until a later one."),
    Column("usd_eur", RATE, nullable=False, comment="Euro for one US dollar."),
    Column("source", Text, nullable=False, comment="Where the rate is from."),
    moment("recorded_at", RECORDED, nullable=False),
    CheckConstraint("usd_eur > 0", name="usd_eur_positive"),
    comment="One row per day.",
)
