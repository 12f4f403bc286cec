from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource, NotModified
from livedash_pipeline.sources.http import FetchLimits
from tests.sources import csv_site
from tests.sources.csv_site import Answer, Site, plain, running_site

BODY = b"a,b\n" * 1000
PATIENT = FetchLimits(max_bytes=100_000, connect_seconds=10, read_seconds=10, total_seconds=30)
QUICK = FetchLimits(max_bytes=100_000, connect_seconds=10, read_seconds=0.2, total_seconds=0.5)


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def source(tmp_path: Path, pauses: list[float]) -> CsvSource:
    return source_with(PATIENT, tmp_path, pauses)


def source_with(limits: FetchLimits, tmp_path: Path, pauses: list[float]) -> CsvSource:
    return CsvSource({"CSV_USER": "acme", "CSV_PASSWORD": "s3cret"}, tmp_path / "spool", limits, pauses.append)


def body_of(source: CsvSource, url: str, **options: Any) -> bytes:
    with source.open_csv(url, **options) as answer:
        assert isinstance(answer, CsvDownload)
        body = b"".join(answer.pieces())
        assert (answer.size, answer.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        return body


def error_of(source: CsvSource, url: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught, source.open_csv(url, **options):
        pass
    assert str(caught.value).count("\n") == 0
    assert list(source.spool.glob("*")) == [], "nothing is left behind"
    return caught.value


def test_a_csv_is_fetched_with_the_named_credentials(site: Site, source: CsvSource) -> None:
    site.answers["/x.csv"] = csv_site.with_password("acme", "s3cret", BODY)
    assert body_of(source, f"{site.url}/x.csv", username_env="CSV_USER", password_env="CSV_PASSWORD") == BODY
    refused = error_of(source, f"{site.url}/x.csv?key=secret")
    assert refused.reason == "http_401"
    assert "secret" not in str(refused)


def test_a_csv_that_has_not_changed_is_not_sent_again(site: Site, source: CsvSource) -> None:
    site.answers["/x.csv"] = csv_site.with_etag(BODY, '"one"')
    with source.open_csv(f"{site.url}/x.csv") as first:
        assert isinstance(first, CsvDownload)
        assert first.etag == '"one"'
    with source.open_csv(f"{site.url}/x.csv", etag='"one"', last_modified="Thu, 01 May 2025 12:00:00 GMT") as second:
        assert second == NotModified()
    assert site.asked[1][1]["If-None-Match"] == '"one"'
    assert "If-Modified-Since" not in site.asked[1][1], "some servers answer to the date alone"
    with source.open_csv(f"{site.url}/x.csv", last_modified="Thu, 01 May 2025 12:00:00 GMT") as third:
        assert isinstance(third, CsvDownload)
    assert site.asked[2][1]["If-Modified-Since"] == "Thu, 01 May 2025 12:00:00 GMT"


def test_gzip_is_unpacked(site: Site, source: CsvSource) -> None:
    site.answers["/x.csv"] = csv_site.gzipped(BODY)
    assert body_of(source, f"{site.url}/x.csv") == BODY


def test_an_outage_that_passes_is_waited_for(site: Site, source: CsvSource, pauses: list[float]) -> None:
    site.answers["/x.csv"] = csv_site.in_turn(plain(b"", 503, Retry_After="4"), csv_site.hang_up, plain(BODY))
    assert body_of(source, f"{site.url}/x.csv") == BODY
    assert len(pauses) == 2
    assert pauses[0] >= 4


@pytest.mark.parametrize(
    ("answer", "reason", "tries"),
    [
        (plain(b"<!DOCTYPE html><title>Log in</title>"), "not_csv", 1),
        (plain(b"\xef\xbb\xbf \n<HTML lang=nl>"), "not_csv", 1),
        (plain(b"", 401), "http_401", 1),
        (plain(b"", 403), "http_403", 1),
        (plain(b"", 404), "http_404", 1),
        (plain(b"", 500), "http_500", 3),
        (plain(b"", 204), "http_204", 1),
        (plain(b"", 302, Location="/x.csv"), "too_many_redirects", 1),
        (csv_site.silent, "timeout", 3),
        (csv_site.hang_up, "connection_lost", 3),
        (csv_site.endless_body, "too_large", 1),
        (csv_site.dripping_body, "timeout", 3),
        (csv_site.dripping_header, "timeout", 3),
        (plain(b"x" * 100_001), "too_large", 1),
        (csv_site.gzipped(b"x" * 100_001), "too_large", 1),
        (plain(b"x", Content_Encoding="br"), "unsupported_encoding", 1),
        (plain(b"abc", 200, Content_Length="1000"), "connection_lost", 3),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_whatever_comes_instead_of_a_csv_is_one_sentence(
    site: Site, tmp_path: Path, pauses: list[float], answer: Answer, reason: str, tries: int
) -> None:
    source = source_with(QUICK if reason == "timeout" else PATIENT, tmp_path, pauses)
    site.answers["/x.csv"] = answer
    error = error_of(source, f"{site.url}/x.csv")
    assert error.reason == reason
    assert str(error).startswith(f"{site.url}/x.csv ")
    if reason != "too_many_redirects":
        assert site.times_asked("/x.csv") == tries


def test_a_server_that_is_down_is_told(source: CsvSource) -> None:
    assert error_of(source, f"http://127.0.0.1:{csv_site.free_port()}/x.csv").reason == "connection_refused"


def test_a_missing_variable_is_told_before_anything_is_asked(site: Site, source: CsvSource) -> None:
    error = error_of(source, f"{site.url}/x.csv", username_env="CSV_USER", password_env="UNSET")
    assert error.reason == "credentials_missing"
    assert site.asked == []


def test_local_files_are_read_by_path_and_by_url(source: CsvSource, tmp_path: Path) -> None:
    path = tmp_path / "two words.csv"
    path.write_bytes(BODY)
    assert body_of(source, str(path)) == BODY
    assert body_of(source, path.as_uri()) == BODY


def test_local_files_that_cannot_be_read_are_told(source: CsvSource, tmp_path: Path) -> None:
    assert error_of(source, str(tmp_path / "none.csv")).reason == "file_not_found"
    assert error_of(source, str(tmp_path)).reason == "file_unreadable"
    (tmp_path / "large.csv").write_bytes(b"x" * 100_001)
    assert error_of(source, str(tmp_path / "large.csv")).reason == "too_large"
