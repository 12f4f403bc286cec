"""Folders of CSVs, on this machine, on an SFTP server and in a bucket: each file once, in order, and nothing lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from livedash_pipeline.base.steps.companies import change_company
from livedash_pipeline.base.store.companies import Company, add_company, get_company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.tables import import_files, import_rejects, import_runs, session_imports
from livedash_pipeline.errors import RejectedImportError, SettingsError, SourceError, UsageError
from livedash_pipeline.intake.rules.import_files import QUIET
from livedash_pipeline.intake.steps.detect_files import DetectionRequest, detect_files
from livedash_pipeline.intake.steps.import_csv import import_company
from livedash_pipeline.intake.steps.import_report import ImportReport, ImportRules, import_document
from livedash_pipeline.intake.store.import_files import forget_files
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource, NotModified
from livedash_pipeline.sources.http import FetchLimits
from tests.conftest import NOW
from tests.sources.places.bucket_site import BucketSite, make_bucket, running_s3
from tests.sources.places.sftp_site import SftpSite, running_sftp
from tests.support.csv_rows import csv_line

RULES = ImportRules(max_reject_ratio=0.2, interval=timedelta(minutes=15))
LIMITS = FetchLimits(max_bytes=1_000_000, connect_seconds=10, read_seconds=10, total_seconds=60)
NUMBERS = count()
HOUR = timedelta(hours=1)


def row(external_id: str, message: str = "hello") -> str:
    return csv_line(external_id, "01.05.2025 10:00:00", "01.05.2025 10:00:59", initial_message=message)


BAD = "no record\nof any kind\n"


class Delivery(Protocol):
    """Where a company puts its files."""

    url: str
    environ: dict[str, str]
    options: dict[str, str]

    def put(self, name: str, content: str, at: datetime = ...) -> None: ...
    def remove(self, name: str) -> None: ...
    def rename(self, old: str, new: str) -> None: ...


class Folder:
    """A folder of this machine; where it is served over SFTP, the address and the login are the server's."""

    def __init__(self, path: Path, url: str, site: SftpSite | None = None) -> None:
        self.path, self.url, self.site = path, url, site
        self.environ = site.environ if site else {}
        self.options = {"csv_username_env": "SFTP_USER", "csv_password_env": "SFTP_PASSWORD"} if site else {}

    def put(self, name: str, content: str, at: datetime = NOW - HOUR) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (at.timestamp(), at.timestamp()))

    def remove(self, name: str) -> None:
        (self.path / name).unlink()

    def rename(self, old: str, new: str) -> None:
        (self.path / old).rename(self.path / new)


class Bucket:
    """A bucket: its times are those of its own clock, so that names alone give the order."""

    def __init__(self, site: BucketSite) -> None:
        self.site = site
        self.url = f"{site.url}/in/"
        self.environ = site.environ
        self.options: dict[str, str] = {}

    def put(self, name: str, content: str, at: datetime = NOW) -> None:
        self.site.put(f"in/{name}", content.encode())

    def remove(self, name: str) -> None:
        self.site.delete(f"in/{name}")

    def rename(self, old: str, new: str) -> None:
        body = self.site.client.get_object(Bucket=self.site.bucket, Key=f"in/{old}")["Body"].read()
        self.site.put(f"in/{new}", body)
        self.site.delete(f"in/{old}")


@dataclass(frozen=True, slots=True)
class Meddling(CsvSource):
    """Does something between the listing and the reading of the next file, once."""

    meddle: list[Callable[[], None]] = field(default_factory=list)

    @contextmanager
    def spooled(
        self, url: str, fetch: Callable[[BinaryIO], CsvDownload | NotModified], **given: Any
    ) -> Iterator[CsvDownload | NotModified]:
        if self.meddle:
            self.meddle.pop()()
        with CsvSource.spooled(self, url, fetch, **given) as answer:
            yield answer


