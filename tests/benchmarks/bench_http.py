"""The HTTP API's two reads that people wait for, over a full table: `summary`, and pages of 100 at any depth."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import httpx2
from sqlalchemy import text

from livedash_pipeline.base.rules.cursors import make_cursor
from tests.api.submission_site import make_token
from tests.benchmarks.data import fill_requests
from tests.benchmarks.figures import Figure, percentile
from tests.benchmarks.servers import http_api
from tests.benchmarks.site import Site, make_company, settle_down

_CALLS = 400
_CLIENTS, _CROWD = 2, 8
_PAGE = 100
_ROUTES = "/api/admin/legacy"
_STATUS = "PENDING_BATCHING"
# The cursor names an id: depths are drawn from a thousand places of the whole list.
_PLACES = text("""
    SELECT id FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM ai_processing_requests WHERE processing_status = :status
    ) AS listed
    WHERE place % greatest(CAST(:count AS bigint) / 1000, 1) = 0
""")


def measure(site: Site, size: int) -> list[Figure]:
    """Two clients at a time, and then a crowd; the time is that of a whole call, as the client sees it."""
    fill_requests(site, make_company(site), size, pending=size // 2, messages=False)
    settle_down(site)
    calls = min(_CALLS, size)
    with site.engine.connect() as connection:
        places = list(connection.execute(_PLACES, {"status": _STATUS, "count": size // 2}).scalars())
    figures = []
    with http_api(site) as server:
        headers = {"Authorization": f"Bearer {make_token(site.engine, None)}"}
        with httpx2.Client(base_url=server.url, headers=headers, timeout=60, trust_env=False) as http:
            reads = {
                "summary": lambda: http.get(f"{_ROUTES}/summary"),
                "summary, counted anew": lambda: http.get(f"{_ROUTES}/summary", headers={"Cache-Control": "no-cache"}),
                "page of 100": lambda: http.get(f"{_ROUTES}/requests", params=_page(places)),
            }
            for name, read, clients in [
                ("summary", reads["summary"], _CLIENTS),
                ("summary, eight clients", reads["summary"], _CROWD),
                ("summary, counted anew", reads["summary, counted anew"], _CLIENTS),
                ("page of 100", reads["page of 100"], _CLIENTS),
                ("page of 100, eight clients", reads["page of 100"], _CROWD),
            ]:
                times = _timed(read, calls, clients)
                peak = server.process.memory_info().rss / 1e6
                # A count that was made for this call is told, and no goal: whoever asks for it accepts the wait.
                goal = None if "anew" in name else 50
                slow = percentile(times, 0.99) * 1000
                figures.append(
                    Figure(f"http: {name}, p99", size, calls, sum(times), peak, value=slow, unit="ms", goal=goal)
                )
    return figures


def _page(places: Sequence[UUID]) -> dict[str, str]:
    filters = {"status": _STATUS, "company": None}
    return {"status": _STATUS, "limit": str(_PAGE), "cursor": make_cursor(random.choice(places), filters)}


def _timed(read: Callable[[], httpx2.Response], calls: int, clients: int) -> list[float]:
    """Seconds of each call of so many clients together, after some that open connections and warm up."""

    def once(_number: int) -> float:
        begun = time.perf_counter()
        read().raise_for_status()
        return time.perf_counter() - begun

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(once, range(5 * clients)))
        return list(pool.map(once, range(calls)))
