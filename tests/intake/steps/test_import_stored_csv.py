"""One CSV in a bucket, on an SFTP server, and behind a signed address: new, unchanged, changed, gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from livedash_pipeline.base.store.companies import Company, add_company, get_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import import_runs, session_imports
from livedash_pipeline.errors import SourceError
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportReport, ImportRules
from livedash_pipeline.sources.csv_source import CsvSource
from livedash_pipeline.sources.http import FetchLimits
from tests.conftest import NOW
from tests.sources.places.bucket_site import make_bucket, running_s3
from tests.sources.places.sftp_site import running_sftp
from tests.support.csv_rows import csv_line

RULES = ImportRules(interval=timedelta(minutes=15))
LIMITS = FetchLimits(max_bytes=1_000_000, connect_seconds=10, read_seconds=10, total_seconds=60)
NUMBERS = count()


@dataclass
class Stored:
    """Where the CSV is, and how it is put there and taken away."""

    url: str
    environ: dict[str, str]
    put: Callable[[str], object]
    remove: Callable[[], object]
    login: dict[str, str]
    # Whether the place has a word for versions, so that an unchanged CSV is not read.
    has_versions: bool


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_s3() as endpoint:
        yield endpoint


@pytest.fixture(params=["s3", "sftp", "signed"])
def stored(request: pytest.FixtureRequest, endpoint: str, tmp_path: Path) -> Iterator[Stored]:
    if request.param == "sftp":
        (tmp_path / "served").mkdir()
        with running_sftp(tmp_path / "served", tmp_path / "known_hosts") as site:
            path = site.folder / "x.csv"
            login = {"csv_username_env": "SFTP_USER", "csv_password_env": "SFTP_PASSWORD"}
            yield Stored(f"{site.url}/x.csv", site.environ, path.write_text, path.unlink, login, False)
        return
    bucket = make_bucket(endpoint, f"single-{next(NUMBERS)}")
    url = f"{bucket.url}/x.csv" if request.param == "s3" else bucket.presigned("x.csv")
    yield Stored(
        url,
        bucket.environ,
        lambda content: bucket.put("x.csv", content.encode()),
        lambda: bucket.delete("x.csv"),
        {},
        True,
    )


class Importing:
    def __init__(self, engine: Engine, stored: Stored, spool: Path) -> None:
        self.engine, self.stored = engine, stored
        self.source = CsvSource(stored.environ, spool, LIMITS, sleep=lambda _: None)
        with engine.begin() as connection:
            changes = CompanyChanges(csv_url=stored.url, **stored.login)  # type: ignore[arg-type]
            self.company: Company = add_company(connection, "acme", changes, now=NOW)

    def run(self, content: str | None = None) -> ImportReport:
        if content is not None:
            self.stored.put(content)
        return import_company(self.engine, self.company, source=self.source, rules=RULES, clock=lambda _: NOW)

    def rows(self, table: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(table).order_by(table.c.id)))

    def ids(self) -> list[str]:
        return sorted(row.external_session_id for row in self.rows(session_imports))

    def failures(self) -> int:
        with self.engine.connect() as connection:
            return get_company(connection, "acme").import_failures


def row(external_id: str, message: str = "hello") -> str:
    return csv_line(external_id, "01.05.2025 10:00:00", "01.05.2025 10:00:59", initial_message=message)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.rows, report.new, report.changed, report.unchanged


def test_a_stored_csv_is_imported_when_it_is_new_or_changed(engine: Engine, stored: Stored, tmp_path: Path) -> None:
    acme = Importing(engine, stored, tmp_path / "spool")
    assert counts(acme.run(row("a") + row("b"))) == (2, 2, 0, 0)
    again = acme.run()
    assert (counts(again), again.not_modified) == ((2, 0, 0, 2), stored.has_versions)
    assert counts(acme.run(row("a", "changed") + row("b") + row("c"))) == (3, 1, 1, 1)
    assert acme.ids() == ["a", "b", "c"]


def test_a_stored_csv_that_vanished_fails_and_harms_nothing(engine: Engine, stored: Stored, tmp_path: Path) -> None:
    acme = Importing(engine, stored, tmp_path / "spool")
    acme.run(row("a"))
    stored.remove()
    with pytest.raises(SourceError) as caught:
        acme.run()
    assert caught.value.reason in {"file_not_found", "http_404"}
    assert "Signature" not in str(caught.value)
    assert (acme.ids(), acme.failures()) == (["a"], 1)
    assert counts(acme.run(row("a") + row("b"))) == (2, 1, 0, 1)
    assert acme.failures() == 0


def test_no_secret_of_a_login_is_kept(engine: Engine, stored: Stored, tmp_path: Path) -> None:
    acme = Importing(engine, stored, tmp_path / "spool")
    acme.run(row("a"))
    kept = repr([*acme.rows(import_runs), acme.company])
    secrets = [value for name, value in stored.environ.items() if "SECRET" in name or "PASSWORD" in name]
    assert secrets
    assert not any(f"'{secret}'" in kept for secret in secrets)


def test_a_stored_csv_that_ends_early_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with running_sftp(tmp_path / "served", tmp_path / "known_hosts") as site:
        path = site.folder / "x.csv"
        login = {"csv_username_env": "SFTP_USER", "csv_password_env": "SFTP_PASSWORD"}
        stored = Stored(f"{site.url}/x.csv", site.environ, path.write_text, path.unlink, login, False)
        acme = Importing(engine, stored, tmp_path / "spool")
        site.cut_after = len(row("a"))
        with pytest.raises(SourceError) as caught:
            acme.run(row("a") + row("b"))
        assert (caught.value.reason, acme.ids()) == ("cut_off", [])
        site.cut_after = None
        assert counts(acme.run()) == (2, 2, 0, 0)
