"""CSVs on an SFTP server: who is let in, which server is believed, and what is read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from livedash_pipeline.base.rules.urls import source_rules
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource
from livedash_pipeline.sources.http import FetchLimits
from tests.sources.places.sftp_site import SftpSite, running_sftp

LIMITS = FetchLimits(max_bytes=50_000_000, connect_seconds=10, read_seconds=10, total_seconds=30)
BODY = b"a,b,c\n" * 1000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SftpSite]:
    (tmp_path / "served").mkdir()
    with running_sftp(tmp_path / "served", tmp_path / "known_hosts") as site:
        (site.folder / "x.csv").write_bytes(BODY)
        yield site


def source_of(site: SftpSite, tmp_path: Path, **environ: str) -> CsvSource:
    return CsvSource(site.environ | environ, tmp_path / "spool", LIMITS, sleep=lambda _: None)


LOGIN: dict[str, Any] = {"username_env": "SFTP_USER", "password_env": "SFTP_PASSWORD"}


def body_of(source: CsvSource, url: str, **options: Any) -> bytes:
    with source.open_csv(url, **(LOGIN | options)) as answer:
        assert isinstance(answer, CsvDownload)
        return b"".join(answer.pieces())


def error_of(source: CsvSource, url: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught, source.open_csv(url, **(LOGIN | options)):
        pass
    return caught.value


def test_a_csv_is_read_whole(site: SftpSite, tmp_path: Path) -> None:
    large = BODY * 1000
    (site.folder / "large.csv").write_bytes(large)
    assert body_of(source_of(site, tmp_path), f"{site.url}/x.csv") == BODY
    assert body_of(source_of(site, tmp_path), f"{site.url}/large.csv") == large
    assert set(site.logins) == {"acme"}


def test_a_private_key_in_the_variable_logs_in(site: SftpSite, tmp_path: Path) -> None:
    source = source_of(site, tmp_path, SFTP_PASSWORD=site.user_key)
    assert body_of(source, f"{site.url}/x.csv") == BODY


@pytest.mark.parametrize(
    ("secret", "reason"), [("wrong", "permission_denied"), ("-----BEGIN NOTHING-----", "credentials_missing")]
)
def test_a_wrong_password_and_a_broken_key_are_told_without_their_text(
    site: SftpSite, tmp_path: Path, secret: str, reason: str
) -> None:
    error = error_of(source_of(site, tmp_path, SFTP_PASSWORD=secret), f"{site.url}/x.csv")
    assert error.reason == reason
    assert not error.retryable
    assert secret not in str(error)


def test_a_server_with_another_key_is_not_logged_in_to(site: SftpSite, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key()
    site.known_hosts.write_bytes(f"[127.0.0.1]:{site.port} ".encode() + other)
    before = site.known_hosts.read_bytes()
    error = error_of(source_of(site, tmp_path), f"{site.url}/x.csv")
    assert (error.reason, error.retryable) == ("host_key_unknown", False)
    assert "ssh-keyscan" in error.remedy
    assert (site.logins, site.known_hosts.read_bytes()) == ([], before)


def test_an_unknown_server_is_not_added(site: SftpSite, tmp_path: Path) -> None:
    site.known_hosts.write_bytes(b"")
    assert error_of(source_of(site, tmp_path), f"{site.url}/x.csv").reason == "host_key_unknown"
    assert site.known_hosts.read_bytes() == b""


def test_without_a_file_of_known_hosts_nobody_is_connected_to(site: SftpSite, tmp_path: Path) -> None:
    source = source_of(site, tmp_path, LIVEDASH_SFTP_KNOWN_HOSTS=str(tmp_path / "none"))
    error = error_of(source, f"{site.url}/x.csv")
    assert error.reason == "host_key_unknown"
    assert "LIVEDASH_SFTP_KNOWN_HOSTS" in error.remedy


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(site: SftpSite, tmp_path: Path) -> None:
    source = CsvSource(
        site.environ, tmp_path / "spool", LIMITS, resolver=lambda *_: ["127.0.0.1"], sleep=lambda _: None
    )
    url = f"sftp://files.example:{site.port}/x.csv"
    error = error_of(source, url)
    assert (error.reason, site.logins) == ("private_address", [])
    assert "--allow-address 127.0.0.1" in error.remedy


def test_the_address_that_was_checked_is_connected_to_under_the_hosts_own_key(site: SftpSite, tmp_path: Path) -> None:
    asked: list[str] = []

    def rebinding(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    key = site.known_hosts.read_bytes().partition(b" ")[2]
    site.known_hosts.write_bytes(f"[files.example]:{site.port} ".encode() + key)
    source = CsvSource(site.environ, tmp_path / "spool", LIMITS, resolver=rebinding)
    url = f"sftp://files.example:{site.port}/x.csv"
    assert body_of(source, url, rules=source_rules(url, (), ["127.0.0.1"])) == BODY
    assert asked == ["files.example"]


def test_a_server_that_is_not_there_and_a_host_without_an_address(site: SftpSite, tmp_path: Path) -> None:
    gone = CsvSource(site.environ, tmp_path / "spool", LIMITS, sleep=lambda _: None, resolver=lambda *_: [])
    assert error_of(gone, "sftp://nowhere.example/x.csv").reason == "domain_not_found"
    assert error_of(source_of(site, tmp_path), "sftp://127.0.0.1:1/x.csv").reason == "connection_refused"


def test_a_file_that_is_missing_a_folder_or_not_ours_is_told(site: SftpSite, tmp_path: Path) -> None:
    (site.folder / "folder").mkdir()
    source = source_of(site, tmp_path)
    assert error_of(source, f"{site.url}/gone.csv").reason == "file_not_found"
    assert error_of(source, f"{site.url}/folder").reason == "file_not_found"


def test_a_file_that_ends_early_is_cut_off(site: SftpSite, tmp_path: Path) -> None:
    site.cut_after = 100
    error = error_of(source_of(site, tmp_path), f"{site.url}/x.csv")
    assert (error.reason, error.retryable) == ("cut_off", True)


def test_a_file_that_grows_while_it_is_read_is_read_again(site: SftpSite, tmp_path: Path) -> None:
    longer = BODY + b"d,e,f\n"

    def grow() -> None:
        (site.folder / "x.csv").write_bytes(longer)

    site.before_reading = grow
    assert body_of(source_of(site, tmp_path), f"{site.url}/x.csv") == longer


def test_a_file_that_is_too_large_is_refused_before_it_is_read(site: SftpSite, tmp_path: Path) -> None:
    small = FetchLimits(max_bytes=10, total_seconds=30)
    assert error_of(CsvSource(site.environ, tmp_path / "spool", small), f"{site.url}/x.csv").reason == "too_large"


def test_a_server_that_says_nothing_is_left_after_the_time_allowed(tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"sftp://127.0.0.1:{silent.getsockname()[1]}/x.csv"
        quick = FetchLimits(max_bytes=10, connect_seconds=5, total_seconds=0.5)
        source = CsvSource(
            {"LIVEDASH_SFTP_KNOWN_HOSTS": str(known)}, tmp_path / "spool", quick, sleep=lambda _: None, attempts=1
        )
        assert error_of(source, url, username_env=None, password_env=None).reason == "timeout"
