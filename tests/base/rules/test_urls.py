"""Which addresses a company's CSV permits."""

from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.base.rules.urls import (
    FilePlace,
    HttpPlace,
    Origin,
    RefusedPlace,
    address_problem,
    locate,
    origin_of,
    redirected,
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
        "http://cdn.example/a.txt",
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
        ("http://cdn.example:81/a.txt", "host_not_allowed"),
        ("http://cdn.example:443/a.txt", "host_not_allowed"),
        ("http://0x7f.1/", "host_not_allowed"),
        ("http://0177.0.0.1/", "host_not_allowed"),
        ("http://[::ffff:127.0.0.1]/", "host_not_allowed"),
        ("http://[fe80::1%25eth0]/", "bad_url"),
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
    ("host", "read"),
    [
        ("straße.de", "xn--strae-oqa.de"),
        ("FAß.example", "xn--fa-hia.example"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("\u2603.net", None),
        ("\u2460\u2461\u2466.0.0.1", None),
        ("xn--strae-oqa.de", "xn--strae-oqa.de"),
        ("snake_case.example", "snake_case.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        ("a" * 64 + ".example", None),
        ("a." * 127 + "b", None),
        ("$(reboot).example", None),
        ("a`b.example", None),
        ("a;b.example", None),
    ],
)
def test_a_host_is_read_as_the_client_reads_it_or_not_at_all(host: str, read: str | None) -> None:
    origin = origin_of(f"https://{host}/x.csv")
    assert (origin.host if origin else None) == read
    if origin:
        assert httpx2.URL(f"https://{host}/x.csv").raw_host.decode() == read
        assert isinstance(locate(f"https://{host}/x.csv", source_rules(f"https://{host}/y.csv", [])), HttpPlace)


@pytest.mark.parametrize(
    ("address", "host", "problem"),
    [
        ("93.184.216.34", "cdn.example", None),
        ("2606:4700::1111", "cdn.example", None),
        ("10.1.2.3", "10.1.2.3", None),
        ("10.1.2.4", "10.1.2.3", "a private address"),
        ("10.0.0.7", "chats.example", "a private address"),
        ("10.9.0.7", "chats.example", None),
        ("::ffff:10.9.0.7", "cdn.example", None),
        ("127.0.0.1", "cdn.example", "a loopback address"),
        ("127.0.0.1", "localhost", "a loopback address"),
        ("127.0.0.1", "2130706433", "a loopback address"),
        ("127.0.0.1", "127.1", "a loopback address"),
        ("::ffff:127.0.0.1", "cdn.example", "a loopback address"),
        ("64:ff9b::a00:7", "cdn.example", "a private address"),
        ("100.64.0.1", "cdn.example", "a shared address"),
        ("fe80::1%eth0", "cdn.example", "a link-local address"),
        ("fd00:ec2::254", "cdn.example", "a cloud's metadata address"),
        ("nonsense", "cdn.example", "no IP address"),
    ],
)
def test_a_name_reaches_what_is_not_public_only_where_that_is_allowed(
    address: str, host: str, problem: str | None
) -> None:
    hosts = ["cdn.example", "10.1.2.3", "localhost", "2130706433", "127.1"]
    rules = source_rules("http://chats.example/chats.csv", hosts, ["10.9.0.0/16"])
    assert address_problem(address, Origin("http", host, 80), rules) == problem


def test_an_address_that_is_written_out_counts_as_allowed_for_itself() -> None:
    rules = source_rules("http://169.254.7.7/chats.csv", [])
    assert address_problem("169.254.7.7", Origin("http", "169.254.7.7", 80), rules) is None
    assert address_problem("169.254.7.7", Origin("http", "169.254.7.7", 81), rules) == "a link-local address"
    assert address_problem("::ffff:169.254.7.7", Origin("http", "169.254.7.7", 80), rules) == "a link-local address"


START = HttpPlace("https://chats.example:8443/acme/chats.csv", Origin("https", "chats.example", 8443))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("new.csv?key=1#top", "https://chats.example:8443/acme/new.csv?key=1"),
        ("/new.csv", "https://chats.example:8443/new.csv"),
        ("//cdn.example/new.csv", "https://cdn.example/new.csv"),
        ("https://CDN.example./new.csv", "https://CDN.example./new.csv"),
        ("?page=2", "https://chats.example:8443/acme/chats.csv?page=2"),
    ],
)
def test_a_redirect_is_followed_to_hosts_that_are_allowed(location: str, url: str) -> None:
    place = redirected(START, location, RULES)
    assert isinstance(place, HttpPlace)
    assert place.url == url


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("", "bad_url"),
        ("https://chats.example:8444/a.csv", "host_not_allowed"),
        ("https://chats.example/a.csv", "host_not_allowed"),
        ("//127.0.0.1/a.csv", "host_not_allowed"),
        ("//localhost:3000/graphql", "host_not_allowed"),
        ("http://chats.example:8443/a.csv", "insecure_redirect"),
        ("http://cdn.example/a.csv", "insecure_redirect"),
        ("//user:pass@cdn.example/a.csv", "credentials_in_url"),
        ("file:///etc/passwd", "file_not_allowed"),
        ("ftp://cdn.example/a.csv", "bad_url"),
        ("javascript:alert(1)", "bad_url"),
        ("data:text/csv,a", "bad_url"),
        ("gopher://cdn.example/", "bad_url"),
        ("//cdn.example\\@127.0.0.1/", "bad_url"),
        ("https://cdn.example\r\nHost: x/", "bad_url"),
        ("http://[::1/x", "bad_url"),
        ("//[fe80::1%25eth0]/", "bad_url"),
        ("//2130706433/", "host_not_allowed"),
        ("//xn--bcher-kva.example/", "host_not_allowed"),
    ],
)
def test_a_redirect_elsewhere_is_refused_with_a_reason(location: str, reason: str) -> None:
    assert redirected(START, location, RULES) == RefusedPlace(reason)  # type: ignore[arg-type]


def test_a_redirect_may_not_lead_to_a_file_even_for_a_csv_that_is_one() -> None:
    place = HttpPlace("https://cdn.example/a", Origin("https", "cdn.example", 443))
    assert redirected(place, "file:///data/acme/a.txt", FILES) == RefusedPlace("file_not_allowed")


@given(st.text(st.characters(codec=None), max_size=60), st.booleans())
def test_no_address_makes_the_rules_raise(text: str, is_http: bool) -> None:
    url = f"http://{text}" if is_http else text
    origin_of(url)
    rules = source_rules(url, [text], [text])
    assert isinstance(locate(url, rules), HttpPlace | FilePlace | RefusedPlace)
    assert isinstance(redirected(START, url, rules), HttpPlace | RefusedPlace)


def test_an_allowed_host_that_cannot_be_read_allows_nothing() -> None:
    rules = source_rules("", ["cdn.example:port", "cdn.example:0", "", " other.example:81 "])
    assert rules.allowed == {("other.example", 81)}