class Delivering:
    """A company with a folder, and what its imports left behind."""

    def __init__(self, engine: Engine, delivery: Delivery, spool: Path, url: str | None = None) -> None:
        self.engine, self.delivery = engine, delivery
        self.source = Meddling(delivery.environ, spool, LIMITS, sleep=lambda _: None)
        self.now = NOW
        with engine.begin() as connection:
            changes = CompanyChanges(csv_url=url or delivery.url, **delivery.options)  # type: ignore[arg-type]
            self.company = add_company(connection, "acme", changes, now=NOW)

    def run(self, **options: Any) -> ImportReport:
        given: dict[str, Any] = {"source": self.source, "rules": RULES, "clock": lambda _: self.now}
        return import_company(self.engine, self.company, **given | options)

    def outcomes(self) -> dict[str, str]:
        return outcomes(self.run())

    def rows(self, table: Any, *order: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(select(table).order_by(*order)))

    def messages(self) -> dict[str, str]:
        return {each.external_session_id: each.initial_message for each in self.rows(session_imports)}

    def runs(self) -> list[tuple[str, str]]:
        return [(name_of(each.source_url), each.status) for each in self.rows(import_runs, import_runs.c.id)]

    def states(self) -> dict[str, str]:
        return {name_of(each.path): each.state for each in self.rows(import_files)}

    def file(self, name: str) -> Any:
        return next(each for each in self.rows(import_files) if name_of(each.path) == name)

    def stored(self) -> Company:
        with self.engine.connect() as connection:
            return get_company(connection, "acme")


def outcomes(report: ImportReport) -> dict[str, str]:
    return {name_of(file.address): file.outcome.value for file in report.files}


