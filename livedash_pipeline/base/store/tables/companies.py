"""The table of companies: where their files are, what they may spend, and how long their texts are kept.

Add what a company is asked for or told. What was imported for it stands in `imports`.
"""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.store.tables.base import (
    CREATED,
    MONEY,
    UPDATED,
    id_column,
    legacy_column,
    metadata,
    moment,
    not_negative,
    one_of,
)

_NONE = text("'{}'")

companies = Table(
    "companies",
    metadata,
    id_column(),
    Column("slug", Text, nullable=False, unique=True, comment="Short name in commands, addresses and partitions."),
    Column("name", Text, nullable=False, comment="Name as people write it."),
    Column(
        "status",
        Text,
        nullable=False,
        server_default=CompanyStatus.ACTIVE,
        comment="Only ACTIVE and TRIAL companies are imported, fetched and claimed for.",
    ),
    Column(
        "csv_url",
        Text,
        nullable=False,
        comment="Address, file, folder or pattern of its CSVs; empty: it submits its sessions over HTTP.",
    ),
    # The credentials themselves are never stored.
    Column("csv_username_env", Text, comment="Environment variable with the CSV server's user name; null: none."),
    Column("csv_password_env", Text, comment="Environment variable with the CSV server's password; null: none."),
    Column("csv_bearer_env", Text, comment="Environment variable with the CSV server's token; null: none."),
    Column(
        "csv_headers",
        ARRAY(Text),
        nullable=False,
        server_default=_NONE,
        comment="Headers that the CSV's server asks for, as `NAME=VARIABLE` of the environment.",
    ),
    Column(
        "time_zone",
        Text,
        nullable=False,
        server_default="Europe/Amsterdam",
        comment="Time zone of the times in its CSVs and transcripts.",
    ),
    Column(
        "transcript_hosts",
        ARRAY(Text),
        nullable=False,
        server_default=_NONE,
        comment="Hosts beside the CSV's that transcripts may be fetched from.",
    ),
    Column(
        "allowed_addresses",
        ARRAY(Text),
        nullable=False,
        server_default=_NONE,
        comment="Networks that are not public and that its sources may be at, as an operator allowed.",
    ),
    Column(
        "bot_names",
        ARRAY(Text),
        nullable=False,
        server_default=_NONE,
        comment="Names in transcripts that stand for the assistant.",
    ),
    Column(
        "csv_profile",
        JSONB(none_as_null=True),
        comment="How its CSVs are written where they differ from the standard form; null: they do not.",
    ),
    Column(
        "transcript_profile",
        JSONB(none_as_null=True),
        comment="How its transcripts are written where they differ from the standard form; null: they do not.",
    ),
    Column(
        "chat_override",
        Text,
        comment="Instructions of chat batches that ask for them and give none of their own; null: none.",
    ),
    Column("csv_etag", Text, comment="ETag of the CSV that was imported last; null: the server sends none."),
    Column(
        "csv_last_modified",
        Text,
        comment="Last-Modified of the CSV that was imported last; null: the server sends none.",
    ),
    moment("next_import_at", "When the next import is due; null: at once."),
    Column(
        "import_failures",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Imports that have failed since the last one that succeeded.",
    ),
    Column(
        "monthly_cap_eur", MONEY, comment="Most that it may spend in a month (UTC), in euro; null: as the settings say."
    ),
    Column(
        "daily_cap_eur", MONEY, comment="Most that it may spend in a day (UTC), in euro; null: as the settings say."
    ),
    Column(
        "monthly_budget_eur",
        MONEY,
        comment="Euro of a month of whose shares people are told; null: as the settings say.",
    ),
    Column(
        "transcript_retention_days",
        Integer,
        comment="Days after the end of a chat for which its transcript is kept; null: for good.",
    ),
    Column(
        "message_retention_days",
        Integer,
        comment="Days after the end of a chat for which its messages are kept; null: for good.",
    ),
    Column(
        "answer_retention_days",
        Integer,
        comment="Days after the end of a chat for which the model's answers about it are kept; null: for good.",
    ),
    Column("created_by", Text, nullable=False, server_default="operator", comment="Who added the company."),
    legacy_column(),
    moment("created_at", CREATED, nullable=False),
    moment("updated_at", UPDATED, nullable=False),
    CheckConstraint("slug ~ '^[a-z0-9-]{1,63}$'", name="slug_form"),
    one_of("status", CompanyStatus),
    *not_negative("import_failures"),
    *not_negative("monthly_cap_eur", "daily_cap_eur", "monthly_budget_eur"),
    *not_negative("transcript_retention_days", "message_retention_days", "answer_retention_days"),
    comment="One row per company.",
)
