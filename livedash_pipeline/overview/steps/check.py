"""What a health check is, and what it finds. The checks themselves are listed in `overview.steps.checks`."""

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
    """What a check has found; green without rows.

    Attributes:
        rows: What breaks the rule; a column `company` holds slugs, `sample_ids` lists of ids.
        level: How bad it is, where there are rows.
        count: How many break the rule, where that is not the number of rows.
        shown: Values that are shown besides, green or red; a list of rows is a table.
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
        asset: The asset that it is shown at.
        rule: The rule as a sentence.
        look: Finds what breaks the rule.
        remedy: What helps, and the command that an alert begins with.
        after_its_asset: It also runs with each job that makes its asset. Others look at what time alone can break.
    """

    name: str
    asset: str
    rule: str
    look: Callable[[Connection, Settings], Finding]
    remedy: Remedy
    after_its_asset: bool = False
