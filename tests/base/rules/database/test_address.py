"""What an address may say: several hosts, a schema, and what other programs write into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.database.address import (
    Parameters,
    ignored_words,
    read_parameters,
    with_hosts_apart,
)


@pytest.mark.parametrize(
    ("url", "apart"),
    [
        ("postgresql://u:p%40x@a:5433,b/db?sslmode=require", "postgresql://u:p%40x@/db?host=a,b&port=5433,5432&sslmode=require"),
        ("postgres://a,b", "postgres:///?host=a,b&port=5432,5432"),
        ("postgresql+psycopg2://u@[::1]:6000,c/db?", "postgresql+psycopg2://u@/db?host=::1,c&port=6000,5432"),
        ("postgresql://u,v@a/db", "postgresql://u,v@a/db"),
        ("postgresql://a/db?host=b,c", "postgresql://a/db?host=b,c"),
        ("postgresql://a,/db", "postgresql://a,/db"),
        ("postgresql://a:x,b/db", "postgresql://a:x,b/db"),
        ("host=a,b", "host=a,b"),
    ],
)  # fmt: skip
def test_several_hosts_are_moved_to_where_the_driver_looks(url: str, apart: str) -> None:
    assert with_hosts_apart(url) == apart


@given(st.text())
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert with_hosts_apart(text) == text or "," in text


def test_parameters_are_sorted_by_who_understands_them() -> None:
    query = {
        "schema": "live", "pgbouncer": "true", "connection_limit": "5", "sslmode": "require", "foo": "1",
        "sslaccept": "strict",
    }  # fmt: skip
    assert read_parameters(query) == Parameters(
        {"sslmode": "require", "foo": "1"}, "live", ("connection_limit", "pgbouncer"), ("sslaccept",)
    )
    assert read_parameters(query).others == ("schema", "connection_limit", "pgbouncer", "sslaccept")
    assert read_parameters({}).others == ()
    assert read_parameters({"schema": ("a", "b")}).schema == "b"
    assert read_parameters({"schema": ""}) == read_parameters({}) == Parameters({})
    assert ignored_words(["a", "b"]) == "DATABASE_URL has a, b, which other programs read and livedash does not."
