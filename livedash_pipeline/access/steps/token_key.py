"""The key under which API tokens are hashed: from the settings, from the file they name, or from one of this machine.

Without the key no token is recognised any more. Nothing else is kept here.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.settings import Settings

FILE_NAME = "token.key"
_BYTES = 32
# Characters of a key that somebody else made, as LIVEDASH_TOKEN_KEY asks for them.
_LEAST = 32


def token_key(settings: Settings) -> bytes:
    """Returns the key of LIVEDASH_TOKEN_KEY, of LIVEDASH_TOKEN_KEY_FILE, or of `$LIVEDASH_HOME/token.key`.

    It makes the last if there is none, and never the file that a setting names: servers on two hosts that each made one would
    not recognise each other's tokens.

    Raises:
        SettingsError: The file cannot be read or made, or holds something else.
    """
    if settings.livedash_token_key is not None:
        return settings.livedash_token_key.encode()
    if settings.livedash_token_key_file is not None:
        return _given(settings.livedash_token_key_file.expanduser())
    path = settings.home / FILE_NAME
    try:
        if not path.exists():
            _make(path)
    except OSError as error:
        raise _unusable(path, error, "LIVEDASH_TOKEN_KEY") from None
    text = _read(path, "LIVEDASH_TOKEN_KEY")
    if len(text) < 2 * _BYTES:
        raise SettingsError(
            f"The key of API tokens in {path} is damaged: it holds {len(text)} characters instead of {2 * _BYTES}.",
            remedy="Restore it from a backup; or delete it, and make all tokens anew.",
        )
    return text.encode()


def _given(path: Path) -> bytes:
    text = _read(path, "LIVEDASH_TOKEN_KEY_FILE to a file with the key")
    if len(text) < _LEAST:
        raise SettingsError(
            f"The key of API tokens in {path} holds {len(text)} characters, and {_LEAST} are the least.",
            remedy="Write the key into the file that LIVEDASH_TOKEN_KEY_FILE names.",
        )
    return text.encode()


def _read(path: Path, setting: str) -> str:
    """Reads a key without the line's end that editors and `echo` add."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error, setting) from None


def _unusable(path: Path, error: OSError | UnicodeDecodeError, setting: str) -> SettingsError:
    reason = error.strerror if isinstance(error, OSError) else "it is no text"
    return SettingsError(
        f"The key of API tokens in {path} cannot be used: {reason}.",
        remedy=f"Correct its permissions, or set {setting}.",
    )


def _make(path: Path) -> None:
    """Makes the file complete, readable by its owner alone, and never over one that another process has just made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, written = tempfile.mkstemp(dir=path.parent, prefix=f"{FILE_NAME}.")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # `mkstemp` makes files of mode 0600; a link fails where the name is taken, as a rename would not.
        try:
            os.link(written, path)
        except FileExistsError:
            return
    finally:
        Path(written).unlink()
