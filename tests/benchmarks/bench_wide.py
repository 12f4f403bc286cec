"""Many companies of few sessions: the first import of all, what starts where no CSV has changed, and ticks with all of it there.

2,000 companies of 500 sessions at 1m; one for each five hundred sessions below that. `bench_sensors` has its parts.
"""

from __future__ import annotations

from sqlalchemy import text

from livedash_pipeline.settings import isolated_settings
from tests.benchmarks import bench_sensors as sensors
from tests.benchmarks.figures import Figure
from tests.benchmarks.servers import batch_api
from tests.benchmarks.site import Site, Stopwatch, require, settle_down

_SESSIONS_EACH = 500
_MOST_COMPANIES = 2_000


def measure(site: Site, size: int) -> list[Figure]:
    """Imports all companies twice, the second time without news, and ticks every sensor before and after there is work."""
    count = min(max(size // _SESSIONS_EACH, 2), _MOST_COMPANIES)
    with batch_api(site, speed=0.001) as server, sensors.dagster_database(site) as (url, engine):
        settings = isolated_settings({}, openai_base_url=server.url, openai_api_key="bench", livedash_home=site.scratch)
        sensors.make_companies(site, count, sessions=_SESSIONS_EACH)
        with sensors.dagster_instance(site, url) as instance:
            world = sensors.World("wide", site, settings, instance, engine)
            figures = list(world.passes(size, count))
            require(_rows(site) == count * _SESSIONS_EACH, "not every session was imported")
            figures.append(_unchanged(site, world, size, count))
            world.fill(count)
            figures += world.ticks(size, count)
    return figures


def _rows(site: Site) -> int:
    with site.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM session_imports")).scalar_one())


def _unchanged(site: Site, world: sensors.World, size: int, count: int) -> Figure:
    """Ticks of the sensors of CSVs and requests after a pass without news: nothing is due, so that nothing may start."""
    settle_down(site)
    watch, started = Stopwatch(), 0
    for name in ("company_csv_sensor", "pending_request_sensor", "submission_sensor"):
        world.evaluate(name)
        with watch.running():
            started += len(world.evaluate(name).run_requests or ())
    require(started == 0, f"{started} runs for CSVs that did not change")
    return Figure(
        "wide: ticks without news", size, count, watch.seconds, watch.peak_mb, unit="s", goal=sensors.TICK_GOAL
    )
