"""The types of a health check and of its finding. `overview.steps.checks` lists the checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from livedash_pipeline.overview.rules.alerts import Remedy
from livedash_pipeline.overview.rules.health import Level
from livedash_pipeline.settings import Settings

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Finding:
    """The result of a check; green without rows.

    Attributes:
        rows: Rows that break the rule; a column `company` holds slugs, `sample_ids` lists of ids.
        level: The level, where there are rows.
        count: How many things break the rule, where that is not the number of rows.
        shown: Further values to show, green or red; a list of rows becomes a table.
    """

    rows: Sequence[Row]
    level: Level = Level.ERROR
    count: int | None = None
    shown: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HealthCheck:
    """One rule that ought to hold.

    Attributes:
        name: The statement that is true when the check is green.
        asset: The asset that shows the check.
        rule: The rule as a sentence.
        look: Finds rows that break the rule.
        remedy: What helps, and the command that an alert begins with.
        after_its_asset: Whether it also runs with each job that makes its asset. Time alone can break the other rules.
    """

    name: str
    asset: str
    rule: str
    look: Callable[[Connection, Settings], Finding]
    remedy: Remedy
    after_its_asset: bool = False
