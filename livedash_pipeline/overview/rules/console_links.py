"""Addresses of pages of the console, for runs and messages that lead there from elsewhere.

Add a page that something outside the console leads to. Pages make their own addresses (`web.links`).
"""

from __future__ import annotations

from urllib.parse import urlencode


def results_address(base: str | None, company: str) -> str | None:
    """The address of a company's results; None without `LIVEDASH_CONSOLE_URL`.

    Args:
        base: The setting: the address below which `/console/` is.
        company: A slug.
    """
    return None if base is None else f"{base}/console/results?{urlencode({'company': company})}"
