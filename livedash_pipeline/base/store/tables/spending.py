"""Tables of kept sums of what costs money: the sums of each batch and hour, and marks of those that are to be summed anew.

Add a column for a figure that a sum needs, with `sql/statements/ledger/sum_spend_entries.sql`. Triggers write the marks
and `ledger.steps.costs.spend_sums` the sums; docs/decisions/kept-spend-sums.md says why they never differ from the entries.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Numeric, Table, Text, Uuid, text

from livedash_pipeline.base.store.tables.base import id_column, metadata, moment

_NOTHING = text("num_nonnulls(batch_id, settled_hour) = 1")
# Sums of many amounts, each of which has at most 21 decimals: no limit, so that nothing is rounded.
_AMOUNT = Numeric()


def _batch() -> Column[object]:
    # No foreign key: it would lock the batch's row, which its submitter and its settlement lock in other orders.
    return Column("batch_id", Uuid, comment="Batch whose entries are summed; null: entries of none.")


def _hour() -> Column[object]:
    return moment("settled_hour", "Hour in which the tries ended that are of no batch; null: of a batch.")


def _count(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, comment=comment)


def _amount(name: str, comment: str) -> Column[object]:
    return Column(name, _AMOUNT, nullable=False, comment=comment)


spend_sums = Table(
    "spend_sums",
    metadata,
    id_column(),
    _batch(),
    _hour(),
    Column("company_id", Uuid, nullable=False, comment="Company that is charged."),
    Column("model", Text, nullable=False, comment="Model that was asked."),
    Column("processing_type", Text, nullable=False, comment="Kind of request."),
    Column("entry", Text, nullable=False, comment="Kind of entry, as in `cost_entries`."),
    Column("outcome", Text, comment="How the tries ended; null: in flight, or no try."),
    Column("part", Text, comment="Part of the spending (see docs/money.md); null: nothing is known to be spent."),
    moment("incurred_at", "Which month and day they count in; null: in flight."),
    Column("is_in_flight", Boolean, nullable=False, comment="They have not ended."),
    Column("is_open", Boolean, nullable=False, comment="Charged, or perhaps charged, and nobody knows how much."),
    Column("is_late", Boolean, nullable=False, comment="They are answers that showed after their tries were settled."),
    _count("entries", "Entries that are summed."),
    _count("requests", "Of these, tries of a request that are charged."),
    _count("input_tokens", "Tokens of the input, cached ones included."),
    _count("cached_tokens", "Input tokens that were read from the cache."),
    _count("output_tokens", "Tokens of the output, reasoning included."),
    _count("reasoning_tokens", "Output tokens that are reasoning."),
    _amount("cost_usd", "US dollars, as far as they are known."),
    _amount("cost_eur", "Euro, as far as they are known."),
    _amount("synchronous_usd", "US dollars that comparable lines would have cost as single calls."),
    _amount("compared_usd", "US dollars that these lines cost."),
    _count("without_synchronous", "Paid lines that cannot be compared."),
    _amount("reserved_eur", "Euro that were set aside, as far as a limit is known."),
    _count("unlimited", "Entries without a known limit."),
    _amount("set_aside_eur", "Euro that were set aside for entries that cost something that is known."),
    _amount("charged_eur", "Euro that entries cost for which a limit and a cost are known."),
    _count("unpriced", "Charged entries whose euro are not known."),
    CheckConstraint(_NOTHING, name="of_batch_or_hour"),
    Index("ix_spend_sums_batch_id", "batch_id"),
    Index("ix_spend_sums_settled_hour", "settled_hour"),
    Index("ix_spend_sums_incurred_at", "incurred_at"),
    Index("ix_spend_sums_company_id_incurred_at", "company_id", "incurred_at"),
    comment="One row per kept sum of alike entries of a batch, or of an hour.",
)

spend_marks = Table(
    "spend_marks",
    metadata,
    id_column(),
    _batch(),
    _hour(),
    CheckConstraint(_NOTHING, name="of_batch_or_hour"),
    Index("ix_spend_marks_batch_id", "batch_id"),
    Index("ix_spend_marks_settled_hour", "settled_hour"),
    comment="One row per change that a kept sum does not hold yet: until it is summed anew, the entries themselves count.",
)
