"""One, two and four importers, submitters and ingesters on one database: seconds, what they wait for, and that none overlaps.

Every round has a copy of the same database and a local Batch API of its own. Workers, Postgres and the service share the
machine's cores, which bound what more workers can gain. A round in which something was done twice or not at all breaks the bench.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

from livedash_pipeline.base.store.companies import add_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now, make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import isolated_settings
from tests.benchmarks.bench_peers import await_answers
from tests.benchmarks.data import IN_FLIGHT, fill_requests, write_csv
from tests.benchmarks.figures import Figure
from tests.benchmarks.servers import batch_api
from tests.benchmarks.site import Site, make_company, require, settle_down
from tests.benchmarks.waits import Waits, watched_waits
from tests.benchmarks.workers import Together, work_together

_COMPANIES = 8
_WORKERS = (1, 2, 4)
_STEPS = ("import", "submit", "ingest")
_TOP = 5
# More workers must not be slower than one.
_GOAL = 1.0

# The companies of the data are not due; those of the import have nothing else.
_NOT_DUE = text("UPDATE companies SET next_import_at = :now + interval '1 day'")
_SHARE_IMPORTS = text("""
    UPDATE session_imports SET company_id = shared.company_id
    FROM (
        SELECT sessions.import_id, listed.ids[1 + row_number() OVER (ORDER BY sessions.id) % :companies] AS company_id
        FROM sessions CROSS JOIN (SELECT array_agg(id ORDER BY slug) AS ids FROM companies) AS listed
    ) AS shared
    WHERE session_imports.id = shared.import_id
""")
_SHARE_SESSIONS = text("""
    UPDATE sessions SET company_id = session_imports.company_id
    FROM session_imports WHERE session_imports.id = sessions.import_id
""")
_SHARE_REQUESTS = text("""
    UPDATE ai_processing_requests SET company_id = sessions.company_id
    FROM sessions WHERE sessions.id = ai_processing_requests.session_id
""")
_BATCHES = text("""
    SELECT count(*) AS batches, sum(request_count) AS requests, count(processed_at) AS settled FROM ai_batch_requests
""")
_TRIES = text("SELECT count(*) AS tries, count(DISTINCT request_id) AS requests FROM ai_request_attempts")
_RUNS = text("""
    SELECT count(*) FROM import_runs AS one JOIN import_runs AS other
        ON other.company_id = one.company_id AND other.id <> one.id
        AND other.started_at < one.finished_at AND one.started_at < other.finished_at
""")


@dataclass(frozen=True)
class Case:
    """What is shared: so many companies, and the requests of all of them, as many as records of their CSVs."""

    name: str
    companies: int
    requests: int


@dataclass(frozen=True)
class Round:
    """One round: who shares what, and what came out of each step."""

    case: Case
    workers: int
    steps: dict[str, Together]
    waits: dict[str, Waits]


def measure(site: Site, size: int) -> list[Figure]:
    """One company, then several; whatever the size, at most as many requests as other benches have in flight."""
    count = min(size, IN_FLIGHT)
    found: list[Round] = []
    with _database(site, "one") as one:
        fill_requests(one, make_company(one), count, pending=count)
        with _database(site, "several", one) as several:
            _share(several)
            found += _rounds(site, several, Case("several companies", _COMPANIES, count))
        if site.apart:
            found += _rounds(site, one, Case("one company", 1, count))
    return _figures(found, size, count)


def _rounds(site: Site, base: Site, case: Case) -> list[Round]:
    rejected = _prepare_import(base, case)
    settle_down(base)
    found = []
    # Threads, in tests of the bench, share one interpreter: two of them, and one case, run all of the code.
    for workers in _WORKERS if site.apart else _WORKERS[:2]:
        with _database(site, f"round_{workers}", base) as copied:
            found.append(_round(copied, case, workers, case.requests - rejected))
    return found


def _share(site: Site) -> None:
    """Gives the sessions to several companies, in turn."""
    with site.engine.begin() as connection:
        now = database_now(connection)
        for number in range(1, _COMPANIES):
            add_company(connection, f"acme-{number}", CompanyChanges(csv_url="http://127.0.0.1:9/x.csv"), now=now)
        connection.execute(_SHARE_IMPORTS, {"companies": _COMPANIES})
        connection.execute(_SHARE_SESSIONS)
        connection.execute(_SHARE_REQUESTS)


def _prepare_import(site: Site, case: Case) -> int:
    """Companies that are due, all with the same CSV; returns how many records fewer than requests they import."""
    each = case.requests // case.companies
    path = site.scratch / "import.csv"
    rejected = write_csv(path, each)
    with site.engine.begin() as connection:
        now = database_now(connection)
        connection.execute(_NOT_DUE, {"now": now})
        for number in range(case.companies):
            add_company(connection, f"import-{number}", CompanyChanges(csv_url=str(path)), now=now)
    return case.requests - case.companies * (each - rejected)


@contextmanager
def _database(site: Site, name: str, template: Site | None = None) -> Iterator[Site]:
    """A database beside the site's, gone when the block ends: a copy of another one, or a migrated one without rows."""
    if template is not None:
        # Nobody may be connected to what is copied.
        template.engine.dispose()
    target = f"{site.engine.url.database}_{name}"
    source = template.engine.url.database if template else "template1"
    with _administering(site) as connection:
        connection.execute(text(f'CREATE DATABASE "{target}" TEMPLATE "{source}"'))
    engine = make_engine(site.engine.url.set(database=target).render_as_string(hide_password=False))
    scratch = site.scratch / name
    scratch.mkdir()
    try:
        if template is None:
            upgrade(engine)
        yield Site(engine, scratch, site.apart)
    finally:
        engine.dispose()
        shutil.rmtree(scratch)
        with _administering(site) as connection:
            connection.execute(text(f'DROP DATABASE "{target}" WITH (FORCE)'))


