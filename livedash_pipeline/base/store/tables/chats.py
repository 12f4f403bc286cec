"""Tables of the conversations of chat batches: their turns, judgements of their answers, and documents that are searched.

Add what a conversation or a turn has to remember. Answers are bought through the ledger like everything else
(`ai_processing_requests`, `ai_request_attempts`); what one cost is kept with its turn, so that results are the same a year
later.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, REGCONFIG, TSVECTOR

from livedash_pipeline.base.rules.chat_states import ChatState, Judged
from livedash_pipeline.base.store.tables.base import (
    MONEY,
    RATE,
    USD_EUR,
    company_column,
    id_column,
    legacy_column,
    metadata,
    moment,
    not_before,
    not_negative,
    one_of,
    reference,
)


def _zero(name: str, comment: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"), comment=comment)


chats = Table(
    "chats",
    metadata,
    id_column(),
    reference("batch_id", "chat_batches.id", "List that the conversation is of."),
    # Two runs of one file share none.
    Column(
        "chat_id",
        Text,
        nullable=False,
        unique=True,
        server_default=text("livedash_uuid7()::text"),
        comment="Its own name.",
    ),
    Column("source_chat_id", Text, comment="Its name in the file; null: the file has none."),
    Column("item_index", Integer, nullable=False, comment="Its place in the list, from 0."),
    Column("source_line", Integer, nullable=False, comment="Line of the file on which it begins."),
    _zero("turns", "Its turns."),
    Column(
        "state",
        Text,
        nullable=False,
        server_default=ChatState.PENDING,
        comment="PENDING, PROCESSING, COMPLETED, FAILED, SKIPPED or CANCELLED.",
    ),
    Column("tier", Text, comment="How it is asked: by calls in `slices`, or through a `batch`; null: not asked yet."),
    _zero("attempts", "Tries so far."),
    moment("lease_until", "Until when it belongs to the worker that asks it; null: to none."),
    Column(
        "fence",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="Number that every write of its worker carries: an older one no longer counts.",
    ),
    moment("next_try_at", "When it may be tried again; null: at once."),
    Column("outcome_code", Text, comment="Why it ended as it did, as a code; null: it has not."),
    Column("error_message", Text, comment="What went wrong, as a sentence; null: nothing did, or erased."),
    moment("started_at", "When it was asked first; null: not yet."),
    moment("completed_at", "When it ended; null: not yet."),
    moment("erased_at", "Since when all that it said is deleted on request; null: it is not."),
    legacy_column(),
    one_of("state", ChatState),
    CheckConstraint("tier IN ('slices', 'batch')", name="tier_known"),
    # Whoever works on a conversation by calls holds a lease; through the ledger its requests say who has it.
    CheckConstraint(
        "(state = 'PROCESSING' AND tier = 'slices') = (lease_until IS NOT NULL)", name="lease_while_processing"
    ),
    UniqueConstraint("batch_id", "item_index"),
    *not_negative("attempts", "fence", "turns"),
    Index("ix_chats_open", "batch_id", "item_index", postgresql_where=text("state IN ('PENDING', 'PROCESSING')")),
    Index("ix_chats_leased", "lease_until", postgresql_where=text("lease_until IS NOT NULL")),
    comment="One row per conversation of a list.",
)

chat_interactions = Table(
    "chat_interactions",
    metadata,
    id_column(),
    reference("batch_id", "chat_batches.id", "List that the turn is of."),
    reference("chat_id", "chats.id", "Conversation that the turn is of."),
    Column("item_index", Integer, nullable=False, comment="Place of its conversation in the list, from 0."),
    Column("turn", Integer, nullable=False, comment="Its place in the conversation, from 0."),
    Column("row_index", Integer, nullable=False, comment="Place of its row in the file, from 0."),
    Column("source_line", Integer, nullable=False, comment="Line of the file on which its row begins."),
    Column(
        "cells",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="Cells of its row as they were; empty once the question is deleted.",
    ),
    Column("question", Text, nullable=False, comment="What is asked; empty: deleted."),
    Column("context", Text, comment="What the model is told beside it; null: nothing, or deleted."),
    Column("url", Text, comment="Page that it is about; null: none, or deleted."),
    Column("reference", Text, comment="Answer that the file expects; null: none, or deleted."),
    Column("sources", JSONB, nullable=False, server_default=text("'[]'"), comment="What the search found for it."),
    Column("input_hash", Text, comment="Hash of all that the model was shown; null: not asked yet."),
    Column("outcome_code", Text, comment="Why it ended as it did, as a code; null: it has not."),
    Column("error_message", Text, comment="What went wrong, as a sentence; null: nothing did, or deleted."),
    Column("answer", Text, comment="The answer; null: none, or deleted."),
    Column("model", Text, comment="Model that answered; null: none."),
    Column(
        "applied_overrides",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="The answer followed the instructions of uploader or company.",
    ),
    Column("input_tokens", BigInteger, comment="Tokens of the input; null: not stated."),
    Column("output_tokens", BigInteger, comment="Tokens of the output; null: not stated."),
    Column("cost_usd", MONEY, comment="US dollars, as known when it ended; null: not known, or not ended."),
    Column("usd_eur", RATE, comment=USD_EUR),
    Column("cost_eur", MONEY, comment="Euro, as known when it ended; null: not known, or not ended."),
    moment("started_at", "When it was asked first; null: not yet."),
    moment("completed_at", "When it ended; null: not yet."),
    legacy_column(),
    UniqueConstraint("batch_id", "item_index", "turn"),
    UniqueConstraint("batch_id", "row_index"),
    CheckConstraint("answer IS NULL OR outcome_code IS NOT NULL", name="answer_with_outcome"),
    *not_negative("input_tokens", "output_tokens", "cost_usd", "cost_eur"),
    Index("ix_chat_interactions_chat_id_turn", "chat_id", "turn", unique=True),
    comment="One row per turn of a conversation, which is a row of the file.",
)

# What a model said of two answers to one question. The texts are those of the turns.
chat_judgements = Table(
    "chat_judgements",
    metadata,
    id_column(),
    company_column(),
    Column("pair_hash", Text, nullable=False, comment="Hash of the two texts, in which their order does not count."),
    Column("model", Text, nullable=False, comment="Model that judges."),
    Column("prompt_version", Text, nullable=False, comment="Version of the prompt that it is asked with."),
    reference("turn_a_id", "chat_interactions.id", "Turn whose answer the pair was found in first."),
    reference(
        "turn_b_id",
        "chat_interactions.id",
        "Turn of the other answer; null: the other is what the file of the first expects.",
        nullable=True,
    ),
    Column("verdict", Text, comment="`same`, `different` or `undecided`; null: not judged."),
    Column("error_code", Text, comment="Why it could not be judged; null: it was, or waits."),
    Column(
        "cost_usd", MONEY, nullable=False, server_default=text("0"), comment="US dollars that all its tries have cost."
    ),
    Column("cost_eur", MONEY, nullable=False, server_default=text("0"), comment="Euro that all its tries have cost."),
    _zero("unpriced_tries", "Tries whose cost is not known."),
    moment("requested_at", "When it was asked for.", nullable=False),
    moment("judged_at", "When it ended; null: not yet."),
    UniqueConstraint("company_id", "pair_hash", "model", "prompt_version"),
    one_of("verdict", Judged),
    CheckConstraint("verdict IS NULL OR error_code IS NULL", name="verdict_or_error"),
    CheckConstraint(
        "(judged_at IS NOT NULL) = (verdict IS NOT NULL OR error_code IS NOT NULL)", name="judged_with_end"
    ),
    not_before("judged_at", "requested_at"),
    *not_negative("cost_usd", "cost_eur", "unpriced_tries"),
    Index("ix_chat_judgements_turn_a_id", "turn_a_id"),
    Index("ix_chat_judgements_turn_b_id", "turn_b_id"),
    comment="One row per pair of answers that a model was asked about.",
)

# Searched beside the company's earlier questions and answers.
chat_documents = Table(
    "chat_documents",
    metadata,
    id_column(),
    company_column(),
    Column("title", Text, nullable=False, comment="Title of the document."),
    Column("url", Text, comment="Where it is published; null: not said."),
    Column("content", Text, nullable=False, comment="Text of the document."),
    Column("content_hash", Text, nullable=False, comment="Hash of the document, by which a repeat is known."),
    Column(
        "language",
        REGCONFIG,
        nullable=False,
        server_default="simple",
        comment="Text search configuration for its language.",
    ),
    Column(
        "words",
        TSVECTOR,
        Computed("to_tsvector(language, title || ' ' || content)", persisted=True),
        comment="Words of title and content, as the search compares them.",
    ),
    moment("loaded_at", "When it was loaded last.", nullable=False),
    UniqueConstraint("company_id", "content_hash"),
    Index("ix_chat_documents_words", "words", postgresql_using="gin"),
    comment="One row per document that a search may find.",
)
