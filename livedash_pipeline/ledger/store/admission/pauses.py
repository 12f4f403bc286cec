"""The pause of an endpoint: one row that every process reads before it calls, and writes when the service asks for a pause.

`ledger.rules.admission.pauses` decides how long a pause lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.tables import ai_endpoint_pauses
from livedash_pipeline.ledger.rules.admission.pauses import Pause

_pauses = ai_endpoint_pauses.c
# Built once: every call reads it, and building the query takes longer than sending it.
_UNTIL = select(_pauses.paused_until).where(
    _pauses.endpoint == bindparam("endpoint"), _pauses.paused_until > bindparam("now")
)


def paused_until(connection: Connection, endpoint: str, *, now: datetime) -> datetime | None:
    """Returns the end of the present pause; None without one."""
    return connection.execute(_UNTIL, {"endpoint": endpoint, "now": now}).scalar_one_or_none()


def lengthen_pause(
    connection: Connection, endpoint: str, decide: Callable[[Pause | None], Pause], *, reason: str, now: datetime
) -> Pause:
    """Replaces the pause of an endpoint by what `decide` returns for the previous one, under the row's lock.

    If two processes write an endpoint's first pause at once, the later one remains.
    """
    query = select(_pauses.paused_until, _pauses.times).where(_pauses.endpoint == endpoint).with_for_update()
    row = connection.execute(query).one_or_none()
    pause = decide(None if row is None else Pause(row.paused_until, row.times))
    values = {"paused_until": pause.until, "times": pause.times, "reason": reason, "updated_at": now}
    connection.execute(
        insert(ai_endpoint_pauses)
        .values(endpoint=endpoint, **values)
        .on_conflict_do_update(index_elements=["endpoint"], set_=values)
    )
    return pause


def end_pause(connection: Connection, endpoint: str) -> None:
    """Ends the pause, for a person who insists on calling at once."""
    connection.execute(delete(ai_endpoint_pauses).where(_pauses.endpoint == endpoint))