@contextmanager
def _administering(site: Site) -> Iterator[Connection]:
    engine = make_engine(site.engine.url.set(database="postgres").render_as_string(hide_password=False), pool_size=1)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    finally:
        engine.dispose()


def _round(site: Site, case: Case, workers: int, imported: int) -> Round:
    """All steps, one after the other, by so many workers."""
    steps: dict[str, Together] = {}
    waits: dict[str, Waits] = {}
    settle_down(site)
    with batch_api(site, speed=0) as server:
        for step in _STEPS:
            if step == "ingest":
                _answer(site, server.url, len(steps["submit"].names))
                settle_down(site)
            with watched_waits(site) as waits[step]:
                steps[step] = work_together(site, step, server.url, workers)
    _require_no_overlap(site, steps, case.requests, imported)
    return Round(case, workers, steps, waits)


def _answer(site: Site, url: str, batches: int) -> None:
    """Lets the service answer everything, and looks once."""
    await_answers(url)
    settings = isolated_settings({}, openai_base_url=url, openai_api_key="bench")
    with connect(url, "bench") as gateway:
        report = poll_batches(BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch))
        known = len(list(gateway.list_batches()))
    require((report.open, known) == (0, batches), f"{known} batches at the service, {batches} of ours, {report}")


def _require_no_overlap(site: Site, steps: dict[str, Together], requests: int, imported: int) -> None:
    """Every record is imported once, every request claimed and settled once, every batch bought and settled once."""
    with site.engine.connect() as connection:
        batches = connection.execute(_BATCHES).one()
        tries = connection.execute(_TRIES).one()
        at_once = connection.execute(_RUNS).scalar_one()
    for step, whole in (("import", imported), ("submit", requests), ("ingest", requests)):
        did = steps[step]
        require(did.rows == whole, f"{step}: {did.rows} rows of {whole}")
        require(len(set(did.names)) == len(did.names), f"{step}: {did.names}")
    require(at_once == 0, f"{at_once} imports of one company at once")
    require(tuple(tries) == (requests, requests), f"{tries} of {requests} requests")
    submitted, settled = (len(steps[step].names) for step in ("submit", "ingest"))
    require(tuple(batches) == (submitted, requests, settled), f"{batches}, {submitted} submitted, {settled} settled")


def _figures(rounds: list[Round], size: int, count: int) -> list[Figure]:
    """Seconds of each step beside those of one worker; of the last round with several companies, what was waited for."""
    figures = []
    for step in _STEPS:
        alone = {each.case.name: each.steps[step].seconds for each in rounds if each.workers == 1}
        for each in rounds:
            done = each.steps[step]
            name = f"workers: {step}, {each.case.name}, {each.workers}"
            goal = _GOAL if each.workers > 1 else None
            figures.append(
                Figure(name, size, count, done.seconds, done.peak_mb, yardstick=alone[each.case.name], goal=goal)
            )
    busiest = max(rounds, key=lambda each: (each.case.companies, each.workers))
    for step in _STEPS:
        done = busiest.steps[step]
        for event, share in busiest.waits[step].top(_TOP):
            name = f"workers: {step}, {busiest.workers} of {busiest.case.name}: {event}"
            figures.append(Figure(name, size, count, done.seconds, done.peak_mb, value=share, unit="%"))
    return figures
