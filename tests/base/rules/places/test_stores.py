"""Addresses of stores, and what a folder and a pattern name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.places.stores import (
    NoPlace,
    Place,
    Scheme,
    Span,
    StoreRoot,
    place_of,
    read_local_place,
    read_place,
    read_store_root,
    store_scheme,
)

BUCKET = StoreRoot(Scheme.S3, "exports")


def place(address: str) -> Place:
    found = read_place(address)
    assert isinstance(found, Place), found
    return found


@pytest.mark.parametrize(
    ("address", "root", "path", "span"),
    [
        ("s3://exports/x.csv", BUCKET, "x.csv", Span.FILE),
        ("S3://exports/in/", BUCKET, "in/", Span.FOLDER),
        ("s3://exports", BUCKET, "", Span.FOLDER),
        ("s3://exports/in/*.csv", BUCKET, "in/*.csv", Span.PATTERN),
        ("s3://exports/a%20b//c#d.csv", BUCKET, "a%20b//c#d.csv", Span.FILE),
        ("gs://b.example/x", StoreRoot(Scheme.GS, "b.example"), "x", Span.FILE),
        ("gcs://bucket/x", StoreRoot(Scheme.GS, "bucket"), "x", Span.FILE),
        ("abfs://container/x", StoreRoot(Scheme.AZ, "container"), "x", Span.FILE),
        ("sftp://Files.Example./in/x.csv", StoreRoot(Scheme.SFTP, "files.example", 22), "/in/x.csv", Span.FILE),
        ("sftp://files.example:2222", StoreRoot(Scheme.SFTP, "files.example", 2222), "/", Span.FOLDER),
        ("sftp://[::1]:2222/in/?.csv", StoreRoot(Scheme.SFTP, "::1", 2222), "/in/?.csv", Span.PATTERN),
    ],
)
def test_an_address_is_a_root_and_a_path(address: str, root: StoreRoot, path: str, span: Span) -> None:
    found = place(address)
    assert (found.root, found.path, found.span) == (root, path, span)
    assert place(found.address) == found


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("https://host/x", "no address of a store"),
        ("x.csv", "no address of a store"),
        ("s3:/x", "no address of a store"),
        ("s3://bucket/a\\b", "no address of a store"),
        ("s3://bucket/a\nb", "no address of a store"),
        ("sftp://me@host/x", "user name"),
        ("sftp://me:pw@host/x", "user name"),
        ("abfs://container@account.dfs.core.windows.net/x", "account"),
        ("s3:///x", "cannot exist"),
        ("s3://bu:cket/x", "cannot exist"),
        ("s3://x/y", "cannot exist"),
        ("sftp:///x", "cannot exist"),
        ("sftp://host:0/x", "cannot exist"),
        ("sftp://host:70000/x", "cannot exist"),
        ("sftp://ho st/x", "cannot exist"),
        ("sftp://host/in/../x.csv", "its path"),
        ("s3://bucket/./x.csv", "its path"),
        ("s3://bucket/**/x.csv", "**"),
        ("s3://bucket/in//", "//"),
        ("sftp://host/in//*.csv", "//"),
    ],
)
def test_what_is_no_place_says_why(address: str, problem: str) -> None:
    found = read_place(address)
    assert isinstance(found, NoPlace)
    assert problem in found.problem


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/data/acme/", Place(None, "/data/acme/")),
        ("/data/*/x.csv", Place(None, "/data/*/x.csv")),
        ("file:///data/two%20words/*.csv", Place(None, "/data/two words/*.csv")),
        ("s3://exports/in/", Place(BUCKET, "in/")),
        ("https://host/*.csv", None),
        ("s3://e", None),
        ("file://[", None),
        ("/data/../x/", None),
    ],
)
def test_a_csv_lies_in_a_place_unless_it_comes_over_http(address: str, expected: Place | None) -> None:
    assert place_of(address) == expected


def test_a_local_place_says_what_is_wrong_with_it() -> None:
    assert isinstance(read_local_place("/a/**/x"), NoPlace)
    assert read_local_place("/x.csv") == Place(None, "/x.csv")


@pytest.mark.parametrize(
    ("address", "base", "patterns"),
    [
        ("s3://exports/in/", "in", ("*",)),
        ("s3://exports", "", ("*",)),
        ("s3://exports/*.csv", "", ("*.csv",)),
        ("s3://exports/a/b-*/c/x?.csv", "a", ("b-*", "c", "x?.csv")),
        ("sftp://host/in/2026-*/x*.csv", "/in", ("2026-*", "x*.csv")),
        ("sftp://host/", "", ("*",)),
    ],
)
def test_a_place_is_a_base_and_patterns(address: str, base: str, patterns: tuple[str, ...]) -> None:
    assert (place(address).base, place(address).patterns) == (base, patterns)


def test_a_place_holds_what_it_would_list() -> None:
    pattern = place("s3://exports/in/2026-*/x*.csv")
    assert pattern.holds("s3://exports/in/2026-01/x1.csv")
    assert not pattern.holds("s3://exports/in/2026-01/y.csv")
    assert not pattern.holds("s3://exports/in/2026-01/more/x1.csv")
    assert not pattern.holds("s3://other/in/2026-01/x1.csv")
    assert place("s3://exports").holds("s3://exports/x.csv")
    assert place("sftp://host/").holds("sftp://host/x.csv")
    assert Place(None, "/x/").holds("/x/a.csv")
    assert Place(None, "/*.csv").holds("/a.csv")
    assert pattern.below("in/a.csv") == place("s3://exports/in/a.csv")


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("s3://exports", BUCKET),
        ("s3://exports/", BUCKET),
        ("sftp://host:2222", StoreRoot(Scheme.SFTP, "host", 2222)),
        ("s3://exports/in/", None),
        ("sftp://host/in", None),
        ("host:443", None),
    ],
)
def test_a_store_is_allowed_by_its_root(text: str, root: StoreRoot | None) -> None:
    assert read_store_root(text) == root


def test_schemes() -> None:
    assert [store_scheme(text) for text in ("s3://x", "ABFSS://x", "http://x", "/s3", "")] == [
        Scheme.S3,
        Scheme.AZ,
        None,
        None,
        None,
    ]
    assert StoreRoot(Scheme.SFTP, "::1", 2222).address == "sftp://[::1]:2222"
    assert StoreRoot(Scheme.SFTP, "host", 22).address == "sftp://host"


@given(st.text())
def test_no_address_breaks_the_reader(text: str) -> None:
    for address in (text, f"s3://{text}", f"sftp://{text}", f"file://{text}"):
        found = read_place(address)
        place_of(address)
        if isinstance(found, Place):
            assert read_place(found.address) == found
            assert found.patterns
