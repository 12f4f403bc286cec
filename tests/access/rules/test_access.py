"""Tokens: their form, their hash, and when they are good."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livedash_pipeline.access.rules.tokens import (
    PREFIX_LENGTH,
    SCOPES,
    SECRET_BYTES,
    Caller,
    Role,
    Scope,
    TokenState,
    earlier_end,
    exceeding_scopes,
    hash_token,
    is_token,
    make_token,
    read_bearer,
    same_hash,
    token_prefix,
    unknown_scopes,
)
from tests.conftest import NOW

HOUR = timedelta(hours=1)


@given(st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
@example(bytes(SECRET_BYTES))
def test_a_made_token_is_one_and_is_read_from_a_header(secret: bytes) -> None:
    token = make_token(secret)
    assert is_token(token)
    assert read_bearer(f"bearer  {token} ") == token
    assert token.startswith(token_prefix(token))
    assert len(token) - PREFIX_LENGTH == 35


@given(st.text(max_size=80))
def test_what_is_no_token_is_never_read_as_one(text: str) -> None:
    found = read_bearer(f"Bearer {text}")
    assert found is None or is_token(found)
    assert read_bearer(text) is None or text.lower().startswith("bearer")


def test_a_token_is_made_of_32_bytes() -> None:
    with pytest.raises(ValueError, match="not of 31"):
        make_token(b"x" * 31)


def test_a_hash_depends_on_token_and_key() -> None:
    token = make_token(b"x" * 32)
    hashed = hash_token(token, b"key")
    assert same_hash(hashed, hash_token(token, b"key"))
    assert not same_hash(hashed, hash_token(token, b"other"))
    assert not same_hash(hashed, hash_token(make_token(b"y" * 32), b"key"))
    assert token not in hashed


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        (TokenState(None, None), None),
        (TokenState(NOW + HOUR, None), None),
        (TokenState(NOW, None), "has expired"),
        (TokenState(NOW + HOUR, NOW), "was revoked"),
        (TokenState(NOW - HOUR, NOW - HOUR), "was revoked"),
    ],
)
def test_a_token_is_good_until_it_expires_or_is_revoked(state: TokenState, refusal: str | None) -> None:
    assert state.refusal(NOW) == refusal


def test_every_scope_belongs_to_a_role() -> None:
    assert {scope for scopes in SCOPES.values() for scope in scopes} == set(Scope)
    # Both roles work with chat batches and read texts; what a token sees of them depends on its role.
    shared = set(SCOPES[Role.COMPANY]) & set(SCOPES[Role.PLATFORM_ADMIN])
    assert shared == {Scope.CHATS_READ, Scope.CHATS_WRITE, Scope.TEXTS_READ}
    assert unknown_scopes(Role.COMPANY, ["sessions:read", "admin:read"]) == ["admin:read"]


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic eA==", "Bearer no-token"])
def test_a_header_without_a_token_has_none(header: str | None) -> None:
    assert read_bearer(header) is None


def test_nobody_gives_a_right_that_they_do_not_have() -> None:
    assert exceeding_scopes(SCOPES[Role.PLATFORM_ADMIN], [*SCOPES[Role.PLATFORM_ADMIN], *SCOPES[Role.COMPANY]]) == []
    reader = [Scope.ADMIN_READ]
    assert exceeding_scopes(reader, [Scope.SESSIONS_READ, Scope.SPEND_READ, Scope.ADMIN_READ]) == []
    # Results hold what people asked.
    assert exceeding_scopes(reader, [Scope.RESULTS_READ]) == [Scope.RESULTS_READ]
    assert exceeding_scopes([*reader, Scope.TEXTS_READ], [Scope.RESULTS_READ]) == []
    # A company's token sees the chat batches of everybody who uploads for it.
    chats = [Scope.CHATS_READ, Scope.CHATS_WRITE]
    assert exceeding_scopes(chats, chats, Role.COMPANY) == chats
    assert exceeding_scopes([*chats, Scope.CHATS_ALL], chats, Role.COMPANY) == []
    for scope in (Scope.ADMIN_WRITE, Scope.METRICS_READ, Scope.TEXTS_READ, Scope.CHATS_READ, Scope.SESSIONS_ERASE):
        assert exceeding_scopes(reader, [scope]) == [scope]
    assert exceeding_scopes([Scope.ADMIN_WRITE], [Scope.SESSIONS_ERASE, Scope.TEXTS_READ]) == [Scope.TEXTS_READ]
    assert exceeding_scopes([], SCOPES[Role.COMPANY]) == list(SCOPES[Role.COMPANY])


@pytest.mark.parametrize(
    ("role", "scopes", "may"),
    [
        (Role.COMPANY, {Scope.RESULTS_READ}, True),
        (Role.PLATFORM_ADMIN, {Scope.ADMIN_READ}, False),
        (Role.PLATFORM_ADMIN, {Scope.ADMIN_READ, Scope.TEXTS_READ}, True),
    ],
)
def test_operators_see_questions_with_the_right_to_texts_alone(role: Role, scopes: set[str], may: bool) -> None:
    caller = Caller(UUID(int=1), "test", role, frozenset(scopes), None, None)
    assert caller.may_see_questions is may


def test_a_token_ends_with_the_earlier_of_two_ends() -> None:
    assert earlier_end(None, None) is None
    assert earlier_end(NOW, None) == earlier_end(None, NOW) == earlier_end(NOW, NOW + HOUR) == NOW
