"""How safeguards are taken away: functions and statements of the package are replaced while a mutation is in force.

Which safeguards there are is in `mutations.py` and `money_mutations.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Engine

from livedash_pipeline.analysis.store import requests as analysis_requests
from livedash_pipeline.base.store import statements
from livedash_pipeline.ledger.store.admission import committed
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.costs import adjustments
from livedash_pipeline.ledger.store.results import finished as finished_store
from livedash_pipeline.ledger.store.results import settlement
from tests.simulation.runner import Sabotage

Mutation = Callable[[Engine], AbstractContextManager[Sabotage]]
_USERS = (adjustments, analysis_requests, claims, committed, finished_store, settlement)


@contextmanager
def replaced(target: object, name: str, value: Any) -> Iterator[Sabotage]:
    """An attribute of a module with another value."""
    original = getattr(target, name)
    setattr(target, name, value)
    try:
        yield Sabotage()
    finally:
        setattr(target, name, original)


@contextmanager
def rewritten(name: str, *changes: tuple[str, str]) -> Iterator[Sabotage]:
    """A statement with passages replaced in all modules that use it."""
    original = statements.statement
    changed = str(original(name))
    for old, new in changes:
        if old not in changed:
            raise AssertionError(f"{name}.sql does not hold {old!r} any more: the mutation has to follow it")
        changed = changed.replace(old, new)
    changed_statement = statements.with_lists(changed)
    users = [module for module in _USERS if hasattr(module, "statement")]

    def load(asked: str) -> Any:
        return changed_statement if asked == name else original(asked)

    for module in users:
        module.statement = load  # type: ignore[attr-defined]
    try:
        yield Sabotage()
    finally:
        for module in users:
            module.statement = original  # type: ignore[attr-defined]
