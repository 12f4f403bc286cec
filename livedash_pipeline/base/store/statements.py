"""Loads the SQL files of `sql/statements`, one statement per file, by name.

Nothing is added here but a list that rules keep and statements name: a new statement is a new file, named verb_object. Parameters
are `:name`; time is `:now`. A query that several statements share is a file of its own, and each of them reads from
`included.<room>.<file>`: the file's text, in parentheses, takes the place of that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache

from sqlalchemy import TextClause, text

from livedash_pipeline.base.rules.outcomes import CHARGED_OUTCOMES, PAID_OUTCOMES, RELEASED_OUTCOMES, UNPROVEN_OUTCOMES
from livedash_pipeline.base.rules.states import ENDED_BATCHES, LIVE_BATCHES, WORKING_COMPANIES
from livedash_pipeline.paths import shipped

# Given to every statement that names them. What an index is limited to stands in the statement, where the planner sees it
# (`tests/base/store/test_lists_in_statements.py` compares).
_LISTS: Mapping[str, Collection[str]] = {
    "charged_outcomes": CHARGED_OUTCOMES,
    "ended_batches": ENDED_BATCHES,
    "live_batches": LIVE_BATCHES,
    "paid_outcomes": PAID_OUTCOMES,
    "released_outcomes": RELEASED_OUTCOMES,
    "unproven_outcomes": UNPROVEN_OUTCOMES,
    "working_companies": WORKING_COMPANIES,
}
_INCLUDED = re.compile(r"\bincluded\.(\w+)\.(\w+)")


@cache
def statement(name: str) -> TextClause:
    """The statement in `sql/statements/<name>.sql`; its name begins with its room, as in `ledger/finish_batch`."""
    return with_lists(_read(name))


def with_lists(sql: str) -> TextClause:
    """A statement with the lists that it names, such as `:paid_outcomes`."""
    named = {name: [str(member) for member in members] for name, members in _LISTS.items() if f":{name}" in sql}
    return text(sql).bindparams(**named)


def _read(name: str) -> str:
    """The text of a statement, with what it includes."""

    def included(found: re.Match[str]) -> str:
        room, file = found.groups()
        return f"(\n{_read(f'{room}/{file}')})"

    return _INCLUDED.sub(included, (shipped("sql") / "statements" / f"{name}.sql").read_text(encoding="utf-8"))
