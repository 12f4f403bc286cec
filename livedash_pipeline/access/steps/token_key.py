"""The key under which API tokens are hashed: from the settings, or from a file of this machine, made when first needed.

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


def token_key(settings: Settings) -> bytes:
    """Returns the key of LIVEDASH_TOKEN_KEY, else that of `$LIVEDASH_HOME/token.key`, which it makes if there is none.

    Raises:
        SettingsError: The file cannot be read or made, or holds something else.
    """
    if settings.livedash_token_key is not None:
        return settings.livedash_token_key.encode()
    path = settings.home / FILE_NAME
    try:
        if not path.exists():
            _make(path)
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError(
            f"The key of API tokens in {path} cannot be used: {reason}.",
            remedy="Correct its permissions, or set LIVEDASH_TOKEN_KEY.",
        ) from None
    if len(text) < 2 * _BYTES:
        raise SettingsError(
            f"The key of API tokens in {path} is damaged: it holds {len(text)} characters instead of {2 * _BYTES}.",
            remedy="Restore it from a backup; or delete it, and make all tokens anew.",
        )
    return text.encode()


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
