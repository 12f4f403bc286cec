"""Forms about what is set for a company: adding one, changing its settings, and its status.

What opens files, buckets or secrets of the server is not set here (`intake.rules.remote_changes`). What a value may be is checked
in `base.store.company_values`, as for `livedash company set`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.routing import APIRouter
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, note
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.base.rules.retention_periods import FOREVER
from livedash_pipeline.base.rules.states import WORKING_COMPANIES, CompanyStatus
from livedash_pipeline.base.rules.values import NO_LIMIT, Document
from livedash_pipeline.base.steps.companies import add_company, change_company
from livedash_pipeline.base.store.companies import DEFAULT_TIME_ZONE
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.intake.rules.remote_changes import address_problem, host_problem
from livedash_pipeline.web.forms import Form
from livedash_pipeline.web.guard import change, form_of, services_of
from livedash_pipeline.web.pages.companies.listing import add_one, company_of_page
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import redirect, render

WRITE = Access(Role.PLATFORM_ADMIN, Scope.ADMIN_WRITE)
# Fields of the form, and the names of the same values in the company's document.
_TEXTS = {"name": "name", "time_zone": "timeZone", "model": "model", "chat_override": "chatOverride"}
_LISTS = {"transcript_hosts": "transcriptHosts", "bot_names": "botNames"}
_DAYS = {
    "keep_transcripts": "keepTranscriptsDays",
    "keep_messages": "keepMessagesDays",
    "keep_answers": "keepAnswersDays",
}
_LIMITS = {"monthly_cap": "monthlyCapEur", "daily_cap": "dailyCapEur", "monthly_budget": "monthlyBudgetEur"}
# What changes by itself, and so is no change that a form could overwrite.
_MOVING = frozenset({"nextImportAt", "importFailures"})
_NEW: Document = {
    "csvUrl": None, "name": "", "timeZone": DEFAULT_TIME_ZONE, "model": None, "chatOverride": None,
    **{name: [] for name in (*_LISTS.values(), "csvHeaders")},
    **dict.fromkeys((*_DAYS.values(), *_LIMITS.values(), "csvUsernameEnv", "csvPasswordEnv", "csvBearerEnv")),
}  # fmt: skip


class StatusQuery(PageQuery):
    """The status that a company is to have."""

    to: Literal["active", "trial", "suspended", "archived"]


def add(routes: APIRouter) -> None:
    """Adds the forms, and between them the page of one company, whose path would take `/new` for a slug."""
    _add_new(routes)
    add_one(routes)
    _add_settings(routes)
    _add_status(routes)


def _add_new(routes: APIRouter) -> None:
    @routes.get("/new")
    @allow(WRITE)
    def new_company(request: Request) -> Response:
        values = form_values(_NEW)
        return render(request, "companies/new.html", title="New company", values=values)

    @routes.post("")
    @allow(change("company add"))
    def make_company(request: Request) -> Response:
        form = form_of(request)
        slug = form.one("slug").strip()
        changes = changes_of(form, _NEW)
        given = CompanyChanges(**changes | ({} if "csv_url" in changes else {"no_csv": True}))
        added = add_company(services_of(request).engine, slug, given)["company"]
        note(request, company=added["slug"], set=sorted(changes))
        return redirect(f"/companies/{added['slug']}")


def _add_settings(routes: APIRouter) -> None:
    @routes.get("/{slug}/settings")
    @allow(WRITE)
    def settings(request: Request, slug: str) -> Response:
        found = company_of_page(request, slug)
        return render(
            request,
            "companies/settings.html",
            title=f"Settings of {found['name'][:80]}",
            company=found,
            values=form_values(found),
            seen=seen(found),
        )

    @routes.post("/{slug}/settings")
    @allow(change("company set"))
    def change_settings(request: Request, slug: str) -> Response:
        found, form = company_of_page(request, slug), form_of(request)
        if form.one("seen") != seen(found):
            raise Problem(
                "conflict",
                f"Company {slug} was changed by somebody else meanwhile.",
                remedy="Load its settings again, and then change them.",
            )
        changes = changes_of(form, found)
        if changes:
            change_company(services_of(request).engine, slug, CompanyChanges(**changes))
        note(request, company=slug, set=sorted(changes), **{name: changes[name] for name in _LIMITS if name in changes})
        return redirect(f"/companies/{slug}")


def _add_status(routes: APIRouter) -> None:
    @routes.get("/{slug}/status")
    @allow(WRITE)
    def status(request: Request, slug: str, query: Annotated[StatusQuery, Query()]) -> Response:
        found = company_of_page(request, slug)
        working = CompanyStatus(query.to.upper()) in WORKING_COMPANIES
        says = (
            "It is imported, fetched and sent for, from the next turn of each sensor on, which costs money."
            if working
            else "Nothing more is imported, fetched or sent for it; what is at the service is still ingested."
        )
        return render(
            request,
            "companies/status.html",
            title=f"Make {found['name'][:80]} {query.to}",
            company=found,
            wanted=query.to,
            says=says,
        )

    @routes.post("/{slug}/status")
    @allow(change("company set"))
    def change_status(request: Request, slug: str) -> Response:
        company_of_page(request, slug)
        given = form_of(request).one("status")
        change_company(services_of(request).engine, slug, CompanyChanges(status=given))
        note(request, company=slug, status=given[:20])
        return redirect(f"/companies/{slug}")


def form_values(company: Document) -> dict[str, str]:
    """What the fields of the form hold: lists line by line, days and limits as they are written, empty for the usual."""
    values = {field: company[name] or "" for field, name in _TEXTS.items()}
    values |= {field: "\n".join(company[name]) for field, name in _LISTS.items()}
    values |= {field: "" if company[name] is None else str(company[name]) for field, name in (_DAYS | _LIMITS).items()}
    return values | {"csv_url": company["csvUrl"] or ""}


def seen(company: Document) -> str:
    """A mark of a company's settings as a form showed them."""
    settled = {name: value for name, value in company.items() if name not in _MOVING}
    return hashlib.sha256(json.dumps(settled, sort_keys=True).encode()).hexdigest()[:16]


