"""Loads the SQL files of `sql/statements`, one statement per file, by name.

Nothing is added here: a new statement is a new file, named verb_object. Parameters are `:name`; time is `:now`.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import TextClause, text

from livedash_pipeline.paths import shipped


@cache
def statement(name: str) -> TextClause:
    """The statement in `sql/statements/<name>.sql`; its name begins with its room, as in `ledger/finish_batch`."""
    return text((shipped("sql") / "statements" / f"{name}.sql").read_text(encoding="utf-8"))
