"""Bearer tokens and headers: sent to the CSV's own origin, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.urls import source_rules
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.credentials import (
    Credentials,
    StoreLogin,
    find_credentials,
    find_store_login,
)
from livedash_pipeline.sources.csv_source import CsvDownload, CsvSource
from livedash_pipeline.sources.http import FetchLimits
from tests.sources.csv_site import Site, plain, running_site

LIMITS = FetchLimits(max_bytes=100_000, connect_seconds=10, read_seconds=10, total_seconds=30)
ENVIRON = {"TOKEN": " t0ken\n", "KEY": "s3cret", "BAD": "a\nb", "EMPTY": " ", "USER": "me", "PASSWORD": "pw"}
BODY = b"a,b\n"


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    with running_site() as site, running_site() as other:
        site.answers["/x.csv"] = other.answers["/x.csv"] = plain(BODY)
        yield site, other


def fetched(url: str, tmp_path: Path, *hosts: str, **login: Any) -> bytes:
    source = CsvSource(ENVIRON, tmp_path / "spool", LIMITS, sleep=lambda _: None)
    with source.open_csv(url, rules=source_rules(url, hosts), **login) as answer:
        assert isinstance(answer, CsvDownload)
        return b"".join(answer.pieces())


def test_a_bearer_token_and_headers_are_sent(sites: tuple[Site, Site], tmp_path: Path) -> None:
    site, _ = sites
    assert fetched(f"{site.url}/x.csv", tmp_path, bearer_env="TOKEN", headers=["X-Api-Key=KEY"]) == BODY
    ((_, sent),) = site.asked
    assert (sent["Authorization"], sent["X-Api-Key"]) == ("Bearer t0ken", "s3cret")


def test_headers_go_beside_a_user_name_and_a_password(sites: tuple[Site, Site], tmp_path: Path) -> None:
    site, _ = sites
    login = {"username_env": "USER", "password_env": "PASSWORD", "headers": ["X-Api-Key=KEY"]}
    assert fetched(f"{site.url}/x.csv", tmp_path, **login) == BODY
    ((_, sent),) = site.asked
    assert sent["Authorization"].startswith("Basic ")
    assert sent["X-Api-Key"] == "s3cret"


def test_no_redirect_takes_them_to_another_origin(sites: tuple[Site, Site], tmp_path: Path) -> None:
    site, other = sites
    site.answers["/moved.csv"] = plain(b"", 302, Location=f"{other.url}/x.csv")
    host = other.url.removeprefix("http://")
    login: dict[str, Any] = {"bearer_env": "TOKEN", "headers": ["X-Api-Key=KEY", "Cookie=KEY"]}
    assert fetched(f"{site.url}/moved.csv", tmp_path, host, **login) == BODY
    ((_, own),), ((_, elsewhere),) = site.asked, other.asked
    assert {"Authorization", "X-Api-Key", "Cookie"} <= own.keys()
    assert not {"Authorization", "X-Api-Key", "Cookie"} & elsewhere.keys()


@pytest.mark.parametrize(
    "login",
    [
        {"bearer_env": "UNSET"},
        {"bearer_env": "EMPTY"},
        {"bearer_env": "BAD"},
        {"headers": ["X-A=BAD"]},
        {"headers": ["X-A=UNSET"]},
    ],
)
def test_a_value_that_cannot_be_sent_is_told_by_its_variable(login: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as caught:
        find_credentials(ENVIRON, None, None, **login)
    assert caught.value.reason == "credentials_missing"
    assert str(login.get("bearer_env") or "X-A=").removeprefix("X-A=") in caught.value.message


def test_no_secret_shows_in_a_repr() -> None:
    shown = repr(find_credentials(ENVIRON, "USER", "PASSWORD", None, ["X-Api-Key=KEY"]))
    assert "s3cret" not in shown
    assert "pw" not in shown
    assert "hunter2" not in repr(StoreLogin("me", "hunter2"))
    assert find_credentials(ENVIRON, None, None, "TOKEN") == Credentials(None, None, {"Authorization": "Bearer t0ken"})


def test_a_store_takes_what_is_named() -> None:
    assert find_store_login({}, CsvLogin()) == StoreLogin()
    assert find_store_login(ENVIRON, CsvLogin("USER", "PASSWORD")) == StoreLogin("me", "pw")
    assert find_store_login(ENVIRON, CsvLogin("USER")) == StoreLogin("me", None)
    with pytest.raises(SourceError, match="UNSET"):
        find_store_login(ENVIRON, CsvLogin("USER", "UNSET"))