def changes_of(form: Form, company: Document) -> dict[str, Any]:
    """Returns those fields of a form that differ from what is set, as changes of a company.

    Raises:
        Problem: 403: what only somebody at the server may set.
    """
    before, given = form_values(company), _given(form)
    changed = {name: value for name, value in given.items() if value != before[name]}
    _check_remote(company, changed)
    changes: dict[str, Any] = {name: value for name, value in changed.items() if name in _TEXTS}
    changes |= {name: value.split("\n") if value else [] for name, value in changed.items() if name in _LISTS}
    changes |= {name: value or FOREVER for name, value in changed.items() if name in _DAYS}
    changes |= {name: value or NO_LIMIT for name, value in changed.items() if name in _LIMITS}
    if "csv_url" in changed:
        changes |= {"csv_url": changed["csv_url"]} if changed["csv_url"] else {"no_csv": True}
    return changes


def _given(form: Form) -> dict[str, str]:
    """The fields that were sent: browsers end lines with a carriage return, and empty lines are nobody's name."""
    sent, names = form.fields(), (*_TEXTS, *_LISTS, *_DAYS, *_LIMITS, "csv_url")
    lines = {name: [line.strip() for line in sent[name].splitlines()] for name in names if name in sent}
    return {
        name: "\n".join(filter(None, found)) if name in _LISTS else "\n".join(found).strip()
        for name, found in lines.items()
    }


def _check_remote(company: Mapping[str, Any], changed: Mapping[str, str]) -> None:
    login = [company[name] for name in ("csvUsernameEnv", "csvPasswordEnv", "csvBearerEnv", "csvHeaders")]
    problem = address_problem(company["csvUrl"] or "", changed.get("csv_url", ""), has_login=any(login))
    if problem is not None:
        raise _only_at_the_server(f"The address of the CSV {problem}.")
    hosts = changed.get("transcript_hosts", "")
    problem = host_problem(company["transcriptHosts"], hosts.split("\n")) if hosts else None
    if problem is not None:
        raise _only_at_the_server(f"{problem}.")


def _only_at_the_server(detail: str) -> Problem:
    return Problem("forbidden", detail, remedy="Set it at the server: `livedash company set SLUG …`.")
