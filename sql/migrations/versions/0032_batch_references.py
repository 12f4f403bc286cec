"""Checks which batch requests and tries name, and which price tries do, once a statement, with the functions of 0030.

A claim looked one new batch up once for each of 50,000 requests and once for each of their tries: 0.53 of its 2.9 seconds. A settlement
did so with one price. Nothing deletes a batch or a price, and a statement that did would be refused as before. A try keeps the
foreign key to its request, whose lock others wait for.
"""

from __future__ import annotations

from alembic import op

revision = "0032_batch_references"
down_revision = "0031_ids"
branch_labels = None
depends_on = None

# Table, column, and the table whose ids it holds.
REFERENCES = (
    ("ai_processing_requests", "batch_id", "ai_batch_requests"),
    ("ai_request_attempts", "batch_id", "ai_batch_requests"),
    ("ai_request_attempts", "pricing_id", "ai_model_pricing"),
)
# Many rows of one statement change theirs, all to the same one.
_TRIGGERS = (
    ("found", "AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows", "references_found"),
    ("moved", "AFTER UPDATE ON {table} REFERENCING NEW TABLE AS new_rows", "references_found"),
    ("left", "AFTER DELETE ON {target} REFERENCING OLD TABLE AS old_rows", "references_left"),
)


def upgrade() -> None:
    for table, column, target in REFERENCES:
        for event, when, function in _TRIGGERS:
            op.execute(
                f"CREATE TRIGGER fk_{table}_{column}_{event} {when.format(table=table, target=target)}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}('{table}', '{column}', '{target}')"
            )
        # Only now, in the same transaction: at no time is a row unchecked.
        op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")


def downgrade() -> None:
    for table, column, target in REFERENCES:
        op.create_foreign_key(f"fk_{table}_{column}", table, target, [column], ["id"])
        for event, on in (("found", table), ("moved", table), ("left", target)):
            op.execute(f"DROP TRIGGER fk_{table}_{column}_{event} ON {on}")