def name_of(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    return report.rows, report.new, report.changed, report.unchanged, report.rejected


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_s3() as endpoint:
        yield endpoint


@contextmanager
def served(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "served" / "in").mkdir(parents=True)
    with running_sftp(tmp_path / "served", tmp_path / "known_hosts") as site:
        yield Folder(tmp_path / "served" / "in", f"{site.url}/in/", site)


@pytest.fixture(params=["local", "sftp", "s3"])
def acme(engine: Engine, tmp_path: Path, endpoint: str, request: pytest.FixtureRequest) -> Iterator[Delivering]:
    if request.param == "local":
        (tmp_path / "in").mkdir()
        yield Delivering(engine, Folder(tmp_path / "in", f"{tmp_path}/in/"), tmp_path / "spool")
    elif request.param == "sftp":
        with served(tmp_path) as folder:
            yield Delivering(engine, folder, tmp_path / "spool")
    else:
        bucket = make_bucket(endpoint, f"deliveries-{next(NUMBERS)}")
        yield Delivering(engine, Bucket(bucket), tmp_path / "spool")


@pytest.fixture
def here(engine: Engine, tmp_path: Path) -> Delivering:
    (tmp_path / "in").mkdir()
    return Delivering(engine, Folder(tmp_path / "in", f"{tmp_path}/in/"), tmp_path / "spool")


# In every kind of place


def test_each_new_file_is_one_import_and_the_sums_are_reported(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a") + row("b"))
    acme.delivery.put("2.csv", row("b", "changed") + row("c") + BAD)
    report = acme.run(rules=ImportRules(max_reject_ratio=0.9))
    assert counts(report) == (6, 3, 1, 0, 2)
    assert [(file.rows, file.rejected) for file in report.files] == [(2, 0), (4, 2)]
    assert outcomes(report) == {"1.csv": "imported", "2.csv": "imported"}
    assert acme.runs() == [("1.csv", "COMPLETED"), ("2.csv", "COMPLETED")]
    assert acme.messages() == {"a": "hello", "b": "changed", "c": "hello"}


def test_the_same_files_are_not_read_again(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a"))
    acme.run()
    acme.source.meddle.append(lambda: pytest.fail("a file was read again"))
    report = acme.run()
    assert (counts(report), report.files, report.not_modified) == ((0, 0, 0, 0, 0), (), True)
    assert acme.runs() == [("1.csv", "COMPLETED"), ("in", "COMPLETED")]


def test_a_changed_file_and_a_new_one_are_imported(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a"))
    acme.run()
    acme.delivery.put("1.csv", row("a", "longer than before"), NOW - HOUR / 2)
    acme.delivery.put("2.csv", row("b"))
    assert acme.outcomes() == {"2.csv": "imported", "1.csv": "imported"}
    assert acme.messages() == {"a": "longer than before", "b": "hello"}
    assert acme.outcomes() == {}


def test_a_file_under_a_new_name_counts_as_imported(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a"))
    acme.run()
    acme.delivery.put("2.csv", row("a", "newer"))
    acme.run()
    acme.delivery.rename("1.csv", "3.csv")
    assert acme.outcomes() == {"1.csv": "vanished", "3.csv": "same"}
    assert acme.messages() == {"a": "newer"}
    assert acme.states() == {"1.csv": "IMPORTED", "2.csv": "IMPORTED", "3.csv": "SAME"}
    assert acme.file("3.csv").import_run_id == acme.file("1.csv").import_run_id
    assert acme.outcomes() == {}


def test_a_file_that_was_only_touched_is_not_imported_again(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a"))
    acme.run()
    acme.delivery.put("1.csv", row("a"), NOW - HOUR / 2)
    assert set(acme.outcomes().values()) <= {"same"}
    assert [status for name, status in acme.runs() if name == "1.csv"] == ["COMPLETED"]


def test_a_file_that_goes_back_to_older_bytes_is_imported(acme: Delivering) -> None:
    for number, message in enumerate(("one", "two", "one")):
        acme.delivery.put("1.csv", row("a", message), NOW - HOUR + timedelta(minutes=number))
        assert acme.outcomes() == {"1.csv": "imported"}
    assert acme.messages() == {"a": "one"}


def test_a_file_that_vanished_is_told_once_and_harms_nothing(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a"))
    acme.run()
    acme.delivery.remove("1.csv")
    acme.delivery.put("2.csv", row("b"))
    assert acme.outcomes() == {"1.csv": "vanished", "2.csv": "imported"}
    assert acme.outcomes() == {}
    assert set(acme.messages()) == {"a", "b"}
    assert acme.file("1.csv").gone_at == NOW
    acme.delivery.put("1.csv", row("a"))
    assert set(acme.outcomes().values()) <= {"same"}, "it is back, and its bytes are known"
    assert acme.file("1.csv").gone_at is None


def test_a_file_that_vanishes_between_listing_and_reading_is_skipped(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a"))
    acme.delivery.put("2.csv", row("b"))
    acme.source.meddle.append(lambda: acme.delivery.remove("1.csv"))
    assert acme.outcomes() == {"1.csv": "vanished", "2.csv": "imported"}
    assert acme.stored().import_failures == 0
    assert acme.outcomes() == {}


def test_a_file_that_changes_between_listing_and_reading_is_kept_out_and_comes_next(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a"))
    acme.delivery.put("2.csv", row("b"))
    grown = row("a", "grown") + row("c")
    acme.source.meddle.append(lambda: acme.delivery.put("1.csv", grown, NOW))
    report = acme.run()
    assert outcomes(report) == {"1.csv": "waiting", "2.csv": "imported"}
    assert set(acme.messages()) == {"b"}
    assert acme.file("1.csv").sha256 is None
    for _ in range(2):  # A folder that shows unfinished files wants a second look at the grown one.
        acme.now += QUIET
        acme.run()
    assert acme.messages() == {"a": "grown", "b": "hello", "c": "hello"}
    assert acme.runs().count(("1.csv", "COMPLETED")) == 1


def test_a_file_with_too_many_rejects_is_passed_over_for_good(acme: Delivering) -> None:
    acme.delivery.put("1.csv", BAD)
    acme.delivery.put("2.csv", row("a"))
    report = acme.run()
    assert outcomes(report) == {"1.csv": "refused", "2.csv": "imported"}
    assert acme.rows(import_rejects)
    assert acme.runs() == [("1.csv", "FAILED"), ("2.csv", "COMPLETED")]
    assert acme.stored().import_failures == 0
    assert acme.outcomes() == {}, "this version would put its old rows over newer ones"
    acme.delivery.put("1.csv", row("a", "repaired"), NOW - HOUR / 2)
    assert acme.outcomes() == {"1.csv": "imported"}
    assert acme.messages() == {"a": "repaired"}, "the newest word of the publisher"


def test_a_call_in_which_every_file_is_refused_fails(acme: Delivering) -> None:
    acme.delivery.put("1.csv", BAD)
    with pytest.raises(RejectedImportError, match="1.csv"):
        acme.run()
    assert acme.stored().import_failures == 1
    assert acme.outcomes() == {}
    assert acme.stored().import_failures == 0


def test_a_web_page_among_the_files_keeps_no_other_one_out(acme: Delivering) -> None:
    acme.delivery.put("1.csv", "<!doctype html><html></html>")
    acme.delivery.put("2.csv", row("a"))
    assert acme.outcomes() == {"1.csv": "refused", "2.csv": "imported"}
    assert acme.file("1.csv").error_code == "not_csv"


def test_hidden_and_unfinished_names_are_ignored(acme: Delivering) -> None:
    for name in (".a.csv", "_SUCCESS", "b.csv.tmp", "c.part", "d.csv.filepart", "e/f.csv"):
        acme.delivery.put(name, row("x"))
    acme.delivery.put("g.csv", row("a"))
    assert acme.outcomes() == {"g.csv": "imported"}
    assert set(acme.messages()) == {"a"}


def test_forgetting_reads_every_file_again_in_order(acme: Delivering) -> None:
    acme.delivery.put("1.csv", row("a", "old"))
    acme.delivery.put("2.csv", row("a", "new"))
    acme.run()
    with acme.engine.begin() as connection:
        assert forget_files(connection, acme.company.id) == 2
    assert acme.outcomes() == {"1.csv": "imported", "2.csv": "imported"}
    assert acme.messages() == {"a": "new"}


# On this machine, where times can be chosen


def test_the_oldest_file_comes_first_whatever_its_name(here: Delivering) -> None:
    here.delivery.put("a.csv", row("x", "newest"), NOW - HOUR)
    here.delivery.put("z.csv", row("x", "oldest"), NOW - 3 * HOUR)
    here.delivery.put("m.csv", row("x", "middle"), NOW - 2 * HOUR)
    here.run()
    assert [name for name, _ in here.runs()] == ["z.csv", "m.csv", "a.csv"]
    assert here.messages() == {"x": "newest"}


def test_a_file_that_was_just_written_waits(here: Delivering) -> None:
    here.delivery.put("1.csv", row("a"), NOW - QUIET / 2)
    here.delivery.put("2.csv", row("b"))
    assert here.outcomes() == {"1.csv": "waiting", "2.csv": "imported"}
    assert here.stored().next_import_at == NOW + QUIET
    here.now += QUIET
    assert here.outcomes() == {"1.csv": "imported"}


def test_a_file_that_grows_between_two_looks_waits_whatever_its_time(here: Delivering) -> None:
    here.delivery.put("1.csv", row("a"), NOW)
    assert here.outcomes() == {"1.csv": "waiting"}
    here.now += HOUR
    here.delivery.put("1.csv", row("a") + row("b"), NOW + HOUR / 2)
    assert here.outcomes() == {"1.csv": "waiting"}
    here.now += HOUR
    assert here.outcomes() == {"1.csv": "imported"}


def test_a_file_from_a_clock_that_is_ahead_waits_for_a_second_look_only(here: Delivering) -> None:
    here.delivery.put("1.csv", row("a"), NOW + 24 * HOUR)
    assert here.outcomes() == {"1.csv": "waiting"}
    here.now += QUIET
    assert here.outcomes() == {"1.csv": "imported"}


def test_another_time_zone_reads_every_file_again(here: Delivering) -> None:
    here.delivery.put("1.csv", row("a"))
    here.run()
    with here.engine.begin() as connection:
        update_company(connection, "acme", CompanyChanges(time_zone="Asia/Tokyo"), now=NOW)
    assert here.outcomes() == {"1.csv": "imported"}


def test_another_pattern_over_the_same_files_reads_none_again(here: Delivering, tmp_path: Path) -> None:
    here.delivery.put("1.csv", row("a"))
    here.delivery.put("2.txt", row("b"))
    here.run()
    with here.engine.begin() as connection:
        update_company(connection, "acme", CompanyChanges(csv_url=f"{tmp_path}/in/*.csv"), now=NOW)
    assert here.outcomes() == {}, "and the file that the pattern does not fit has not vanished"
    here.delivery.remove("1.csv")
    assert here.outcomes() == {"1.csv": "vanished"}


def test_a_pattern_over_folders_finds_files_in_them(engine: Engine, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "in", f"{tmp_path}/in/2026-*/x*.csv")
    folder.put("2026-01/x.csv", row("a"))
    folder.put("2026-02/x.csv", row("b"))
    folder.put("2026-02/y.csv", row("c"))
    folder.put("2025-12/x.csv", row("d"))
    acme = Delivering(engine, folder, tmp_path / "spool")
    acme.run()
    assert set(acme.messages()) == {"a", "b"}
    folder.remove("2026-01/x.csv")
    assert acme.outcomes() == {"x.csv": "vanished"}


def test_a_folder_that_is_not_there_fails_and_is_tried_again_later(engine: Engine, tmp_path: Path) -> None:
    acme = Delivering(engine, Folder(tmp_path / "none", f"{tmp_path}/none/"), tmp_path / "spool")
    with pytest.raises(SourceError, match="does not exist"):
        acme.run()
    assert (acme.stored().import_failures, acme.runs()) == (1, [("none", "FAILED")])
    (tmp_path / "none").mkdir()
    assert acme.outcomes() == {}
    assert acme.stored().import_failures == 0


def test_a_folder_without_files_is_no_failure(here: Delivering) -> None:
    report = here.run()
    assert (counts(report), report.files) == ((0, 0, 0, 0, 0), ())
    assert here.stored().next_import_at == NOW + RULES.interval


def test_a_file_is_marked_in_the_transaction_that_merges_its_rows(here: Delivering) -> None:
    here.delivery.put("1.csv", row("a"), NOW - 2 * HOUR)
    here.delivery.put("2.csv", row("b"))
    with here.engine.begin() as connection:
        connection.execute(text("ALTER TABLE import_files ADD CONSTRAINT unmarked CHECK (path NOT LIKE '%2.csv')"))
    with pytest.raises(IntegrityError):
        here.run()
    assert set(here.messages()) == {"a"}
    with here.engine.begin() as connection:
        connection.execute(text("ALTER TABLE import_files DROP CONSTRAINT unmarked"))
    assert here.outcomes() == {"2.csv": "imported"}
    assert set(here.messages()) == {"a", "b"}


def test_a_missing_library_is_recorded_as_a_failure(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    bucket = Bucket(BucketSite("http://127.0.0.1:1", "bucket", None))
    acme = Delivering(engine, bucket, tmp_path / "spool")
    with pytest.raises(SettingsError, match="s3fs"):
        acme.run()
    assert acme.runs() == [("in", "FAILED")]


# On a server that breaks off


def test_a_file_that_ends_early_stops_the_import_and_keeps_the_order(engine: Engine, tmp_path: Path) -> None:
    with served(tmp_path) as folder:
        acme = Delivering(engine, folder, tmp_path / "spool")
        folder.put("1.csv", row("a", "one"), NOW - 3 * HOUR)
        folder.put("2.csv", row("a", "two") + row("b"), NOW - 2 * HOUR)
        folder.put("3.csv", row("a", "x"), NOW - HOUR)
        assert folder.site is not None
        folder.site.cut_after = len(row("a", "one"))
        report = acme.run()
        assert outcomes(report) == {"1.csv": "imported", "2.csv": "failed", "3.csv": "postponed"}
        assert acme.messages() == {"a": "one"}
        assert (acme.file("2.csv").sha256, acme.file("2.csv").error_code) == (None, "cut_off")
        assert acme.stored().import_failures == 1
        folder.site.cut_after = None
        assert acme.outcomes() == {"2.csv": "imported", "3.csv": "imported"}
        assert acme.messages() == {"a": "x", "b": "hello"}
        assert [name for name, status in acme.runs() if status == "COMPLETED"] == ["1.csv", "2.csv", "3.csv"]


def test_a_server_that_is_gone_in_the_only_file_fails_the_call(engine: Engine, tmp_path: Path) -> None:
    with served(tmp_path) as folder:
        acme = Delivering(engine, folder, tmp_path / "spool")
        folder.put("1.csv", row("a"))
        assert folder.site is not None
        folder.site.cut_after = 3
        with pytest.raises(SourceError) as caught:
            acme.run()
        assert caught.value.reason == "cut_off"
        assert acme.states() == {"1.csv": "FAILED"}


# The answer


def test_the_answer_tells_of_each_file(here: Delivering) -> None:
    here.delivery.put("1.csv", row("a") + row("b"), NOW - 2 * HOUR)
    here.delivery.put("2.csv", BAD)
    document = import_document(here.run())
    assert (document["ok"], document["rows"], document["new"], document["filesLeftOut"]) == (True, 2, 2, 0)
    refused, imported = document["files"]
    assert (name_of(refused["name"]), refused["outcome"]) == ("2.csv", "refused")
    assert "cannot be used" in refused["error"]
    assert imported == {
        "name": here.delivery.url + "1.csv",
        "outcome": "imported",
        "rows": 2,
        "new": 2,
        "changed": 0,
        "unchanged": 0,
        "rejected": 0,
        "unread": 0,
        "error": None,
    }


def test_a_profile_holds_for_all_files_of_a_folder_and_another_one_reads_them_again(
    engine: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in (1, 2):
        path = folder / f"{number}.csv"
        path.write_text(f"id;at\nchat-{number};2025-05-0{number} 10:00\n", encoding="utf-8")
        os.utime(path, (number, number))
    source = CsvSource({}, tmp_path / "spool", LIMITS)
    with engine.begin() as connection:
        company = add_company(connection, "acme", CompanyChanges(csv_url=f"{folder}/"), now=NOW)
    found = detect_files(engine, DetectionRequest("acme", save=True), source=source)
    assert (found["fitting"], found["firstRows"][0]["external_session_id"]) == (1, "chat-2"), (
        "the newest one is looked at"
    )
    first = import_company(engine, company, source=source, rules=RULES)
    assert (first.new, len(first.files)) == (2, 2)
    assert import_company(engine, company, source=source, rules=RULES).rows == 0
    profile = found["csvProfile"] | {"nothing": ["-"]}
    change_company(engine, "acme", CompanyChanges(csv_profile=profile))
    again = import_company(engine, company, source=source, rules=RULES)
    assert (again.new, again.changed, [file.outcome for file in again.files]) == (0, 2, ["imported", "imported"])
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="There is no file"):
        detect_files(engine, DetectionRequest("acme"), source=source)
