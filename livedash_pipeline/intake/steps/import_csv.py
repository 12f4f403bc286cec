"""Imports a company's CSV, or the files of its folder: who may, under which lock, and what is recorded of it.

What happens to the records of one file is in `one_csv`, and which files of a folder are read in `import_files`. An import either
counts whole or not at all; of a refused file the first rejects are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from logging import DEBUG, INFO
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.causes import interruption_of
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.faults import explain
from livedash_pipeline.errors import SourceError, UsageError
from livedash_pipeline.intake.steps.company_profiles import profiles_of
from livedash_pipeline.intake.steps.import_report import ImportReport, ImportRules
from livedash_pipeline.intake.steps.one_csv import Completed, OneCsv, OpensCsv, RefusedFileError
from livedash_pipeline.intake.store import imports
from livedash_pipeline.logs import get_logger
from livedash_pipeline.sources.csv_source import CsvSource
from livedash_pipeline.sources.http import shown_url

log = get_logger(__name__)

CHUNK_RECORDS = 20_000


def import_company(
    engine: Engine,
    company: Company,
    *,
    source: CsvSource,
    rules: ImportRules,
    run_id: str | None = None,
    clock: Callable[[Connection], datetime] = database_now,
    chunk_records: int = CHUNK_RECORDS,
) -> ImportReport:
    """Imports a company's CSV; `run_id` is the Dagster run's, `clock` tells the time.

    Raises:
        UsageError: The company is neither ACTIVE nor TRIAL; nothing was done.
        SourceError: The CSV cannot be had; it is due again after a growing pause.
        RejectedImportError: Too many of its records are rejected; likewise.
        LivedashError: Another import of the company is running; nothing was done.
    """
    with imports.import_lock(engine, company) as connection:
        with connection.begin():
            company = get_company(connection, company.slug)
            _refuse_idle(company)
        if not company.has_csv:
            return ImportReport(company.slug, None, 0, 0, 0, 0, 0)
        one = ImportOne(engine, connection, rules, run_id, clock, chunk_records)
        if company.csv_files is None:
            return one.run(company, source)
        from livedash_pipeline.intake.steps.import_files import import_files

        return import_files(company, company.csv_files, source, one)


@dataclass(frozen=True, slots=True)
class ImportOne:
    """Imports of one CSV each, under the lock of their company; each has a run of its own."""

    engine: Engine
    connection: Connection
    rules: ImportRules
    run_id: str | None
    clock: Callable[[Connection], datetime]
    chunk_records: int

    def run(self, company: Company, source: OpensCsv, completed: Completed | None = None) -> ImportReport:
        """Imports the CSV that `company.csv_url` names; the errors are those of `import_company`."""
        connection, clock = self.connection, self.clock
        with connection.begin():
            import_run = imports.start_run(connection, company, dagster_run_id=self.run_id, now=clock(connection))
        logger = log.bind(company=company.slug, import_run_id=str(import_run), run_id=self.run_id)
        logger.debug("import started", source=shown_url(company.csv_url))
        try:
            profiles = profiles_of(company)
            report = OneCsv(
                connection, company, profiles, import_run, source, self.rules, clock, self.chunk_records, completed
            ).run()
        except BaseException as error:
            # Recorded and raised again, whatever it is.
            interruption = interruption_of(error)
            with self.engine.begin() as fresh:
                if interruption is not None:
                    # Somebody ended the run or the command, which says nothing about the source: the company stays due.
                    imports.interrupt_run(fresh, import_run, now=clock(fresh))
                else:
                    _record_failure(fresh, company, import_run, error, clock(fresh), self.rules)
            logger.warning("import failed", error_code="interrupted" if interruption else _code_of(error))
            if interruption is not None and interruption is not error:
                # The statement that was under way has ended with an error of the driver.
                raise interruption from error
            raise
        _log_report(logger, report)
        return report


def _log_report(logger: Any, report: ImportReport) -> None:
    # Dagster keeps each line at INFO as an event of the run, and most companies have no news most of the time.
    logger.log(
        INFO if report.new or report.changed else DEBUG,
        "import finished",
        rows=report.rows,
        new=report.new,
        changed=report.changed,
        unchanged=report.unchanged,
        rejected=report.rejected,
        not_modified=report.not_modified,
    )


def _refuse_idle(company: Company) -> None:
    if not company.is_working:
        raise UsageError(
            f"Company {company.slug} is {company.status}, and only ACTIVE and TRIAL companies are imported.",
            remedy=f"Run `livedash company set {company.slug} --status active` first.",
        )


def _record_failure(
    connection: Connection, company: Company, import_run: UUID, error: BaseException, now: datetime, rules: ImportRules
) -> None:
    refused = error if isinstance(error, RefusedFileError) else None
    known = explain(error)
    imports.fail_run(
        connection,
        import_run,
        company,
        code=_code_of(error),
        # The text of other errors may quote a record.
        message=known.message if known is not None else f"The import ended with {type(error).__name__}.",
        now=now,
        interval=rules.interval,
        counts=refused.counts if refused else None,
        rejects=refused.rejects if refused else (),
    )


def _code_of(error: BaseException) -> str:
    if isinstance(error, SourceError):
        return error.reason
    known = explain(error)
    if known is not None:
        return known.code
    return "unexpected_error"
