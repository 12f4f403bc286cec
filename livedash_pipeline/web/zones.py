"""The zone of the company that a page is about, for readers who chose to see times in it.

Add nothing that writes times; that is `web.words`. The choice is made in `web.pages.entrance`.
"""

from __future__ import annotations

from fastapi import Request

from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.web.rendering import ZONE_COOKIE

OF_COMPANY = "company"
"""What the cookie says instead of a zone."""


def zone_of(request: Request, slug: str | None) -> str | None:
    """Returns the zone of a company; None without one, and for readers who chose a zone of their own.

    Raises:
        UsageError: There is no such company.
    """
    if slug is None or request.cookies.get(ZONE_COOKIE) != OF_COMPANY:
        return None
    with services_of(request).engine.connect() as connection:
        return get_company(connection, slug).time_zone
