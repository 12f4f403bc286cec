"""What a health check finds, without Dagster."""

from __future__ import annotations

from sqlalchemy import Connection

from livedash_pipeline.overview.steps.check import Row
from livedash_pipeline.overview.steps.checks import CHECKS_BY_NAME
from livedash_pipeline.settings import Settings


def rows_against(connection: Connection, *checks: str) -> list[Row]:
    """The rows that break the rules of these checks."""
    return [row for check in checks for row in CHECKS_BY_NAME[check].look(connection, Settings()).rows]
