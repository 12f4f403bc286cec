"""CSVs in a bucket, on a local S3 server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.places.names import ListedFile
from livedash_pipeline.base.rules.places.stores import Place, Scheme, StoreRoot, read_place
from livedash_pipeline.base.rules.urls import source_rules
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource, NotModified
from livedash_pipeline.sources.http import FetchLimits
from livedash_pipeline.sources.places.buckets import BucketStore
from livedash_pipeline.sources.places.opening import Stores
from livedash_pipeline.sources.places.reading import list_files
from tests.sources.places.bucket_site import BucketSite, make_bucket, running_s3

LIMITS = FetchLimits(max_bytes=50_000_000, connect_seconds=10, read_seconds=10, total_seconds=60)
BODY = b"a,b,c\n" * 1000
NUMBERS = count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_s3() as endpoint:
        yield endpoint


@pytest.fixture
def site(endpoint: str) -> BucketSite:
    return make_bucket(endpoint, f"exports-{next(NUMBERS)}")


def source_of(environ: Mapping[str, str], tmp_path: Path) -> CsvSource:
    return CsvSource(environ, tmp_path / "spool", LIMITS, sleep=lambda _: None)


def read(source: CsvSource, url: str, **options: Any) -> tuple[bytes, str | None]:
    with source.open_csv(url, **options) as answer:
        assert isinstance(answer, CsvDownload)
        return b"".join(answer.pieces()), answer.etag


def error_of(source: CsvSource, url: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught, source.open_csv(url, **options):
        pass
    return caught.value


def listed(site: BucketSite, url: str, most: int = 100) -> list[ListedFile]:
    place = read_place(url)
    assert isinstance(place, Place)
    with Stores(source_rules(url, ()), CsvLogin(), site.environ, LIMITS) as stores:
        return list_files(stores.get(place.root), place, most=most)


def names(site: BucketSite, url: str) -> list[str]:
    return sorted(file.address.removeprefix(f"{site.url}/") for file in listed(site, url))


def test_a_csv_is_read_whole_and_only_when_it_changed(site: BucketSite, tmp_path: Path) -> None:
    source = source_of(site.environ, tmp_path)
    large = BODY * 3000
    site.put("in/x.csv", large)
    body, etag = read(source, f"{site.url}/in/x.csv")
    assert body == large
    assert etag
    with source.open_csv(f"{site.url}/in/x.csv", etag=etag) as again:
        assert isinstance(again, NotModified)
    site.put("in/x.csv", BODY)
    assert read(source, f"{site.url}/in/x.csv", etag=etag)[0] == BODY


def test_the_companys_own_key_goes_before_that_of_the_environment(site: BucketSite, tmp_path: Path) -> None:
    site.put("x.csv", BODY)
    environ = {**site.environ, "MY_ID": "AKIAMINE", "MY_SECRET": "mine"}
    options = {"username_env": "MY_ID", "password_env": "MY_SECRET"}
    assert read(source_of(environ, tmp_path), f"{site.url}/x.csv", **options)[0] == BODY
    half = error_of(source_of(environ, tmp_path), f"{site.url}/x.csv", username_env="MY_ID")
    unset = error_of(source_of(site.environ, tmp_path), f"{site.url}/x.csv", **options)
    assert (half.reason, unset.reason) == ("credentials_missing", "credentials_missing")


def test_what_is_not_there_is_told(site: BucketSite, tmp_path: Path) -> None:
    source = source_of(site.environ, tmp_path)
    assert error_of(source, f"{site.url}/gone.csv").reason == "file_not_found"
    assert error_of(source, "s3://no-such-bucket/x.csv").reason == "file_not_found"
    with pytest.raises(SourceError) as caught:
        listed(site, "s3://no-such-bucket/in/")
    assert caught.value.reason == "file_not_found"


def test_a_server_that_is_not_there_is_tried_again(tmp_path: Path, site: BucketSite) -> None:
    gone = {**site.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    quick = FetchLimits(max_bytes=10, connect_seconds=1, read_seconds=1, total_seconds=1)
    source = CsvSource(gone, tmp_path / "spool", quick, attempts=1)
    error = error_of(source, f"{site.url}/x.csv")
    assert error.retryable
    assert "secret" not in str(error)


def test_a_folder_and_a_pattern_list_their_files(site: BucketSite) -> None:
    for key in (
        "top.csv",
        "in/",
        "in/b.csv",
        "in/a.csv",
        "in/_SUCCESS",
        "in/.x.csv",
        "in/c.csv.tmp",
        "in/2026-01/x1.csv",
    ):
        site.put(key, b"x")
    for key in ("in/2026-02/x2.csv", "in/2026-02/y.csv", "in/2025-01/x3.csv"):
        site.put(key, b"x")
    assert names(site, f"{site.url}/in/") == ["in/a.csv", "in/b.csv"]
    assert names(site, f"{site.url}/in/b*.csv") == ["in/b.csv"]
    assert names(site, f"{site.url}/in/2026-*/x*.csv") == ["in/2026-01/x1.csv", "in/2026-02/x2.csv"]
    assert names(site, f"{site.url}/*.csv") == ["top.csv"]
    assert names(site, site.url) == ["top.csv"]
    assert names(site, f"{site.url}/nothing/") == []


def test_a_listing_is_asked_for_anew_each_time(site: BucketSite) -> None:
    site.put("in/a.csv", b"x")
    (before,) = listed(site, f"{site.url}/in/")
    site.put("in/a.csv", b"longer")
    site.put("in/b.csv", b"x")
    after = {file.path: file for file in listed(site, f"{site.url}/in/")}
    assert sorted(after) == ["in/a.csv", "in/b.csv"]
    assert (before.size, after["in/a.csv"].size) == (1, 6)
    assert before.version != after["in/a.csv"].version


def test_too_many_names_are_refused(site: BucketSite) -> None:
    for number in range(6):
        site.put(f"in/{number}.csv", b"x")
    assert len(listed(site, f"{site.url}/in/", most=6)) == 6
    with pytest.raises(SourceError) as caught:
        listed(site, f"{site.url}/in/", most=5)
    assert (caught.value.reason, caught.value.retryable) == ("too_many_files", False)


class _Files:
    """What gcsfs and adlfs answer with, by their own names; at the edge, since neither has a server that runs here."""

    def __init__(self, infos: list[dict[str, Any]], body: bytes = b"", error: Exception | None = None) -> None:
        self.infos, self.body, self.error = infos, body, error

    async def _ls(self, path: str, detail: bool) -> list[dict[str, Any]]:
        if self.error is not None:
            raise self.error
        return self.infos

    async def _info(self, path: str) -> dict[str, Any]:
        if self.error is not None:
            raise self.error
        return self.infos[0]

    async def _cat_file(self, path: str, start: int, end: int) -> bytes:
        return self.body[start:end]


class _HttpError(Exception):
    def __init__(self, status_code: int) -> None:
        super().__init__("signature=s3cret")
        self.status_code = status_code


def store_of(scheme: Scheme, files: _Files) -> BucketStore:
    return BucketStore(StoreRoot(scheme, "bucket"), files)


def test_what_google_and_azure_say_of_a_file_is_understood() -> None:
    google = {
        "name": "bucket/in/a.csv",
        "size": 3,
        "type": "file",
        "generation": "17",
        "etag": "x",
        "updated": "2026-01-02T03:04:05.678Z",
    }
    azure = {"name": "bucket/in/a.csv", "size": 3, "type": "file", "etag": "0x8", "last_modified": None}
    folder = {"name": "bucket/in/more/", "size": None, "type": "directory"}
    with Deadline(30) as deadline:
        store = store_of(Scheme.GS, _Files([google, folder], b"abc"))
        file, below = store.entries("in", most=10, deadline=deadline)
        assert (file.name, file.version, file.size, below.name, below.is_folder) == ("a.csv", "17", 3, "more", True)
        assert file.modified_at is not None
        assert file.modified_at.year == 2026
        assert b"".join(store.pieces("in/a.csv", 3, deadline=deadline)) == b"abc"
        seen = store_of(Scheme.AZ, _Files([azure])).look("in/a.csv", deadline=deadline)
    assert (seen.version, seen.modified_at) == ("0x8", None)


@pytest.mark.parametrize(
    ("error", "reason", "retryable"),
    [
        (_HttpError(403), "permission_denied", False),
        (_HttpError(404), "file_not_found", False),
        (_HttpError(503), "fetch_failed", True),
        (PermissionError("no"), "permission_denied", False),
        (FileNotFoundError("no"), "file_not_found", False),
    ],
)
def test_errors_of_a_store_are_told_without_their_text(error: Exception, reason: str, retryable: bool) -> None:
    store = store_of(Scheme.GS, _Files([], error=error))
    with Deadline(30) as deadline, pytest.raises(SourceError) as caught:
        store.look("in/a.csv", deadline=deadline)
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)
    assert "s3cret" not in str(caught.value)
