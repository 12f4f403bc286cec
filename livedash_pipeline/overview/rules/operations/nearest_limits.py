"""Which companies are nearest to a cap or budget, of those that `overview.steps.caps` reports.

Add another order here. What a limit and its share are is decided in `money.rules.budgets`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Standing = Mapping[str, Any]
"""A company of the document of `report_caps`."""


def nearest(standings: Sequence[Standing], most: int) -> list[Standing]:
    """Returns the companies with the greatest share of a limit first, then those that have spent most; by slug where equal."""
    return sorted(standings, key=_key)[:most]


def share_of(standing: Standing) -> float | None:
    """The greatest share of a company's limits in per cent; None where no limit has a known one."""
    shares = [limit["sharePercent"] for limit in standing["limits"] if limit["sharePercent"] is not None]
    return max(shares, default=None)


def _key(standing: Standing) -> tuple[float, float, str]:
    share = share_of(standing)
    # Floats order amounts well enough; nothing is added up.
    return -(-1.0 if share is None else share), -float(standing["spentEur"]), standing["company"]
