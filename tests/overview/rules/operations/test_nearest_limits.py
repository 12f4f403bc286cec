"""Which companies are nearest to a limit."""

from __future__ import annotations

from typing import Any

from livedash_pipeline.overview.rules.operations.nearest_limits import nearest, share_of


def standing(company: str, *shares: float | None, spent: str = "0") -> dict[str, Any]:
    return {"company": company, "limits": [{"sharePercent": share} for share in shares], "spentEur": spent}


def test_the_greatest_share_of_a_company_counts() -> None:
    assert share_of(standing("a", 10.0, None, 80.0)) == 80.0
    assert share_of(standing("a", None)) is None
    assert share_of(standing("a")) is None


def test_companies_come_by_share_then_by_spending_then_by_slug() -> None:
    given = [
        standing("none-b", spent="1"),
        standing("none-a", spent="1"),
        standing("none-rich", spent="10"),
        standing("unused", 0.0),
        standing("near", 95.0, 10.0),
        standing("over", 120.0),
    ]
    found = [each["company"] for each in nearest(given, 5)]
    assert found == ["over", "near", "unused", "none-rich", "none-a"]
