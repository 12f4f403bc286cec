"""What our database holds after moving in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select

from livedash_pipeline.base.store.stages import pipeline_status
from livedash_pipeline.base.store.tables import metadata


def stages_of(engine: Engine) -> dict[str, dict[str, int]]:
    """Sessions per stage and status that occurs."""
    with engine.connect() as connection:
        status = pipeline_status(connection)
    return {
        stage: {state.value: count for state, count in counts.items() if count}
        for stage, counts in status.stages.items()
    }


def everything(engine: Engine) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with engine.connect() as connection:
        return {
            name: sorted(map(repr, connection.execute(select(table)).all())) for name, table in metadata.tables.items()
        }
