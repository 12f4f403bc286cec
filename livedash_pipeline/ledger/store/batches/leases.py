"""The heartbeat that keeps a claimed batch for its submitter while a file is built and uploaded.

It runs on a connection of its own, so that a long upload cannot starve it; the submitter notices a lost lease before it buys.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from livedash_pipeline.ledger.store.batches.claims import Claim, renew_lease
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


class Heartbeat:
    """Renews a claim's lease every third of its length until it leaves the `with` block; `alive` says whether it held."""

    def __init__(self, engine: Engine, claim: Claim, *, lease: int, now: Callable[[Connection], datetime]) -> None:
        self._engine = engine
        self._claim = claim
        self._lease = lease
        self._now = now
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease-{claim.batch_id}", daemon=True)

    @property
    def alive(self) -> bool:
        """False once a renewal has failed: the batch may belong to somebody else, so nothing may be bought for it."""
        return not self._lost.is_set()

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(self._lease / 3):
            try:
                with self._engine.begin() as connection:
                    held = renew_lease(connection, self._claim, lease=self._lease, now=self._now(connection))
            except SQLAlchemyError as error:
                log.warning("lease not renewed", batch_id=str(self._claim.batch_id), reason=type(error).__name__)
                held = False
            if not held:
                self._lost.set()
                return
