"""Where a company's CSV may lead the importer: every hop is judged before anything is sent to it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from livedash_pipeline.base.rules.urls import source_rules
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.addresses import Resolver, resolve
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource
from livedash_pipeline.sources.http import FetchLimits
from tests.sources.csv_site import Site, plain, running_site

BODY = b"a,b\n" * 1000
LIMITS = FetchLimits(max_bytes=100_000, connect_seconds=10, read_seconds=10, total_seconds=30)
# Dagster's webserver runs mutations that come by GET.
MUTATION = "/graphql?query=mutation%7BlaunchRun%7D"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture
def local() -> Iterator[Site]:
    """Another server of this machine, on which a GET changes something."""
    with running_site() as running:
        for path in ("/graphql", "/"):
            running.answers[path] = plain(BODY)
        yield running


def _source(folder: Path, resolver: Resolver = resolve) -> CsvSource:
    environ = {"CSV_USER": "acme", "CSV_PASSWORD": "s3cret"}
    return CsvSource(environ, folder / "spool", LIMITS, lambda _: None, resolver=resolver)


def _fetch(source: CsvSource, url: str, *hosts: str, addresses: tuple[str, ...] = ()) -> bytes:
    rules = source_rules(url, hosts, addresses, company="acme")
    with source.open_csv(url, username_env="CSV_USER", password_env="CSV_PASSWORD", rules=rules) as answer:
        assert isinstance(answer, CsvDownload)
        return b"".join(answer.pieces())


def _error(source: CsvSource, url: str, *hosts: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        _fetch(source, url, *hosts)
    assert not caught.value.retryable
    assert "s3cret" not in str(caught.value) and "launchRun" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_port_of_this_machine_is_never_asked_for(
    site: Site, local: Site, tmp_path: Path, status: int
) -> None:
    site.answers["/x.csv"] = plain(b"", status, Location=f"{local.url}{MUTATION}")
    error = _error(_source(tmp_path), f"{site.url}/x.csv")
    assert local.asked == []
    assert error.reason == "host_not_allowed"
    assert f"redirects to {local.url}/graphql (hop 1)" in error.message
    assert f"livedash company set acme --transcript-host {local.url.removeprefix('http://')}" in error.remedy


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("//127.0.0.1:{port}/", "host_not_allowed"),
        ("http://localhost:{port}/", "host_not_allowed"),
        ("http://localhost.:{port}/", "host_not_allowed"),
        ("http://127.1:{port}/", "host_not_allowed"),
        ("http://2130706433:{port}/", "host_not_allowed"),
        ("http://0x7f000001:{port}/", "host_not_allowed"),
        ("http://0177.0.0.1:{port}/", "host_not_allowed"),
        ("http://0.0.0.0:{port}/", "host_not_allowed"),
        ("http://[::1]:{port}/", "host_not_allowed"),
        ("http://[::1%25lo]:{port}/", "bad_url"),
        ("http://[::ffff:127.0.0.1]:{port}/", "host_not_allowed"),
        ("http://[::127.0.0.1]:{port}/", "host_not_allowed"),
        ("http://[64:ff9b::7f00:1]:{port}/", "host_not_allowed"),
        ("http://127.0.0.1:{port}@evil.example/", "credentials_in_url"),
        ("http://user:pass@127.0.0.1:{port}/", "credentials_in_url"),
        ("http://127.0.0.1:{own}@127.0.0.1:{port}/", "credentials_in_url"),
        ("http://127.0.0.1:{own}\\@127.0.0.1:{port}/", "bad_url"),
        ("http://127.0.0.1:{own}#@127.0.0.1:{port}/", "http_404"),
        ("http://\u2460\u2461\u2466.0.0.1:{port}/", "bad_url"),
        ("http://" + "a" * 70 + ".example:{port}/", "bad_url"),
        ("http://127.0.0.1;reboot:{port}/", "bad_url"),
        ("http://xn--bcher-kva.example:{port}/", "host_not_allowed"),
        ("https://127.0.0.1:{port}/", "host_not_allowed"),
        ("file:///etc/passwd", "file_not_allowed"),
        ("ftp://127.0.0.1:{port}/", "bad_url"),
        ("javascript:fetch('http://127.0.0.1:{port}/')", "bad_url"),
        ("", "bad_url"),
    ],
)
def test_no_spelling_of_a_redirect_reaches_another_server(
    site: Site, local: Site, tmp_path: Path, location: str, reason: str
) -> None:
    own, port = (each.url.rpartition(":")[2] for each in (site, local))
    spelled = location.format(own=own, port=port).encode("utf-8").decode("latin-1")
    site.answers |= {"/x.csv": plain(b"", 302, Location=spelled), "/": plain(b"", 404)}
    assert _error(_source(tmp_path), f"{site.url}/x.csv").reason == reason
    assert local.asked == []


def test_a_redirect_of_the_csv_to_https_of_its_host_says_how_to_give_that_address(
    site: Site, local: Site, tmp_path: Path
) -> None:
    target = f"https://127.0.0.1:{local.url.rpartition(':')[2]}"
    site.answers["/x.csv"] = plain(b"", 301, Location=f"{target}/x';reboot.csv?key=s3cret")
    error = _error(_source(tmp_path), f"{site.url}/x.csv")
    assert (error.reason, local.asked) == ("host_not_allowed", [])
    command = error.remedy.split("`")[1]
    assert shlex.split(command) == ["livedash", "company", "set", "acme", "--csv-url", f"{target}/x';reboot.csv"]
    # The same from elsewhere, or to elsewhere, is no move of the CSV.
    for location in (target.replace("127.0.0.1", "chats.invalid"), local.url):
        site.answers["/x.csv"] = plain(b"", 301, Location=location)
        assert "--transcript-host" in _error(_source(tmp_path), f"{site.url}/x.csv").remedy


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_says_that_credentials_were_withheld(site: Site, local: Site, tmp_path: Path, status: int) -> None:
    site.answers["/x.csv"] = plain(b"", 302, Location=f"{local.url}/?key=s3cret")
    local.answers["/"] = plain(b"", status)
    error = _error(_source(tmp_path), f"{site.url}/x.csv", local.url.removeprefix("http://"))
    assert (
        f"(hop 1 of the redirects from {site.url}/x.csv); the company's credentials were not sent there"
        in error.message
    )
    assert f"livedash company set acme --csv-url {local.url}/`" in error.remedy
    site.answers["/x.csv"] = plain(b"", status)
    own = _error(_source(tmp_path), f"{site.url}/x.csv")
    assert "not sent" not in own.message and "Check the credentials" in own.remedy


def test_a_redirect_without_a_target_says_so(site: Site, tmp_path: Path) -> None:
    for answer in (plain(b"", 302), plain(b"", 302, Location="  ")):
        site.answers["/x.csv"] = answer
        error = _error(_source(tmp_path), f"{site.url}/x.csv")
        assert error.message == f"{site.url}/x.csv redirects without saying where (hop 1)."


def test_a_target_is_shown_short_and_printable(site: Site, tmp_path: Path) -> None:
    for path in ("a" * 5000, "\x1b[2J" * 100, "\x1b]0;x\x07", "\u202etxt.csv".encode().decode("latin-1")):
        site.answers["/x.csv"] = plain(b"", 302, Location=f"http://other.example/{path}")
        error = _error(_source(tmp_path), f"{site.url}/x.csv")
        assert str(error).isprintable() and len(str(error)) < 600
        assert "redirects to http://other.example/" in error.message


@pytest.mark.parametrize(
    ("host", "answer", "reason", "says"),
    [
        ("a" * 70 + ".example", None, "bad_url", "of a host that can exist"),
        ("a..example", None, "bad_url", "has a host name that cannot exist"),
        ("\u2603.example", None, "bad_url", "of a host that can exist"),
        ("empty.example", [], "domain_not_found", "has a host name that cannot be resolved"),
    ],
)
def test_a_host_that_is_none_is_called_so(
    tmp_path: Path, host: str, answer: list[str] | None, reason: str, says: str
) -> None:
    source = _source(tmp_path, resolve if answer is None else lambda _host, _port: answer)
    with pytest.raises(SourceError, match=says) as caught:
        _fetch(source, f"http://{host}/x.csv")
    # Only what a name server says can change.
    assert (caught.value.reason, caught.value.retryable) == (reason, reason == "domain_not_found")


def test_what_is_no_redirect_is_not_followed(site: Site, local: Site, tmp_path: Path) -> None:
    site.answers["/x.csv"] = plain(BODY, Refresh=f"0; url={local.url}/", Location=f"{local.url}/")
    assert _fetch(_source(tmp_path), f"{site.url}/x.csv") == BODY
    for status in (300, 305):
        site.answers["/x.csv"] = plain(b"", status, Location=f"{local.url}/")
        assert _error(_source(tmp_path), f"{site.url}/x.csv").reason == f"http_{status}"
    assert local.asked == []


def test_a_redirect_to_an_allowed_host_gets_no_credentials_and_only_a_get(
    site: Site, local: Site, tmp_path: Path
) -> None:
    site.answers["/x.csv"] = plain(b"", 307, Location="/y.csv")
    site.answers["/y.csv"] = plain(b"", 307, Location=f"{local.url}/")
    host = local.url.removeprefix("http://")
    assert _fetch(_source(tmp_path), f"{site.url}/x.csv", host) == BODY
    # The handler knows no other method than GET.
    assert ["Authorization" in headers for _, headers in site.asked + local.asked] == [True, True, False]


def test_a_later_hop_that_fails_is_named_with_where_it_began(site: Site, local: Site, tmp_path: Path) -> None:
    site.answers["/x.csv"] = plain(b"", 302, Location="/y.csv?token=s3cret")
    site.answers["/y.csv"] = plain(b"", 302, Location=f"{local.url}/")
    refused = _error(_source(tmp_path), f"{site.url}/x.csv")
    assert f"{site.url}/y.csv redirects to {local.url}/ (hop 2)" in refused.message
    site.answers["/y.csv"] = plain(b"", 403)
    failed = _error(_source(tmp_path), f"{site.url}/x.csv")
    assert failed.message == f"{site.url}/y.csv answered 403 Forbidden (hop 1 of the redirects from {site.url}/x.csv)."


def test_a_csv_follows_five_redirects_and_not_six(site: Site, tmp_path: Path) -> None:
    for hop in range(6):
        site.answers[f"/{hop}"] = plain(b"", 302, Location=f"/{hop + 1}")
    site.answers["/6"] = plain(BODY)
    assert _fetch(_source(tmp_path), f"{site.url}/1") == BODY
    assert _error(_source(tmp_path), f"{site.url}/0").reason == "too_many_redirects"
    assert site.times_asked("/6") == 1


def test_a_name_that_leads_to_this_machine_needs_the_address_allowed(site: Site, tmp_path: Path) -> None:
    site.answers["/x.csv"] = plain(BODY)
    url = site.url.replace("127.0.0.1", "chats.invalid") + "/x.csv"
    lookups: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) % 2 else ["169.254.169.254"]

    error = _error(_source(tmp_path, rebinding), url)
    assert (error.reason, site.asked) == ("private_address", [])
    assert "leads to 127.0.0.1, a loopback address" in error.message
    assert "livedash company set acme --allow-address 127.0.0.1" in error.remedy
    lookups.clear()
    assert _fetch(_source(tmp_path, rebinding), url, addresses=("127.0.0.0/8",)) == BODY
    assert lookups == ["chats.invalid"], "the address that was checked is the one connected to"
    assert site.asked[0][1]["Host"] == url.split("/")[2]


def test_an_allowed_host_may_not_lead_to_this_machine_by_name(site: Site, local: Site, tmp_path: Path) -> None:
    port = local.url.rpartition(":")[2]
    site.answers["/x.csv"] = plain(b"", 302, Location=f"http://files.invalid:{port}/")

    def resolver(host: str, _port: int) -> list[str]:
        return [host] if host == "127.0.0.1" else ["::ffff:127.0.0.1"]

    error = _error(_source(tmp_path, resolver), f"{site.url}/x.csv", f"files.invalid:{port}")
    assert (error.reason, local.asked) == ("private_address", [])
    assert "hop 1" in error.message


def test_a_csv_is_fetched_past_a_proxy_of_the_environment(
    site: Site, local: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, local.url)
    monkeypatch.setenv("NO_PROXY", "")
    site.answers["/x.csv"] = plain(BODY)
    assert _fetch(_source(tmp_path), f"{site.url}/x.csv") == BODY
    assert local.asked == []
