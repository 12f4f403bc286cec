"""Checks which company and run an import names, and which company a session does, once a statement, as 0027 does other references.

Looking each up took a seventh of the time of a first import. Nothing deletes a company or the record of a run, and a statement
that did would be refused as before. What names an import keeps its foreign key, whose lock an erasure waits for.
"""

from __future__ import annotations

from typing import NamedTuple

from alembic import op

revision = "0030_import_references"
down_revision = "0029_stage_counts"
branch_labels = None
depends_on = None


class Reference(NamedTuple):
    """A column whose values are ids of another table."""

    table: str
    column: str
    target: str

    @property
    def constraint(self) -> str:
        """Its name, which errors tell."""
        return f"fk_{self.table}_{self.column}"


REFERENCES = (
    Reference("session_imports", "company_id", "companies"),
    Reference("session_imports", "import_run_id", "import_runs"),
    Reference("sessions", "company_id", "companies"),
)

# Each trigger gives the table that holds the column, the column, and the table whose ids it holds. Statements are made anew for each
# call, so that they are planned for as many rows as there are.
_REFUSE = """
        RAISE foreign_key_violation USING
            MESSAGE = format({message}), TABLE = TG_ARGV[0], CONSTRAINT = format('fk_%s_%s', TG_ARGV[0], TG_ARGV[1]);
"""
_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    is_wrong boolean;
BEGIN
    EXECUTE format('{query}', TG_ARGV[0], TG_ARGV[1], TG_ARGV[2]) INTO is_wrong {using};
    IF is_wrong THEN
        {refuse}
    END IF;
    RETURN NULL;
END
$$
"""
_NOT_THERE = "'a row of %s names a row of %s that is not there', TG_ARGV[0], TG_ARGV[2]"
_NAMED = "'a row of %s is named by rows of %s', TG_ARGV[2], TG_ARGV[0]"
# Name, query, what is given to it, message.
_FUNCTIONS = (
    (
        "references_found",
        "SELECT EXISTS (SELECT FROM (SELECT DISTINCT %2$I AS id FROM new_rows) AS given"
        " WHERE id IS NOT NULL AND NOT EXISTS (SELECT FROM %3$I AS target WHERE target.id = given.id))",
        "",
        _NOT_THERE,
    ),
    (
        "reference_found",
        "SELECT ($1).%2$I IS NOT NULL AND NOT EXISTS (SELECT FROM %3$I AS target WHERE target.id = ($1).%2$I)",
        "USING new",
        _NOT_THERE,
    ),
    (
        "references_left",
        "SELECT EXISTS (SELECT FROM old_rows WHERE EXISTS (SELECT FROM %1$I AS named WHERE named.%2$I = old_rows.id))",
        "",
        _NAMED,
    ),
)
# An id that stays is not looked up. Few rows of one statement change theirs.
_TRIGGERS = (
    (
        "CREATE TRIGGER {name}_found AFTER INSERT ON {table}"
        " REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION references_found({arguments})"
    ),
    (
        "CREATE TRIGGER {name}_moved AFTER UPDATE OF {column} ON {table} FOR EACH ROW"
        " WHEN (old.{column} IS DISTINCT FROM new.{column}) EXECUTE FUNCTION reference_found({arguments})"
    ),
    (
        "CREATE TRIGGER {name}_left AFTER DELETE ON {target}"
        " REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION references_left({arguments})"
    ),
)


def upgrade() -> None:
    for name, query, using, message in _FUNCTIONS:
        refuse = _REFUSE.format(message=message)
        op.execute(_FUNCTION.format(name=name, query=query, using=using, refuse=refuse))
    for reference in REFERENCES:
        arguments = ", ".join(f"'{argument}'" for argument in reference)
        for trigger in _TRIGGERS:
            op.execute(trigger.format(**reference._asdict(), name=reference.constraint, arguments=arguments))
        # Only now, in the same transaction: at no time is a row unchecked.
        op.drop_constraint(reference.constraint, reference.table, type_="foreignkey")


def downgrade() -> None:
    for reference in REFERENCES:
        op.create_foreign_key(reference.constraint, reference.table, reference.target, [reference.column], ["id"])
        for table, event in ((reference.table, "found"), (reference.table, "moved"), (reference.target, "left")):
            op.execute(f"DROP TRIGGER {reference.constraint}_{event} ON {table}")
    for name, *_ in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {name}()")
