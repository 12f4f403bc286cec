"""How a company's sources are logged in to: names of environment variables, never what stands in them.

Add a way to log in as a field of `CsvLogin`. The variables are looked up in `sources.credentials`, when something is fetched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# RFC 9110, 5.6.2: the letters of a header's name.
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The client sets these itself: they say where a message ends, where it goes, and which part or version of it is asked for.
_OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "expect",
        "host",
        "keep-alive",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
    }
)
_OWN_BEGINNINGS = ("content-", "if-", "proxy-")


@dataclass(frozen=True, slots=True)
class CsvLogin:
    """Names of the variables that hold what a company's sources ask for; None and empty where they ask for nothing.

    Attributes:
        username_env: A user name, or the id of an access key.
        password_env: A password, a secret key, or a private key as text.
        bearer_env: A bearer token, for HTTP.
        headers: Headers and their variables, `X-Api-Key=VARIABLE`, for HTTP.
    """

    username_env: str | None = None
    password_env: str | None = None
    bearer_env: str | None = None
    headers: tuple[str, ...] = ()

    def problem(self) -> str | None:
        """Why these cannot be used together, as a sentence; None where they can."""
        names = [name.lower() for name, _ in map(split_header, self.headers)]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated:
            return f"The header {repeated} is given twice."
        ways = {
            "--csv-bearer-env": self.bearer_env is not None,
            "--csv-username-env and --csv-password-env": self.username_env is not None or self.password_env is not None,
            "--csv-header Authorization": "authorization" in names,
        }
        used = [way for way, given in ways.items() if given]
        if len(used) > 1:
            return f"{used[0]} and {used[1]} would both set the header Authorization."
        return None


def header_problem(text: str) -> str | None:
    """Why `NAME=VARIABLE` cannot be a header to send, as the end of a sentence; None where it can."""
    name, variable = split_header(text)
    if not _TOKEN.fullmatch(name):
        return "is no header's name with the name of an environment variable behind ="
    if not _VARIABLE.fullmatch(variable):
        return f"gives the header {name} no name of an environment variable"
    if name.lower() in _OWN_HEADERS or name.lower().startswith(_OWN_BEGINNINGS):
        return f"names the header {name}, which is set by the client itself"
    return None


def split_header(text: str) -> tuple[str, str]:
    """Name and variable of `X-Api-Key=VARIABLE`."""
    name, _, variable = text.partition("=")
    return name.strip(), variable.strip()
