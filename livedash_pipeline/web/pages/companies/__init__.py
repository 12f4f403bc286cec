"""Pages about companies: their list, what is set for one, and how its files are read."""

from __future__ import annotations

from fastapi.routing import APIRouter

from livedash_pipeline.web.guard import page_router
from livedash_pipeline.web.pages.companies import listing, profiles, settings


def router() -> APIRouter:
    """Routes below `/console/companies`."""
    routes = page_router("/companies")
    listing.add(routes)
    settings.add(routes)
    profiles.add(routes)
    return routes
