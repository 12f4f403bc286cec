"""Credentials of a company's sources: looked up under the names that its row gives, when something is fetched, and kept nowhere.

Add what a source may ask for. Which names are stored is checked in `base.store.company_values`; where credentials may be sent is
decided by those who send them: to the CSV's own origin or store and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from livedash_pipeline.base.rules.places.logins import CsvLogin, split_header
from livedash_pipeline.errors import SourceError

_REMEDY = "Set it where the pipeline runs, or correct it with `livedash company set`."


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is sent over HTTP: Basic auth where there is a user name, and headers. No secret shows in a repr or a message."""

    username: str | None
    password: str | None = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class StoreLogin:
    """What a store is opened with; where both are None, it finds credentials by its own ways.

    Attributes:
        name: User name, id of an access key, or name of an account.
        secret: Password, secret key, account key, or a private key as text.
    """

    name: str | None = None
    secret: str | None = field(default=None, repr=False)


def find_credentials(
    environ: Mapping[str, str],
    username_env: str | None,
    password_env: str | None,
    bearer_env: str | None = None,
    headers: Sequence[str] = (),
) -> Credentials | None:
    """Credentials for HTTP from the variables that a company's row names; None where it names none.

    Raises:
        SourceError: A variable is named and not set (`credentials_missing`), or holds what no header can.
    """
    sent = {name: _header_value(environ, variable) for name, variable in map(split_header, headers)}
    if bearer_env is not None:
        sent["Authorization"] = f"Bearer {_header_value(environ, bearer_env)}"
    if username_env is None and password_env is None:
        return Credentials(None, None, sent) if sent else None
    # An empty password is one; a name that is empty is nobody's.
    if username_env is None or not environ.get(username_env):
        raise _missing(username_env)
    if password_env is None or password_env not in environ:
        raise _missing(password_env)
    return Credentials(environ[username_env], environ[password_env], sent)


def find_store_login(environ: Mapping[str, str], login: CsvLogin) -> StoreLogin:
    """What a store is opened with, from the variables that a company's row names.

    Raises:
        SourceError: A variable is named and not set (`credentials_missing`).
    """
    for name in (login.username_env, login.password_env):
        if name is not None and not environ.get(name):
            raise _missing(name)
    return StoreLogin(
        environ[login.username_env] if login.username_env else None,
        environ[login.password_env] if login.password_env else None,
    )


def _header_value(environ: Mapping[str, str], variable: str) -> str:
    value = environ.get(variable, "").strip()
    if not value:
        raise _missing(variable)
    if not value.isascii() or not value.isprintable():
        raise SourceError(
            f"The environment variable {variable} holds letters that no header can.",
            reason="credentials_missing",
            retryable=False,
            remedy=_REMEDY,
        )
    return value


def _missing(name: str | None) -> SourceError:
    missing = f"The environment variable {name}" if name else "One of the two credential variables"
    return SourceError(
        f"{missing} is not set, and the company's CSV needs it.",
        reason="credentials_missing",
        retryable=False,
        remedy=_REMEDY,
    )
