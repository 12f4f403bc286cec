"""Import runs and the stage through which the records of a CSV reach `session_imports`.

Add statements of the CSV import here. The functions on a stage belong to one transaction on one connection, which the caller
opens and ends; the stage's tables vanish with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import in_savepoint
from livedash_pipeline.base.store.copying import copy_rows
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import companies, import_rejects, import_runs
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.intake.rules.csv_rejects import Reject
from livedash_pipeline.intake.store.scratch_imports import create_scratch_imports

_REPEATS_PAGE = 10_000
# However often it failed: once a day somebody may have mended it.
LONGEST_BACK_OFF = timedelta(days=1)
_INTERRUPTED = {
    "status": "FAILED",
    "error_code": "interrupted",
    "error_message": "The process that imported ended before it was done.",
}


@dataclass(frozen=True, slots=True)
class LastImport:
    """The newest completed run of a company: what it read, and how many rows and rejects it found."""

    source_url: str
    rows: int
    rows_rejected: int


@dataclass(frozen=True, slots=True)
class StagedCounts:
    """Records in the stage, those of them with a value that could not be read, rejects beside them, and most rejects' reason."""

    staged: int
    unread: int
    rejected: int
    commonest_reason: str | None


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What merging did."""

    changed: int
    new: int


@dataclass(frozen=True, slots=True)
class RunCounts:
    """What a run found, as its row tells it."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0


@contextmanager
def import_lock(engine: Engine, company: Company) -> Iterator[Connection]:
    """A connection of its own that holds the right to import a company; nobody else imports it meanwhile.

    Raises:
        LivedashError: Somebody does (`import_running`).
    """
    with engine.connect() as connection:
        # Closed for real at the end, which frees the lock and all temporary tables whatever has happened.
        connection.detach()
        taken = connection.execute(statement("intake/take_import_lock"), {"company_id": company.id}).scalar_one()
        connection.commit()
        if not taken:
            raise LivedashError(
                f"Another import of {company.slug} is running.",
                remedy="Wait for its end; `livedash status` shows it.",
                code="import_running",
            )
        try:
            yield connection
        finally:
            _free_lock(connection, company)


def _free_lock(connection: Connection, company: Company) -> None:
    """Frees the lock at once: after a mere disconnect the server holds it a moment longer and refuses the next import."""
    # A connection that is broken cannot be asked; the server frees the lock when it notices.
    with suppress(DBAPIError, InvalidRequestError):
        connection.rollback()
        connection.execute(statement("intake/free_import_lock"), {"company_id": company.id})
        connection.commit()


def last_import(connection: Connection, company_id: UUID) -> LastImport | None:
    """The newest completed run; None before the first."""
    runs = import_runs.c
    row = connection.execute(
        select(runs.source_url, runs.rows, runs.rows_rejected)
        .where(runs.company_id == company_id, runs.status == "COMPLETED")
        .order_by(runs.started_at.desc(), runs.id.desc())
        .limit(1)
    ).one_or_none()
    return LastImport(*row) if row else None


def forget_validators(connection: Connection, company_id: UUID | None) -> int:
    """Has the next import of a company, or of all, read its CSV whatever the server says; returns of how many."""
    known = companies.c
    chosen = update(companies).where(known.csv_etag.is_not(None) | known.csv_last_modified.is_not(None))
    if company_id is not None:
        chosen = chosen.where(known.id == company_id)
    return connection.execute(chosen.values(csv_etag=None, csv_last_modified=None)).rowcount


def start_run(connection: Connection, company: Company, *, dagster_run_id: str | None, now: datetime) -> UUID:
    """Records that an import begins. Only the holder of the lock may: what still counts as running was killed."""
    runs = import_runs.c
    _interrupt(connection, runs.company_id == company.id, runs.status == "RUNNING", now=now)
    run_id: UUID = connection.execute(
        insert(import_runs)
        .values(company_id=company.id, source_url=company.csv_url, started_at=now, dagster_run_id=dagster_run_id)
        .returning(runs.id)
    ).scalar_one()
    return run_id


def interrupt_run(connection: Connection, run_id: UUID, *, now: datetime) -> None:
    """Records that somebody ended an import; its company is not changed, and stays due."""
    _interrupt(connection, import_runs.c.id == run_id, now=now)


def end_interrupted_runs(connection: Connection, *, now: datetime) -> int:
    """Ends runs whose process is gone, of companies of every status, which may never be imported again; returns how many."""
    found = list(connection.execute(statement("intake/find_interrupted_imports")).scalars())
    if not found:
        return 0
    runs = import_runs.c
    # A run that was just finished had its lock freed after that, and is not running any more.
    return _interrupt(connection, runs.id.in_(found), runs.status == "RUNNING", now=now)


def _interrupt(connection: Connection, *which: ColumnElement[bool], now: datetime) -> int:
    return connection.execute(update(import_runs).where(*which).values(finished_at=now, **_INTERRUPTED)).rowcount


