"""All routes of sessions, in the order in which addresses are compared.

Add a page of sessions as a module here, and name its function.
"""

from __future__ import annotations

from fastapi import APIRouter

from livedash_pipeline.web.guard import page_router
from livedash_pipeline.web.pages.sessions import chat, erasing, listing, retrying, single


def router() -> APIRouter:
    """Routes below `/console/sessions`."""
    routes = page_router("/sessions")
    # The list before single sessions, whose ids would match its addresses as well.
    listing.add_to(routes)
    single.add_to(routes)
    chat.add_to(routes)
    retrying.add_to(routes)
    erasing.add_to(routes)
    return routes
