"""Kept sums of what costs money: their tables, the triggers that mark what changes, and a mark for all that exists.

No sum is made here: what is marked is read entry by entry, as before, until a submit or a check has summed it. So an upgrade takes
moments, whatever the size, and no sum is missing at any time.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025_spend_sums"
down_revision = "0024_archive"
branch_labels = None
depends_on = None

TRIES = "ai_request_attempts"
INDEX = "ix_ai_request_attempts_without_batch"
_MOMENT = sa.DateTime(timezone=True)

# A mark for each batch whose tries have changed, and for the hour of tries without one. Where one ends, the other tries of its
# request may have become what was paid before it; also one that seems to be in flight, since whoever ends it may not have committed.
MARK_TRIES = """
CREATE FUNCTION livedash_mark_tries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spend_marks (batch_id, settled_hour)
    SELECT DISTINCT changed.batch_id, CASE WHEN changed.batch_id IS NULL THEN livedash_spend_hour(changed.settled_at) END
    FROM changed
    WHERE changed.batch_id IS NOT NULL OR changed.settled_at IS NOT NULL;
    IF EXISTS (SELECT FROM changed WHERE changed.outcome IS NOT NULL) THEN
        INSERT INTO spend_marks (batch_id, settled_hour)
        SELECT DISTINCT others.batch_id, CASE WHEN others.batch_id IS NULL THEN livedash_spend_hour(others.settled_at) END
        FROM changed
        JOIN ai_request_attempts AS others ON others.request_id = changed.request_id AND others.id <> changed.id
        WHERE changed.outcome IS NOT NULL AND (others.batch_id IS NOT NULL OR others.settled_at IS NOT NULL);
    END IF;
    RETURN NULL;
