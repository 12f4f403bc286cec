"""Tables of what is known of services and models: admission, holds, pauses, traits, probes, parameters.

Add what decides if and how a service is called. Batches themselves stand in `batches`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.store.tables.base import (
    ENDPOINT,
    FINGERPRINT,
    RECORDED,
    UPDATED,
    id_column,
    metadata,
    moment,
)

# A row is locked while requests are claimed, so that claims see each other's reservations.
ai_admissions = Table(
    "ai_admissions",
    metadata,
    Column("endpoint", Text, primary_key=True, comment=ENDPOINT),
    Column("model", Text, primary_key=True, comment="Model that requests are claimed for."),
    Column(
        "learned_token_limit",
        BigInteger,
        comment="Enqueued tokens that the service allows, as a refusal showed; null: none known.",
    ),
    moment("updated_at", UPDATED, nullable=False),
    comment="One row per endpoint and model.",
)

ai_holds = Table(
    "ai_holds",
    metadata,
    id_column(),
    Column("endpoint", Text, nullable=False, comment=ENDPOINT),
    Column("model", Text, comment="Model that is held; null: the whole endpoint."),
    Column("reason", Text, nullable=False, comment="Why nothing is submitted, as a code."),
    Column("message", Text, nullable=False, comment="Why nothing is submitted, as a sentence."),
    moment("not_before", "When the hold ends by itself; null: it waits for a person (`livedash submit --unhold`)."),
    Column("key_fingerprint", Text, nullable=False, comment=FINGERPRINT),
    Column("times", Integer, nullable=False, server_default=text("1"), comment="How often in a row it has been held."),
    moment("held_at", "When it was held last.", nullable=False),
    Index("uq_ai_holds_scope", "endpoint", "model", unique=True, postgresql_nulls_not_distinct=True),
    CheckConstraint("times >= 1", name="times_from_one"),
    comment="One row per endpoint, or one of its models, that nothing is submitted to.",
)

ai_endpoint_pauses = Table(
    "ai_endpoint_pauses",
    metadata,
    Column("endpoint", Text, primary_key=True, comment=ENDPOINT),
    moment("paused_until", "Until when no process calls it.", nullable=False),
    Column("reason", Text, nullable=False, comment="What the service answered."),
    Column(
        "times", Integer, nullable=False, server_default=text("1"), comment="How often in a row it has been paused."
    ),
    moment("updated_at", UPDATED, nullable=False),
    CheckConstraint("times >= 1", name="times_from_one"),
    comment="One row per endpoint that asked to be called less often.",
)

endpoint_traits = Table(
    "endpoint_traits",
    metadata,
    Column("endpoint", Text, primary_key=True, comment=ENDPOINT),
    Column("key_fingerprint", Text, primary_key=True, comment=FINGERPRINT),
    Column(
        "listing",
        Text,
        nullable=False,
        server_default="unproven",
        comment="Its listing of batches may be believed: `unproven`, `proven` or `contradicted`.",
    ),
    moment("listing_at", "When that was found out; null: it was not."),
    Column("listing_reason", Text, comment="What showed it; null: nothing did."),
    Column(
        "fence",
        Text,
        nullable=False,
        server_default="unproven",
        comment="A deleted input file stops a create: `unproven`, `proven` or `refuted`.",
    ),
    moment("fence_at", "When that was found out; null: it was not."),
    Column("fence_reason", Text, comment="What showed it; null: nothing did."),
    Column(
        "renames_ids",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Its listing shows batches under other ids than create answered.",
    ),
    Column(
        "listing_lags",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="Its listing shows states that a look-up by id has gone beyond.",
    ),
    moment("updated_at", UPDATED, nullable=False),
    CheckConstraint("listing IN ('unproven', 'proven', 'contradicted')", name="listing_known"),
    CheckConstraint("fence IN ('unproven', 'proven', 'refuted')", name="fence_known"),
    comment="One row per endpoint and API key.",
)

# A batch that asks nothing of a model; one of a kind is under way at a time.
endpoint_probes = Table(
    "endpoint_probes",
    metadata,
    id_column(),
    Column("endpoint", Text, nullable=False, comment=ENDPOINT),
    Column("key_fingerprint", Text, nullable=False, comment=FINGERPRINT),
    Column("kind", Text, nullable=False, comment="What it finds out: `listing` or `fence` (see `endpoint_traits`)."),
    Column("nonce", Text, nullable=False, unique=True, comment="Name of the probe in its batch's metadata."),
    Column("input_file_id", Text, comment="The service's id of its lines; null: not uploaded."),
    Column("openai_batch_id", Text, key="remote_batch_id", comment="The service's id of it; null: not created."),
    Column("outcome", Text, comment="`proven`, `refuted` or `unknown`; null: under way."),
    Column("reason", Text, comment="What showed it; null: under way."),
    moment("started_at", "When the probe began.", nullable=False),
    moment("made_at", "When the service made its batch; null: not yet."),
    moment("ended_at", "When the probe ended; null: under way."),
    CheckConstraint("kind IN ('listing', 'fence')", name="kind_known"),
    CheckConstraint("outcome IN ('proven', 'refuted', 'unknown')", name="outcome_known"),
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended_with_outcome"),
    Index(
        "uq_endpoint_probes_open",
        "endpoint",
        "key_fingerprint",
        "kind",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
    comment="One row per probe of an endpoint.",
)

# Other models have defaults by their name.
model_parameters = Table(
    "model_parameters",
    metadata,
    Column("model", Text, primary_key=True, comment="Name of the model."),
    Column("parameters", JSONB, nullable=False, comment="What its requests are sent with, as an operator has set it."),
    moment("updated_at", UPDATED, nullable=False),
    comment="One row per model whose parameters an operator has set.",
)

database_properties = Table(
    "database_properties",
    metadata,
    Column("name", Text, primary_key=True, comment="Name of the fact, such as `endpoint_kind`."),
    Column("value", Text, nullable=False, comment="The fact."),
    moment("recorded_at", RECORDED, nullable=False),
    comment="One row per fact about the whole database.",
)
