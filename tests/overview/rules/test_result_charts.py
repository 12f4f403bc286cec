"""Charts of results, and the address of their page."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_pipeline.overview.rules.charts import svg, table
from livedash_pipeline.overview.rules.console_links import results_address
from livedash_pipeline.overview.rules.result_charts import (
    categories_chart,
    duration_chart,
    rates_chart,
    sentiment_chart,
    sessions_chart,
)

DAY: dict[str, Any] = {
    "sessions": 3, "positive": 1, "neutral": 0, "negative": 2, "escalationRate": 0.3333, "forwardingRate": None,
    "averageDurationSeconds": 61.5,
}  # fmt: skip
PERIOD: dict[str, Any] = {
    "from": "2025-05-01",
    "to": "2025-05-02",
    "series": [DAY | {"from": "2025-05-01"}, DAY | {"from": "2025-05-02", "sessions": 1000}],
    "categories": [{"category": "password_reset", "sessions": 7}],
}


def test_each_chart_shows_its_figures() -> None:
    charts = [draw(PERIOD, "Day") for draw in (sessions_chart, sentiment_chart, rates_chart, duration_chart)]
    assert all(svg(chart, "any") for chart in charts)
    sessions, sentiment, rates, duration = ([cell.text for cell in table(chart).rows[0].cells] for chart in charts)
    assert (sessions, sentiment) == (["3"], ["1", "0", "2"])
    assert (rates, duration) == (["33.3 %", ""], ["61.5 s"])
    assert "1,003 in all" in charts[0].description


def test_a_category_leads_to_its_sessions() -> None:
    (row,) = table(categories_chart(PERIOD, lambda category: f"/console/sessions?category={category}")).rows
    assert (row.label, row.cells[0].text) == ("password reset", "7")
    assert row.cells[0].link == "/console/sessions?category=password_reset"


@pytest.mark.parametrize(
    ("base", "address"),
    [
        (None, None),
        ("https://livedash.example", "https://livedash.example/console/results?company=acme"),
        ("https://acme.example/tools", "https://acme.example/tools/console/results?company=acme"),
    ],
)
def test_a_run_leads_to_the_results_of_its_company(base: str | None, address: str | None) -> None:
    assert results_address(base, "acme") == address
