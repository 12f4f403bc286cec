"""Addresses of pages: paths with parameters, without those that are not given.

Pure. Add what makes an address here; which parameters a page has is the page's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

PREFIX = "/console"
# Where in a list a page begins: of no use once something else is listed.
_PLACES = ("cursor", "after", "page")


def address(path: str, /, **parameters: object) -> str:
    """The address of a page: `address("/requests", status="processing_failed", company=None)`.

    Args:
        path: Path below `/console`.
        parameters: Parameters; those that are None or empty are left out. A trailing underscore is dropped (`from_`).
    """
    return PREFIX + quote(path, safe="/-._~") + query(parameters.items())


def changed(path: str, given: Iterable[tuple[str, str]], changes: dict[str, object]) -> str:
    """The address of the same page with other parameters; a changed filter begins at the first page again."""
    kept = [(name, value) for name, value in given if name not in changes and name not in _PLACES]
    named = {name.rstrip("_"): value for name, value in changes.items()}
    kept = [(name, value) for name, value in kept if name not in named]
    return quote(path, safe="/-._~") + query([*kept, *named.items()])


def query(parameters: Iterable[tuple[str, object]]) -> str:
    """Parameters as the end of an address; empty where none is given."""
    given = [(name.rstrip("_"), _text(value)) for name, value in parameters if value is not None and value != ""]
    return f"?{urlencode(given, errors='replace')}" if given else ""


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
