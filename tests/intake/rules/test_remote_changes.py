"""What of a company's sources may be set over the network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.remote_changes import address_problem, host_problem

ACME = "https://chats.example.com/acme.csv"


@pytest.mark.parametrize(
    ("present", "wanted", "has_login", "says"),
    [
        ("", "", False, None),
        ("", ACME, False, None),
        (ACME, "", True, None),
        (ACME, ACME, True, None),
        ("/srv/acme.csv", "/srv/acme.csv", True, None),
        (ACME, "HTTPS://chats.example.com:443/other.csv", True, None),
        (ACME, "http://other.example/", False, None),
        (ACME, "http://chats.example.com/acme.csv", True, "credentials"),
        (ACME, "https://chats.example.com:8443/acme.csv", True, "credentials"),
        (ACME, "https://evil.example/", True, "credentials"),
        ("", ACME, True, "credentials"),
        ("s3://bucket/acme.csv", ACME, True, "credentials"),
        ("", "/etc/passwd", False, "neither"),
        ("/srv/acme.csv", "/srv/globex.csv", False, "neither"),
        ("", "file:///etc/passwd", False, "neither"),
        ("", "s3://bucket/acme.csv", False, "neither"),
        ("", "sftp://host/acme.csv", False, "neither"),
        ("", " http://x", False, "neither"),
    ],
)
def test_no_address_opens_what_is_the_servers(present: str, wanted: str, has_login: bool, says: str | None) -> None:
    problem = address_problem(present, wanted, has_login=has_login)
    assert (problem is None) if says is None else (problem is not None and says in problem)


@given(st.text())
def test_only_web_addresses_are_set(wanted: str) -> None:
    if address_problem("", wanted, has_login=False) is None:
        assert wanted == "" or wanted.lower().startswith(("http://", "https://"))


def test_no_further_store_is_opened() -> None:
    assert host_problem([], ["chats.example.com:8443", "other"]) is None
    assert host_problem(["s3://bucket"], ["s3://bucket", "host"]) is None
    assert "'s3://other' is a store" in (host_problem(["s3://bucket"], ["s3://bucket", "s3://other"]) or "")
