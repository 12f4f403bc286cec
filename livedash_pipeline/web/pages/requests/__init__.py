"""Pages about requests: the list, one request, and what may be done about failed ones."""

from __future__ import annotations

from fastapi import APIRouter

from livedash_pipeline.web.guard import page_router
from livedash_pipeline.web.pages.requests import looking, putting_back, rereading


def router() -> APIRouter:
    """Routes below `/console/requests`; those with words of their own come before the one of a request's id."""
    routes = page_router("/requests")
    putting_back.add(routes)
    rereading.add(routes)
    looking.add(routes)
    return routes
