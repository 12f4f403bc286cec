"""Transcripts in buckets and on SFTP servers: opened where the CSV lies, or where people allow it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import transcripts
from livedash_pipeline.errors import SourceError
from livedash_pipeline.intake.steps.fetch_transcripts import TranscriptReport, fetch_transcripts
from livedash_pipeline.intake.steps.transcript_workers import TranscriptLimits
from livedash_pipeline.sources.http import FetchLimits
from tests.conftest import NOW
from tests.sources.places.bucket_site import BucketSite, make_bucket, running_s3
from tests.sources.places.sftp_site import running_sftp
from tests.support.imported import add_import, change_row, make_company, rows_of

TEXT = "[01.05.2025 12:00:00] User: hello\n"
FETCH = FetchLimits(max_bytes=10_000, connect_seconds=10, read_seconds=10, total_seconds=60)
NUMBERS = count()
LOGIN = {"csv_username_env": "SFTP_USER", "csv_password_env": "SFTP_PASSWORD"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_s3() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(endpoint: str) -> BucketSite:
    return make_bucket(endpoint, f"chats-{next(NUMBERS)}")


def fetch(engine: Engine, company: Company, environ: dict[str, str]) -> TranscriptReport:
    return fetch_transcripts(
        engine,
        company,
        environ=environ,
        limits=TranscriptLimits(fetch=FETCH),
        sleep=lambda _: None,
        clock=lambda _: NOW,
    )


def stored(engine: Engine, import_id: Any) -> dict[str, Any]:
    return rows_of(engine, transcripts, import_id=import_id)[0]


@pytest.mark.parametrize("csv_path", ["chats.csv", "in/", "in/*.csv"])
def test_transcripts_in_the_csvs_own_bucket_are_fetched(engine: Engine, bucket: BucketSite, csv_path: str) -> None:
    bucket.put("chats/a b.txt", TEXT.encode())
    company = make_company(engine, f"{bucket.url}/{csv_path}")
    import_id = add_import(engine, company, f"{bucket.url}/chats/a b.txt")
    assert fetch(engine, company, bucket.environ).fetched == 1
    row = stored(engine, import_id)
    assert (row["status"], row["content"]) == ("FETCHED", TEXT)
    assert row["etag"]


def test_a_transcript_that_did_not_change_is_not_read_again(engine: Engine, bucket: BucketSite) -> None:
    bucket.put("a.txt", TEXT.encode())
    company = make_company(engine, f"{bucket.url}/chats.csv")
    import_id = add_import(engine, company, f"{bucket.url}/a.txt")
    fetch(engine, company, bucket.environ)
    change_row(engine, import_id, "row-2")
    report = fetch(engine, company, bucket.environ)
    assert (report.fetched, report.unchanged) == (0, 1)


def test_another_bucket_has_to_be_allowed(engine: Engine, bucket: BucketSite, endpoint: str) -> None:
    other = make_bucket(endpoint, f"other-{next(NUMBERS)}")
    other.put("a.txt", TEXT.encode())
    company = make_company(engine, f"{bucket.url}/chats.csv")
    import_id = add_import(engine, company, f"{other.url}/a.txt")
    assert fetch(engine, company, bucket.environ).failed == {"host_not_allowed": 1}
    assert f"--transcript-host {other.url}" not in stored(engine, import_id)["error_message"], (
        "the message is the cause"
    )


@pytest.mark.parametrize("url", ["{bucket}/a.txt", "sftp://127.0.0.1/etc/passwd", "file:///etc/passwd"])
def test_a_csv_over_http_opens_no_store_on_its_word(engine: Engine, bucket: BucketSite, url: str) -> None:
    bucket.put("a.txt", TEXT.encode())
    company = make_company(engine, "http://127.0.0.1:9/chats.csv")
    import_id = add_import(engine, company, url.format(bucket=bucket.url))
    report = fetch(engine, company, bucket.environ)
    assert (report.fetched, sum(report.failed.values())) == (0, 1)
    assert stored(engine, import_id)["next_attempt_at"] is None, "trying again cannot help"


def test_a_store_that_people_allow_is_opened_for_a_csv_over_http(engine: Engine, bucket: BucketSite) -> None:
    bucket.put("a.txt", TEXT.encode())
    company = make_company(engine, "http://127.0.0.1:9/chats.csv", transcript_hosts=[bucket.url])
    add_import(engine, company, f"{bucket.url}/a.txt")
    assert fetch(engine, company, bucket.environ).fetched == 1


def test_transcripts_of_a_server_share_one_connection_and_its_login(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with running_sftp(tmp_path / "served", tmp_path / "known_hosts") as site:
        company = make_company(engine, f"{site.url}/in/", **LOGIN)
        for number in range(20):
            (site.folder / f"{number}.txt").write_text(TEXT)
            add_import(engine, company, f"{site.url}/{number}.txt", name=str(number))
        gone = add_import(engine, company, f"{site.url}/gone.txt", name="gone")
        report = fetch(engine, company, site.environ)
        assert (report.fetched, report.failed) == (20, {"file_not_found": 1})
        assert site.logins == ["acme"]
    assert stored(engine, gone)["error_message"].startswith("file_not_found: sftp://")


def test_a_login_goes_to_the_csvs_own_server_alone(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with running_sftp(tmp_path / "served", tmp_path / "known_hosts") as site:
        (site.folder / "a.txt").write_text(TEXT)
        company = make_company(engine, "http://127.0.0.1:9/chats.csv", transcript_hosts=[site.url], **LOGIN)
        add_import(engine, company, f"{site.url}/a.txt")
        report = fetch(engine, company, site.environ | {"HOME": str(tmp_path)})
        assert report.failed == {"permission_denied": 1}
        assert "acme" not in site.logins


def test_a_variable_that_is_not_set_is_told_before_anything_is_asked(engine: Engine, bucket: BucketSite) -> None:
    company = make_company(engine, f"{bucket.url}/chats.csv", csv_username_env="NO_ID", csv_password_env="NO_KEY")
    with pytest.raises(SourceError, match="NO_ID"):
        fetch(engine, company, bucket.environ)
