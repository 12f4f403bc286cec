"""Which stores the rules of a company open, on whose word."""

from __future__ import annotations

import pytest

from livedash_pipeline.base.rules.places.hosts import plain_host
from livedash_pipeline.base.rules.places.stores import Scheme, StoreRoot
from livedash_pipeline.base.rules.urls import (
    FilePlace,
    HttpPlace,
    Origin,
    RefusedPlace,
    StorePlace,
    address_problem,
    locate,
    redirected,
    source_rules,
)

WEB = source_rules("https://chats.example/chats.csv", ["s3://allowed", "sftp://files.example:2222", "cdn.example"])
BUCKET = source_rules("s3://exports/in/*.csv", [])
SERVER = source_rules("sftp://10.0.0.7/in/", [])


def reason(found: object) -> str:
    assert isinstance(found, RefusedPlace), found
    return found.reason


@pytest.mark.parametrize(
    ("url", "rules"),
    [
        ("s3://exports/chats/a.txt", BUCKET),
        ("s3://exports/chats/what?.txt", BUCKET),
        ("sftp://10.0.0.7:22/elsewhere/a.txt", SERVER),
        ("s3://allowed/a.txt", WEB),
        ("sftp://FILES.example:2222/a.txt", WEB),
    ],
)
def test_the_csvs_own_store_and_allowed_ones_are_opened(url: str, rules: object) -> None:
    found = locate(url, rules)  # type: ignore[arg-type]
    assert isinstance(found, StorePlace)
    assert found.place.root == found.root


@pytest.mark.parametrize(
    ("url", "rules", "expected"),
    [
        ("s3://exports/a.txt", WEB, "host_not_allowed"),
        ("gs://allowed/a.txt", WEB, "host_not_allowed"),
        ("sftp://files.example/a.txt", WEB, "host_not_allowed"),
        ("sftp://chats.example/a.txt", WEB, "host_not_allowed"),
        ("file:///etc/passwd", WEB, "file_not_allowed"),
        ("s3://other/a.txt", BUCKET, "host_not_allowed"),
        ("file:///etc/passwd", BUCKET, "file_not_allowed"),
        ("chats/a.txt", BUCKET, "bad_url"),
        ("https://exports/a.txt", BUCKET, "host_not_allowed"),
        ("sftp://me:pw@10.0.0.7/a.txt", SERVER, "credentials_in_url"),
        ("sftp://10.0.0.7/in/", SERVER, "bad_url"),
        ("s3://exports", BUCKET, "bad_url"),
        ("s3://exports/../a.txt", BUCKET, "bad_url"),
    ],
)
def test_a_csv_opens_no_other_store_on_its_word(url: str, rules: object, expected: str) -> None:
    assert reason(locate(url, rules)) == expected  # type: ignore[arg-type]


def test_no_redirect_leads_into_a_store() -> None:
    start = locate("https://chats.example/a.txt", WEB)
    assert isinstance(start, HttpPlace)
    assert reason(redirected(start, "s3://allowed/a.txt", WEB)) == "bad_url"


def test_an_allowed_store_allows_no_host() -> None:
    assert not WEB.trusts(Origin("https", "allowed", 443))
    assert not WEB.trusts(Origin("https", "s3", 80))
    assert WEB.trusts(Origin("https", "cdn.example", 443))


def test_private_addresses_of_an_sftp_server_are_judged_as_those_of_a_web_server() -> None:
    assert address_problem("10.0.0.7", Origin("sftp", "10.0.0.7", 22), SERVER) is None
    assert address_problem("10.0.0.8", Origin("sftp", "10.0.0.7", 22), SERVER) == "a private address"
    named = source_rules("sftp://files.example/in/", [])
    assert address_problem("10.0.0.7", Origin("sftp", "files.example", 22), named) == "a private address"
    allowed = source_rules("sftp://files.example/in/", [], ["10.0.0.0/8"])
    assert address_problem("10.0.0.7", Origin("sftp", "files.example", 22), allowed) is None
    assert address_problem("192.0.3.1", Origin("sftp", "files.example", 22), named) is None


@pytest.mark.parametrize(
    ("csv_url", "path"),
    [
        ("/data/acme/", "/data/acme/*"),
        ("file:///data/acme/", "/data/acme/*"),
        ("/data/2026-*/x*.csv", "/data/x*.csv"),
        ("/data/acme/x.csv", "/data/acme/x.csv"),
        ("/data/../acme/x.csv", "/data/../acme/x.csv"),
        ("https://chats.example/x.csv", None),
        ("s3://exports/in/", None),
        ("", None),
    ],
)
def test_transcripts_beside_a_folder_of_csvs_lie_within_it(csv_url: str, path: str | None) -> None:
    rules = source_rules(csv_url, [])
    assert rules.csv_path == path
    assert isinstance(locate("chats/a.txt", rules), FilePlace if path else RefusedPlace)


def test_a_store_is_the_csvs_own_by_its_root_alone() -> None:
    assert BUCKET.csv_store == StoreRoot(Scheme.S3, "exports")
    assert (WEB.csv_store, source_rules("/data/", []).csv_store) == (None, None)


@pytest.mark.parametrize(
    ("host", "plain"),
    [("Files.Example.", "files.example"), ("bücher.example", "xn--bcher-kva.example"), ("a b", None), ("ü" * 64, None)],
)
def test_hosts_have_one_spelling(host: str, plain: str | None) -> None:
    assert plain_host(host) == plain
