"""Claims that meet in the middle of each other's transactions; all other transactions of the simulation follow one another.

A rival claims for another company while a worker's claim is measured and not committed: it comes through, or waits for a lock
that the worker holds, and is over before anything else happens. Then it dies, as a submitter may directly after its claim.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import Engine

from livedash_pipeline.ledger.rules.admission.admission import PendingGroup
from livedash_pipeline.ledger.steps.batches import submit
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.store.batches import claims
from tests.support.races import until_waiting

CLAIM = "ledger.steps.batches.submit._claim"


class Rivals:
    """Begins a rival when it was called for, and waits for its end.

    Args:
        engine: The database, without boundaries.
        context: Makes what a rival works with.
    """

    def __init__(self, engine: Engine, context: Callable[[], BatchContext]) -> None:
        self._engine = engine
        self._context = context
        self._called = False
        self._thread: threading.Thread | None = None
        self._fault: list[BaseException] = []

    def call(self) -> None:
        """The next claim that is about to be committed meets a rival."""
        self._called = True

    def before_commit(self, name: str) -> None:
        """Begins a rival where one was called for; goes on once it is over or waits for a lock."""
        if not self._called or name != CLAIM or self._thread is not None:
            return
        self._called = False
        over = threading.Event()
        self._thread = threading.Thread(target=self._claim, args=(over,), name="rival", daemon=True)
        self._thread.start()
        until_waiting(self._engine, over=over.is_set)

    def on_commit(self) -> None:
        """Waits until the rival is over, whose locks are free now."""
        if self._thread is None or threading.current_thread() is self._thread:
            return
        self._thread.join()
        self._thread = None
        if self._fault:
            raise self._fault.pop()

    def _claim(self, over: threading.Event) -> None:
        try:
            context = self._context()
            with self._engine.connect() as connection:
                groups = claims.pending_groups(connection)
            for group in _last_of_each(groups):
                submit._claim(context, group, submit.SubmitReport())
        except BaseException as fault:  # noqa: BLE001 - it is raised where somebody sees it
            self._fault.append(fault)
        finally:
            over.set()


def _last_of_each(groups: list[PendingGroup]) -> list[PendingGroup]:
    """The groups of the last company, since submitters begin with the first one."""
    last: UUID | None = max((group.company_id for group in groups), default=None)
    return [group for group in groups if group.company_id == last]
