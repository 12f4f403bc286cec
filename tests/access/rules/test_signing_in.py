"""When somebody is signed in to the console, and which forms are ours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.access.rules.signing_in import (
    LINK_MARK,
    LONGEST_SESSION,
    SESSION_MARK,
    SessionState,
    comes_from_us,
    form_token,
    is_loopback,
    is_secret,
    local_path,
    make_secret,
    reading_scopes,
    same_form_token,
)
from livedash_pipeline.access.rules.tokens import SCOPES, Role, Scope

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
IDLE = timedelta(hours=8)


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        (SessionState(NOW - IDLE, NOW - IDLE, None), None),
        (SessionState(NOW - IDLE, NOW, NOW), "signed out"),
        (SessionState(NOW - 2 * IDLE, NOW - IDLE - timedelta(seconds=1), None), "Nothing was done"),
        (SessionState(NOW - LONGEST_SESSION, NOW, None), None),
        (SessionState(NOW - LONGEST_SESSION - timedelta(seconds=1), NOW, None), "30 days"),
    ],
)
def test_a_session_ends(state: SessionState, refusal: str | None) -> None:
    said = state.refusal(NOW, idle=IDLE)
    assert said is None if refusal is None else refusal in (said or "")


@given(st.binary(min_size=32, max_size=32))
def test_a_secret_is_known_by_its_mark(random: bytes) -> None:
    secret = make_secret(SESSION_MARK, random)
    assert is_secret(secret, SESSION_MARK)
    assert not is_secret(secret, LINK_MARK)
    assert not is_secret(secret + "a", SESSION_MARK)


def test_a_secret_is_made_of_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not of 31"):
        make_secret(LINK_MARK, b"x" * 31)


@given(st.text())
def test_no_other_text_is_a_secret(text: str) -> None:
    assert not is_secret(text, SESSION_MARK)


def test_a_form_token_is_of_one_person_under_one_key() -> None:
    person = UUID(int=1)
    assert same_form_token(form_token(b"k", person), form_token(b"k", person))
    assert not same_form_token(form_token(b"k", person), form_token(b"l", person))
    assert not same_form_token(form_token(b"k", person), form_token(b"k", uuid4()))
    assert not same_form_token("\ud800", "a")


@pytest.mark.parametrize(
    ("site", "origin", "ours"),
    [
        ("same-origin", "https://evil.example", True),
        ("none", None, True),
        ("same-site", None, False),
        ("cross-site", "https://livedash.example", False),
        ("nonsense", None, False),
        (None, None, True),
        (None, "https://livedash.example", True),
        (None, "HTTPS://LIVEDASH.example", True),
        (None, "https://livedash.example:8443", False),
        (None, "https://evil.example", False),
        (None, "null", False),
        (None, "https://[evil", False),
    ],
)
def test_a_form_comes_from_us(site: str | None, origin: str | None, ours: bool) -> None:
    assert comes_from_us(sec_fetch_site=site, origin=origin, host="livedash.example") is ours


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1:8000", True),
        ("127.9.9.9", True),
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("[::1]:8000", True),
        ("livedash.example", False),
        ("127.0.0.1.evil.example", False),
        ("[::2]", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_a_cookie_needs_no_tls_over_loopback_alone(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("path", "followed"),
    [
        ("/console/requests?status=failed&x=a//b", True),
        ("/console/", True),
        ("/docs", False),
        ("//evil.example/console/", False),
        ("/console//evil.example", False),
        ("https://evil.example/console/", False),
        ("/console/\\evil", False),
        ("/console/ä", False),
        ("/console/a b", False),
        ("/console/\n", False),
        ("", False),
    ],
)
def test_signing_in_leads_to_pages_of_ours_alone(path: str, followed: bool) -> None:
    assert local_path(path, "/console/") == (path if followed else None)


def test_reading_changes_nothing() -> None:
    left = {scope for role in Role for scope in reading_scopes(SCOPES[role])}
    assert left == {
        Scope.ADMIN_READ,
        Scope.METRICS_READ,
        Scope.SESSIONS_READ,
        Scope.RESULTS_READ,
        Scope.SPEND_READ,
        Scope.CHATS_READ,
        Scope.CHATS_ALL,
        Scope.TEXTS_READ,
    }


def test_a_secret_of_a_session_is_none_of_a_link() -> None:
    secret = make_secret(LINK_MARK, bytes(range(32)))
    assert secret.startswith("ldl_")
    assert (is_secret(secret, LINK_MARK), is_secret(secret, SESSION_MARK)) == (True, False)
