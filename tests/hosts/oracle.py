"""What must hold after a round, and what is still to be done before its end.

The books are compared as after kills (`tests.kills.oracle`) and in the simulation: here the service is in this process. Add what
only several hosts can break. How long things were held is `watch`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from livedash_pipeline.local.batch_api.records import ENDED
from tests.hosts.world import World
from tests.kills.oracle import find_all_violations
from tests.simulation.database import count_unfinished
from tests.simulation.invariants import Observed

_IMPORTED = text("SELECT count(*) FROM session_imports")
_RUNNING_IMPORTS = text("SELECT count(*) FROM import_runs WHERE status = 'RUNNING'")
_PROGRESS = text("""
    SELECT
        (SELECT count(*) FROM session_imports) AS imports,
        (SELECT count(*) FROM transcripts) AS transcripts,
        (SELECT count(*) FROM session_processing_status WHERE status IN ('COMPLETED', 'FAILED', 'SKIPPED')) AS stages,
        (SELECT string_agg(concat(id, status, openai_batch_id, input_file_id), ',' ORDER BY id)
            FROM ai_batch_requests) AS batches,
        (SELECT string_agg(concat(processing_status, attempts), ',' ORDER BY id) FROM ai_processing_requests) AS requests""")
# What a run logs, wherever its launcher puts a prefix.
_INGESTED = re.compile(r'"batch_id": "([0-9a-f-]{36})".*"event": "results ingested"')
_UNFINISHED_RUNS = """
    SELECT status, count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED') GROUP BY status"""


def what_is_left(world: World) -> list[str]:
    """What is still to be done, in a few words each; nothing once the round is over."""
    return list(_left(world))


def _left(world: World) -> Iterator[str]:
    with world.postgres.engine.connect() as connection:
        imported = int(connection.execute(_IMPORTED).scalar_one())
        importing = int(connection.execute(_RUNNING_IMPORTS).scalar_one())
    if imported < world.services.published:
        yield f"{world.services.published - imported} sessions are not imported"
    if importing:
        yield f"{importing} imports are RUNNING"
    unfinished = count_unfinished(world.postgres.engine)
    if unfinished:
        yield f"{unfinished} sessions, requests and batches are not finished"
    live = sum(record.status not in ENDED for record in world.services.service.records())
    if live:
        yield f"{live} batches live at the service"
    with world.postgres.dagster() as dagster:
        for status, count in dagster.execute(_UNFINISHED_RUNS).fetchall():
            yield f"{count} runs are {status}"


def progress(world: World) -> Any:
    """A value that differs whenever the work has come further."""
    with world.postgres.engine.connect() as connection:
        return tuple(connection.execute(_PROGRESS).one())


def find_violations(world: World) -> list[str]:
    """Everything that does not hold, one sentence each."""
    observed = Observed(taken_in=_ingested(world.directory))
    published = world.services.published
    with world.postgres.dagster() as dagster:
        return find_all_violations(world.postgres.engine, world.services.service, observed, dagster, sessions=published)


def _ingested(directory: Path) -> Counter[UUID]:
    """How often each batch was reported as ingested, on all hosts together."""
    found: Counter[UUID] = Counter()
    for log in directory.glob("*/*.log"):
        with log.open(encoding="utf-8", errors="replace") as lines:
            found.update(UUID(match[1]) for line in lines if (match := _INGESTED.search(line)))
    return found
