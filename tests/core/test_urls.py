"""Which addresses a company's CSV permits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.core.urls import (
    FilePlace,
    HttpPlace,
    Origin,
    RefusedPlace,
    address_problem,
    locate,
    origin_of,
    source_rules,
)

RULES = source_rules("https://chats.example:8443/acme/chats.csv", ["cdn.example", "files.example:8080", "10.1.2.3"])
FILES = source_rules("/data/acme/chats.csv", ["cdn.example"])


@pytest.mark.parametrize(
    "url",
    [
        "https://chats.example:8443/a.txt",
        "http://chats.example:8443/a.txt",
        "HTTPS://CHATS.example.:8443/a.txt#part",
        "https://cdn.example/a.txt",
        "http://cdn.example:81/a.txt",
        "http://files.example:8080/a b.txt?x=1",
        "http://10.1.2.3/a.txt",
        "  https://cdn.example/a.txt  ",
    ],
)
def test_own_and_allowed_hosts_are_followed(url: str) -> None:
    place = locate(url, RULES)
    assert isinstance(place, HttpPlace)
    assert "#" not in place.url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://chats.example/a.txt", "host_not_allowed"),
        ("https://other.example/a.txt", "host_not_allowed"),
        ("http://files.example/a.txt", "host_not_allowed"),
        ("https://chats.example.evil.example:8443/a.txt", "host_not_allowed"),
        ("http://127.0.0.1/", "host_not_allowed"),
        ("http://169.254.169.254/latest", "host_not_allowed"),
        ("http://[::1]:8443/", "host_not_allowed"),
        ("http://2130706433/", "host_not_allowed"),
        ("https://user:secret@cdn.example/a.txt", "credentials_in_url"),
        ("https://cdn.example\\@evil.example/a.txt", "bad_url"),
        ("https://cdn.example\t/a.txt", "bad_url"),
        ("https://cdn.example:port/a.txt", "bad_url"),
        ("https://cdn.example:0/a.txt", "bad_url"),
        ("https://[::1/a.txt", "bad_url"),
        ("https:///a.txt", "bad_url"),
        ("ftp://cdn.example/a.txt", "bad_url"),
        ("javascript:alert(1)", "bad_url"),
        ("file:///etc/passwd", "file_not_allowed"),
        ("chats/a.txt", "bad_url"),
        ("", "bad_url"),
    ],
)
def test_everything_else_is_refused_with_a_reason(url: str, reason: str) -> None:
    assert locate(url, RULES) == RefusedPlace(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "path"),
    [("a.txt", "a.txt"), ("chats/a.txt", "chats/a.txt"), ("file:///data/acme/a%20b.txt", "/data/acme/a b.txt")],
)
def test_csv_in_a_file_may_name_files(url: str, path: str) -> None:
    assert locate(url, FILES) == FilePlace(path)


def test_csv_in_a_file_has_no_host_of_its_own() -> None:
    assert FILES.csv_origin is None
    assert locate("http://localhost/a.txt", FILES) == RefusedPlace("host_not_allowed")
    assert isinstance(locate("https://cdn.example/a.txt", FILES), HttpPlace)


def test_origin_fills_in_the_default_port() -> None:
    assert origin_of("http://A.example/x") == Origin("http", "a.example", 80)
    assert origin_of("https://bücher.example") == Origin("https", "xn--bcher-kva.example", 443)
    assert origin_of("mailto:x@a.example") is None


@pytest.mark.parametrize(
    ("address", "host", "allowed"),
    [
        ("93.184.216.34", "chats.example", True),
        ("10.0.0.7", "chats.example", True),
        ("127.0.0.1", "cdn.example", True),
        ("169.254.169.254", "chats.example", False),
        ("fe80::1%eth0", "cdn.example", False),
        ("0.0.0.0", "cdn.example", False),
        ("224.0.0.1", "cdn.example", False),
        ("::ffff:169.254.169.254", "cdn.example", False),
        ("93.184.216.34", "other.example", True),
        ("10.0.0.7", "other.example", False),
        ("127.0.0.1", "other.example", False),
        ("::1", "other.example", False),
        ("::ffff:10.0.0.7", "other.example", False),
        ("2002:0a00:0007::1", "other.example", False),
        ("64:ff9b::a00:7", "other.example", False),
        ("100.64.0.1", "other.example", False),
        ("2606:4700::1111", "other.example", True),
        ("nonsense", "cdn.example", False),
    ],
)
def test_addresses_behind_names(address: str, host: str, allowed: bool) -> None:
    assert (address_problem(address, host, 8443, RULES) is None) is allowed


def test_link_local_address_is_reached_only_where_it_is_written_out() -> None:
    rules = source_rules("http://169.254.7.7/chats.csv", [])
    assert address_problem("169.254.7.7", "169.254.7.7", 80, rules) is None
    assert address_problem("169.254.7.7", "169.254.7.7", 81, rules) == "private_address"


@given(st.text(st.characters(codec=None), max_size=60), st.booleans())
def test_no_address_makes_the_rules_raise(text: str, is_http: bool) -> None:
    url = f"http://{text}" if is_http else text
    origin_of(url)
    place = locate(url, source_rules(url, [text]))
    assert isinstance(place, HttpPlace | FilePlace | RefusedPlace)
