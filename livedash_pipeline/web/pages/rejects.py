"""Pages about rejected records: the list with what cures each, the reasons of an import, and a record itself.

Add what is shown of rejected records. Their texts are on a page of their own, which is noted in the audit log.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.api.guard import allow
from livedash_pipeline.api.http.kept import Kept
from livedash_pipeline.api.problems import not_found
from livedash_pipeline.api.services import services_of
from livedash_pipeline.intake.rules.csv_rejects import RejectReason
from livedash_pipeline.overview.steps.operations.rejects import (
    RejectSearch,
    count_reasons,
    describe_run,
    read_record,
    search_rejects,
)
from livedash_pipeline.web.guard import READ, page_router
from livedash_pipeline.web.kept import looked_at
from livedash_pipeline.web.pages.dagster_links import run_page
from livedash_pipeline.web.pages.texts import TEXTS, require_reader
from livedash_pipeline.web.queries import PAGE_ROWS, Company, Cursor, PageQuery, Words
from livedash_pipeline.web.rendering import render
from livedash_pipeline.web.zones import zone_of

_CHOICES = [("", "any"), *((reason.value, reason.value.replace("_", " ")) for reason in RejectReason)]


class RejectsQuery(PageQuery):
    """Filters and page of the list."""

    company: Company | None = None
    run: Words | None = None
    reason: RejectReason | None = None
    cursor: Cursor | None = None


def router() -> APIRouter:
    """Routes below `/console/rejects`."""
    routes = page_router("/rejects")

    @routes.get("")
    @allow(READ)
    def list_rejects(request: Request, query: Annotated[RejectsQuery, Query()]) -> Response:
        services = services_of(request)
        reason = None if query.reason is None else query.reason.value
        search = RejectSearch(query.company, query.run, reason)
        page = search_rejects(services.engine, search, limit=PAGE_ROWS, cursor=query.cursor)
        run = None if query.run is None else describe_run(services.engine, query.run)
        return render(
            request,
            "rejects/list.html",
            title="Rejected records",
            zone=zone_of(request, run["company"] if run else query.company),
            page=page,
            query=query,
            run=run,
            run_page=None if run is None else run_page(services.settings, run["dagsterRunId"]),
            counts=None if run is None else _counts(request, run["id"]),
            choices=_CHOICES,
        )

    @routes.get("/{reject_id}")
    @allow(TEXTS)
    def one_record(request: Request, reject_id: str) -> Response:
        """The record as the file has it."""
        require_reader(request)
        record = read_record(services_of(request).engine, reject_id)
        if record is None:
            raise not_found(f"rejected record {reject_id[:64]!r}")
        return render(
            request,
            "rejects/one.html",
            title="A rejected record",
            zone=zone_of(request, record["company"]),
            record=record,
        )

    return routes


def _counts(request: Request, run: str) -> Kept:
    return looked_at(request, ("rejects by reason", run), lambda engine: count_reasons(engine, run)["reasons"])