END
$$
"""
# An hour of UTC, whatever the server's zone is.
HOUR = """
CREATE FUNCTION livedash_spend_hour(moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT date_trunc('hour', moment, 'UTC')
$$
"""
# What is added is about a batch, a try, or an earlier addition to one of these; a surplus batch, of which there are few, has no
# kept sum.
MARK_ADJUSTMENTS = """
CREATE FUNCTION livedash_mark_adjustments() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spend_marks (batch_id, settled_hour)
    SELECT DISTINCT marked.batch_id, CASE WHEN marked.batch_id IS NULL THEN livedash_spend_hour(tries.settled_at) END
    FROM changed
    LEFT JOIN ai_cost_adjustments AS about ON about.id = changed.adjustment_id
    LEFT JOIN ai_request_attempts AS tries ON tries.id = coalesce(changed.attempt_id, about.attempt_id)
    CROSS JOIN
        LATERAL (
            SELECT coalesce(changed.batch_id, about.batch_id, tries.batch_id) AS batch_id
        ) AS marked
    WHERE marked.batch_id IS NOT NULL OR tries.settled_at IS NOT NULL;
    RETURN NULL;
END
$$
"""
# When a batch was submitted says which try of a request is the newest.
MARK_BATCH = """
CREATE FUNCTION livedash_mark_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spend_marks (batch_id) VALUES (new.id);
    IF TG_OP = 'UPDATE' AND new.processed_at IS NOT NULL THEN
        INSERT INTO spend_marks (batch_id, settled_hour)
        SELECT DISTINCT
            others.batch_id, CASE WHEN others.batch_id IS NULL THEN livedash_spend_hour(others.settled_at) END
        FROM ai_request_attempts AS own
        JOIN ai_request_attempts AS others ON others.request_id = own.request_id AND others.id <> own.id
        WHERE own.batch_id = new.id AND (others.batch_id IS NOT NULL OR others.settled_at IS NOT NULL);
    END IF;
    RETURN NULL;
END
$$
"""
# An answer that was judged again and taken is no longer wasted.
MARK_REQUEST = """
CREATE FUNCTION livedash_mark_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO spend_marks (batch_id, settled_hour)
    SELECT DISTINCT tries.batch_id, CASE WHEN tries.batch_id IS NULL THEN livedash_spend_hour(tries.settled_at) END
    FROM ai_request_attempts AS tries
    WHERE tries.request_id = new.id AND (tries.batch_id IS NOT NULL OR tries.settled_at IS NOT NULL);
    RETURN NULL;
END
$$
"""
FUNCTIONS = {
    "livedash_spend_hour(timestamptz)": HOUR,
    "livedash_mark_tries()": MARK_TRIES,
    "livedash_mark_adjustments()": MARK_ADJUSTMENTS,
    "livedash_mark_batch()": MARK_BATCH,
    "livedash_mark_request()": MARK_REQUEST,
}
# A request that leaves a batch for PROCESSING_COMPLETE does so with its try, which marks what has to be marked.
TRIGGERS = (
    (
        TRIES,
        "mark_new_tries",
        "AFTER INSERT",
        "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT",
        "livedash_mark_tries",
    ),
    (TRIES, "mark_tries", "AFTER UPDATE", "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT", "livedash_mark_tries"),
    (
        "ai_cost_adjustments",
        "mark_adjustments",
        "AFTER INSERT",
        "REFERENCING NEW TABLE AS changed FOR EACH STATEMENT",
        "livedash_mark_adjustments",
    ),
    ("ai_batch_requests", "mark_new_batch", "AFTER INSERT", "FOR EACH ROW", "livedash_mark_batch"),
    (
        "ai_batch_requests",
        "mark_batch",
        "AFTER UPDATE",
        "FOR EACH ROW WHEN ("
        "(old.company_id, old.model, old.processing_type, old.submitted_at, old.created_at)"
        " IS DISTINCT FROM (new.company_id, new.model, new.processing_type, new.submitted_at, new.created_at))",
        "livedash_mark_batch",
    ),
    (
        "ai_processing_requests",
        "mark_request",
        "AFTER UPDATE OF processing_status",
        "FOR EACH ROW WHEN ("
        "old.processing_status <> 'BATCHING_IN_PROGRESS'"
        " AND (old.processing_status = 'PROCESSING_COMPLETE') <> (new.processing_status = 'PROCESSING_COMPLETE'))",
        "livedash_mark_request",
    ),
)
MARK_BATCHES = "INSERT INTO spend_marks (batch_id) SELECT id FROM ai_batch_requests"
# From hour to hour, each found through the index: there are far fewer hours than tries.
MARK_HOURS = """
WITH RECURSIVE hours AS (
    SELECT livedash_spend_hour(min(settled_at)) AS settled_hour
    FROM ai_request_attempts
    WHERE batch_id IS NULL
    UNION ALL
    SELECT (
        SELECT livedash_spend_hour(min(tries.settled_at))
        FROM ai_request_attempts AS tries
        WHERE tries.batch_id IS NULL AND tries.settled_at >= hours.settled_hour + interval '1 hour'
    )
    FROM hours
    WHERE hours.settled_hour IS NOT NULL
)

INSERT INTO spend_marks (settled_hour)
SELECT settled_hour FROM hours WHERE settled_hour IS NOT NULL
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # A build that was interrupted leaves an invalid index behind; it is dropped before it is built again.
        op.drop_index(INDEX, TRIES, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            INDEX, TRIES, ["settled_at"], postgresql_where=sa.text("batch_id IS NULL"), postgresql_concurrently=True
        )
    _tables()
    for function in FUNCTIONS.values():
        op.execute(function)
    for table, name, event, how, function in TRIGGERS:
        op.execute(f"CREATE TRIGGER {name} {event} ON {table} {how} EXECUTE FUNCTION {function}()")
        # A replica or a restore that passes over triggers would leave a change unmarked.
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    op.execute(MARK_BATCHES)
    op.execute(MARK_HOURS)


def _tables() -> None:
    op.create_table(
        "spend_sums",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("livedash_uuid7()"),
            nullable=False,
            comment="Id that grows with time: the order of ids is the order of creation.",
        ),
        sa.Column("batch_id", sa.Uuid(), comment="Batch whose entries are summed; null: entries of none."),
        sa.Column(
            "settled_hour", _MOMENT, comment="Hour in which the tries ended that are of no batch; null: of a batch."
        ),
        sa.Column("company_id", sa.Uuid(), nullable=False, comment="Company that is charged."),
        sa.Column("model", sa.Text(), nullable=False, comment="Model that was asked."),
        sa.Column("processing_type", sa.Text(), nullable=False, comment="Kind of request."),
        sa.Column("entry", sa.Text(), nullable=False, comment="Kind of entry, as in `cost_entries`."),
        sa.Column("outcome", sa.Text(), comment="How the tries ended; null: in flight, or no try."),
        sa.Column(
            "part", sa.Text(), comment="Part of the spending (see docs/money.md); null: nothing is known to be spent."
        ),
        sa.Column("incurred_at", _MOMENT, comment="Which month and day they count in; null: in flight."),
        sa.Column("is_in_flight", sa.Boolean(), nullable=False, comment="They have not ended."),
        sa.Column(
            "is_open", sa.Boolean(), nullable=False, comment="Charged, or perhaps charged, and nobody knows how much."
        ),
        sa.Column(
            "is_late",
            sa.Boolean(),
            nullable=False,
            comment="They are answers that showed after their tries were settled.",
        ),
        sa.Column("entries", sa.BigInteger(), nullable=False, comment="Entries that are summed."),
        sa.Column(
            "requests", sa.BigInteger(), nullable=False, comment="Of these, tries of a request that are charged."
        ),
        sa.Column(
            "input_tokens", sa.BigInteger(), nullable=False, comment="Tokens of the input, cached ones included."
        ),
        sa.Column(
            "cached_tokens", sa.BigInteger(), nullable=False, comment="Input tokens that were read from the cache."
        ),
        sa.Column(
            "output_tokens", sa.BigInteger(), nullable=False, comment="Tokens of the output, reasoning included."
        ),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False, comment="Output tokens that are reasoning."),
        sa.Column("cost_usd", sa.Numeric(), nullable=False, comment="US dollars, as far as they are known."),
        sa.Column("cost_eur", sa.Numeric(), nullable=False, comment="Euro, as far as they are known."),
        sa.Column(
            "synchronous_usd",
            sa.Numeric(),
            nullable=False,
            comment="US dollars that comparable lines would have cost as single calls.",
        ),
        sa.Column("compared_usd", sa.Numeric(), nullable=False, comment="US dollars that these lines cost."),
        sa.Column(
            "without_synchronous", sa.BigInteger(), nullable=False, comment="Paid lines that cannot be compared."
        ),
        sa.Column(
            "reserved_eur",
            sa.Numeric(),
            nullable=False,
            comment="Euro that were set aside, as far as a limit is known.",
        ),
        sa.Column("unlimited", sa.BigInteger(), nullable=False, comment="Entries without a known limit."),
        sa.Column(
            "set_aside_eur",
            sa.Numeric(),
            nullable=False,
            comment="Euro that were set aside for entries that cost something that is known.",
        ),
        sa.Column(
            "charged_eur",
            sa.Numeric(),
            nullable=False,
            comment="Euro that entries cost for which a limit and a cost are known.",
        ),
        sa.Column("unpriced", sa.BigInteger(), nullable=False, comment="Charged entries whose euro are not known."),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spend_sums")),
        sa.CheckConstraint("num_nonnulls(batch_id, settled_hour) = 1", name=op.f("ck_spend_sums_of_batch_or_hour")),
        comment="One row per kept sum of alike entries of a batch, or of an hour.",
    )
    op.create_table(
        "spend_marks",
        sa.Column(
            "id",
            sa.Uuid(),
            server_default=sa.text("livedash_uuid7()"),
            nullable=False,
            comment="Id that grows with time: the order of ids is the order of creation.",
        ),
        sa.Column("batch_id", sa.Uuid(), comment="Batch whose entries are summed; null: entries of none."),
        sa.Column(
            "settled_hour", _MOMENT, comment="Hour in which the tries ended that are of no batch; null: of a batch."
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spend_marks")),
        sa.CheckConstraint("num_nonnulls(batch_id, settled_hour) = 1", name=op.f("ck_spend_marks_of_batch_or_hour")),
        comment="One row per change that a kept sum does not hold yet: until it is summed anew, the entries themselves count.",
    )
    for table, columns in (
        ("spend_sums", (["batch_id"], ["settled_hour"], ["incurred_at"], ["company_id", "incurred_at"])),
        ("spend_marks", (["batch_id"], ["settled_hour"])),
    ):
        for each in columns:
            op.create_index(f"ix_{table}_{'_'.join(each)}", table, each)


def downgrade() -> None:
    for table, name, *_ in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON {table}")
    for signature in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_table("spend_marks")
    op.drop_table("spend_sums")
    with op.get_context().autocommit_block():
        op.drop_index(INDEX, TRIES, if_exists=True, postgresql_concurrently=True)