def complete_run(
    connection: Connection,
    run_id: UUID,
    company: Company,
    counts: RunCounts,
    *,
    now: datetime,
    next_import_at: datetime,
    validators: tuple[str | None, str | None] | None,
    size: int = 0,
    sha256: str | None = None,
) -> bool:
    """Records success; `validators` are etag and last-modified of what was read, None where nothing was (not modified).

    Returns whether the company is still read in the way in which this run has read it. If somebody has set another one meanwhile,
    its CSV is due at once, whatever its server says.
    """
    connection.execute(
        update(import_runs)
        .where(import_runs.c.id == run_id)
        .values(
            status="COMPLETED",
            finished_at=now,
            not_modified=validators is None,
            bytes=size,
            sha256=sha256,
            **_columns(counts),
        )
    )
    is_same = _is_read_alike(connection, company)
    values: dict[str, Any] = {"next_import_at": next_import_at, "import_failures": 0, "updated_at": now}
    if not is_same:
        values |= {"next_import_at": now, "csv_etag": None, "csv_last_modified": None}
    elif validators is not None:
        values |= {"csv_etag": validators[0], "csv_last_modified": validators[1]}
    connection.execute(update(companies).where(companies.c.id == company.id).values(**values))
    return is_same


def _is_read_alike(connection: Connection, company: Company) -> bool:
    names = ("time_zone", "csv_profile", "transcript_profile")
    columns = [companies.c[name] for name in names]
    row = connection.execute(select(*columns).where(companies.c.id == company.id).with_for_update()).one()
    return tuple(row) == tuple(getattr(company, name) for name in names)


def fail_run(
    connection: Connection,
    run_id: UUID,
    company: Company,
    *,
    code: str,
    message: str,
    now: datetime,
    interval: timedelta,
    counts: RunCounts | None = None,
    rejects: Iterable[dict[str, Any]] = (),
) -> None:
    """Records failure, keeps some rejects, and puts the next try off: each failure in a row doubles the interval."""
    connection.execute(
        update(import_runs)
        .where(import_runs.c.id == run_id)
        .values(
            status="FAILED", finished_at=now, error_code=code, error_message=message, **_columns(counts or RunCounts())
        )
    )
    kept = [{"company_id": company.id, "import_run_id": run_id, **reject} for reject in rejects]
    if kept:
        connection.execute(insert(import_rejects), kept)
    delay = min(interval * 2 ** min(company.import_failures, 10), max(LONGEST_BACK_OFF, interval))
    connection.execute(
        update(companies)
        .where(companies.c.id == company.id)
        .values(next_import_at=now + delay, import_failures=companies.c.import_failures + 1, updated_at=now)
    )


def _columns(counts: RunCounts) -> dict[str, int]:
    return {
        "rows": counts.rows,
        "rows_new": counts.new,
        "rows_changed": counts.changed,
        "rows_unchanged": counts.unchanged,
        "rows_rejected": counts.rejected,
    }


def create_scratch(connection: Connection) -> None:
    """Makes the stage's empty tables, and room to join them."""
    connection.execute(statement("intake/raise_import_memory"))
    connection.execute(statement("intake/avoid_nested_loops"))
    connection.execute(create_scratch_imports)
    connection.execute(statement("intake/create_scratch_import_rejects"))


def copy_records(connection: Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Stages records; columns as `scratch_imports` has them, empty text for null."""
    copy_rows(connection, "intake/copy_scratch_imports", rows)


def copy_rejects(connection: Connection, rejects: Iterable[Reject]) -> None:
    """Stages rejects."""
    rows = ((reject.line, reject.raw, reject.reason.value, reject.detail) for reject in rejects)
    copy_rows(connection, "intake/copy_scratch_import_rejects", rows)


def find_repeats(connection: Connection) -> int:
    """Finds the staged records whose id a later one has; returns how many."""
    connection.execute(text("ANALYZE scratch_imports (external_session_id, line_number, content_hash)"))
    return connection.execute(statement("intake/create_scratch_import_repeats")).rowcount


def read_repeats(connection: Connection) -> Iterator[tuple[int, int, int]]:
    """First line, number of lines, and line of the record that counts instead, in order; a page in memory at a time."""
    after = 0
    while page := connection.execute(
        statement("intake/find_scratch_import_repeats"), {"after": after, "page_size": _REPEATS_PAGE}
    ).all():
        for row in page:
            yield row.line_number, row.line_count, row.last_line
        after = page[-1].line_number


def delete_repeats(connection: Connection) -> None:
    """Takes them out of the stage."""
    connection.execute(statement("intake/delete_scratch_import_repeats"))


def count_scratch(connection: Connection) -> StagedCounts:
    """How many records and rejects there are."""
    return StagedCounts(*connection.execute(statement("intake/count_scratch_imports")).one())


def first_rejects(connection: Connection, most: int) -> list[dict[str, Any]]:
    """The first rejects of the file, as columns of `import_rejects`."""
    return [dict(row._mapping) for row in connection.execute(statement("intake/find_first_rejects"), {"most": most})]


def merge(connection: Connection, company_id: UUID, run_id: UUID, now: datetime) -> MergeCounts:
    """Brings the staged records into `session_imports`, with their stage rows, and keeps the rejects."""
    ids = {"company_id": company_id, "import_run_id": run_id}
    connection.execute(statement("intake/store_import_rejects"), ids)
    # A submission may hold a session that the merge wants, and want one that the merge holds.
    return in_savepoint(connection, partial(_merge, {**ids, "now": now}))


def _merge(values: dict[str, Any], connection: Connection) -> MergeCounts:
    return MergeCounts(*connection.execute(statement("intake/merge_session_imports"), values).one())
