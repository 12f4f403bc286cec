"""The key of API tokens comes from one place, and a file that a setting names is read and never made."""

from __future__ import annotations

from pathlib import Path

import pytest

from livedash_pipeline.access.steps.token_key import token_key
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.settings import isolated_settings

KEY = "k" * 32


def test_the_named_file_holds_the_same_key_as_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "token_key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    home = tmp_path / "home"
    named = isolated_settings({}, livedash_home=home, livedash_token_key_file=file)
    assert token_key(named) == token_key(isolated_settings({}, livedash_home=home, livedash_token_key=KEY))
    assert not home.exists(), "nothing is made beside it"


def test_a_named_file_that_is_missing_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "token_key"
    with pytest.raises(SettingsError, match="token_key cannot be used") as refused:
        token_key(isolated_settings({}, livedash_home=tmp_path, livedash_token_key_file=file))
    assert "LIVEDASH_TOKEN_KEY_FILE" in (refused.value.remedy or "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "said"), [(b"short", "5 characters"), (b"\xff" * 40, "it is no text")])
def test_a_named_file_with_something_else_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "token_key"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=said):
        token_key(isolated_settings({}, livedash_home=tmp_path, livedash_token_key_file=file))


def test_two_keys_are_refused() -> None:
    with pytest.raises(SettingsError, match="LIVEDASH_TOKEN_KEY and LIVEDASH_TOKEN_KEY_FILE") as refused:
        isolated_settings({}, livedash_token_key=KEY, livedash_token_key_file=Path("token_key"))
    assert KEY not in str(refused.value)


def test_the_file_of_this_machine_is_made_once(tmp_path: Path) -> None:
    settings = isolated_settings({}, livedash_home=tmp_path)
    assert token_key(settings) == token_key(settings)
    assert (tmp_path / "token.key").stat().st_mode & 0o777 == 0o600
