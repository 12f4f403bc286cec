"""A CSV from file to `session_imports`, with its rejects, the merge and the stage rows, against the COPY."""

from __future__ import annotations

from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportReport, ImportRules
from livedash_pipeline.sources.csv_source import CsvSource
from tests.benchmarks.copying import Input, Rows, seconds_of_copy
from tests.benchmarks.data import write_csv
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down


def measure(site: Site, size: int) -> list[Figure]:
    """The first import of a company."""
    watch, rejected = Stopwatch(), prepare(site, size)
    with watch.running():
        report = run_import(site)
    require((report.new, report.rejected) == (size - rejected, rejected), str(report))
    inputs = [Input(site.scratch / "acme.csv", COLUMN_COUNT)]
    written = [Rows("session_imports"), Rows("import_rejects"), Rows("session_processing_status")]
    copy = seconds_of_copy(site, inputs, written)
    return [Figure("import", size, size, watch.seconds, watch.peak_mb, yardstick=copy, goal=2)]


def prepare(site: Site, size: int) -> int:
    """A company and its CSV; returns how many of its records will be rejected."""
    path = site.scratch / "acme.csv"
    make_company(site, csv_url=str(path))
    rejected = write_csv(path, size)
    settle_down(site)
    return rejected


def run_import(site: Site) -> ImportReport:
    """One import of it."""
    with site.engine.connect() as connection:
        company = get_company(connection, "acme")
    return import_company(site.engine, company, source=CsvSource({}, site.scratch), rules=ImportRules())
