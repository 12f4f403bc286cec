"""How a company's files are read: found out from a sample or from its own file, looked at, changed by hand, and saved.

Detecting saves nothing: the proposal comes back in a form, which is sent once somebody has read it. Rows of the file are shown to
who may read texts. Add nothing that guesses; that belongs to `intake.rules.detection`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from fastapi import Request
from fastapi.routing import APIRouter
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Scope
from livedash_pipeline.api.guard import allow, caller_of, note
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.errors import SourceError, UsageError
from livedash_pipeline.intake.steps.company_profiles import set_profiles
from livedash_pipeline.intake.steps.detect_files import DetectionRequest, detect_files
from livedash_pipeline.scratch import scratch_directory
from livedash_pipeline.sources.csv_source import CsvSource
from livedash_pipeline.web.forms import SentFile
from livedash_pipeline.web.guard import change, form_of, services_of
from livedash_pipeline.web.pages.companies.listing import company_of_page
from livedash_pipeline.web.pages.companies.settings import WRITE, seen
from livedash_pipeline.web.rendering import redirect, render

MOST_BYTES = 20_000_000
# Whoever waits for a page waits for a few seconds, and a file of so many records decides what it decides.
_MOST_RECORDS = 50_000
_ORDERS = {"": None, "day": "day", "month": "month", "year": "year"}
# One at a time: each reads a whole file and takes memory and a core for seconds.
_turn = BoundedSemaphore(1)
# Whoever waits holds a thread that everything else of the server needs.
_WAIT_SECONDS = 1.0
_OWN_WORDS = ("yes", "no", "categories", "keep_extra")


def add(routes: APIRouter) -> None:
    """Adds the page of profiles, detection, and saving."""

    @routes.get("/{slug}/profiles")
    @allow(WRITE)
    def profiles(request: Request, slug: str) -> Response:
        found = company_of_page(request, slug)
        return _page(request, found, found["csvProfile"], found["transcriptProfile"], detected=None)

    @routes.post("/{slug}/profiles/detect")
    @allow(change("company detect", max_body=MOST_BYTES))
    def detect(request: Request, slug: str) -> Response:
        found, form = company_of_page(request, slug), form_of(request)
        order = form.one("date_order")
        if order not in _ORDERS:
            raise Problem("bad_argument", f"{order[:20]!r} is no order of dates.", remedy="Go back and choose one.")
        asked = DetectionRequest(
            slug,
            order=_ORDERS[order],  # type: ignore[arg-type]
            encoding=form.one("encoding").strip() or None,
            most_records=_MOST_RECORDS,
        )
        detected = _detected(request, asked, form.file("sample"))
        shows_rows = Scope.TEXTS_READ in caller_of(request).scopes
        note(request, company=slug, records=detected["records"], fitting=detected["fitting"], texts_shown=shows_rows)
        csv = detected["csvProfile"] | _own_words(found["csvProfile"])
        transcripts = detected["transcripts"]["transcriptProfile"]
        return _page(
            request,
            found,
            csv,
            found["transcriptProfile"] or transcripts,
            detected=detected | {"firstRows": detected["firstRows"] if shows_rows else []},
        )

    @routes.post("/{slug}/profiles")
    @allow(change("set_profiles"))
    def save(request: Request, slug: str) -> Response:
        found, form = company_of_page(request, slug), form_of(request)
        if form.one("seen") != seen(found):
            raise Problem(
                "conflict",
                f"Company {slug} was changed by somebody else meanwhile.",
                remedy="Load its profiles again, and then change them.",
            )
        csv, transcripts = (_read(form.one(name), name) for name in ("csv", "transcripts"))
        set_profiles(services_of(request).engine, slug, csv=csv, transcripts=transcripts)
        note(request, company=slug)
        return redirect(f"/companies/{slug}")


def _page(
    request: Request,
    company: Document,
    csv: Document | None,
    transcripts: Document | None,
    *,
    detected: Document | None,
) -> Response:
    return render(
        request,
        "companies/profiles.html",
        title=f"How the files of {company['name'][:80]} are read",
        zone=company["timeZone"],
        company=company,
        csv=_written(csv),
        transcripts=_written(transcripts),
        detected=detected,
        most_records=_MOST_RECORDS,
        most_megabytes=MOST_BYTES // 1_000_000,
        may_see_rows=Scope.TEXTS_READ in caller_of(request).scopes,
        seen=seen(company),
    )


def _detected(request: Request, asked: DetectionRequest, sent: SentFile | None) -> Document:
    """What is found out about a file that was sent, or about the company's own."""
    services = services_of(request)
    if not _turn.acquire(timeout=_WAIT_SECONDS):
        raise Problem("unavailable", "Another file is being looked at.", remedy="Send the form again in a moment.")
    try:
        with scratch_directory("csv") as spool:
            source = CsvSource(services.environ, spool)
            return (
                _of_sent(request, asked, sent, source) if sent else detect_files(services.engine, asked, source=source)
            )
    finally:
        _turn.release()


def _of_sent(request: Request, asked: DetectionRequest, sent: SentFile, source: CsvSource) -> Document:
    place = source.spool / "sample"
    with place.open("wb") as kept:
        shutil.copyfileobj(sent.content, kept)
    asked = DetectionRequest(
        asked.slug,
        str(place),
        order=asked.order,
        encoding=asked.encoding,
        is_sent=True,
        most_records=asked.most_records,
    )
    try:
        found = detect_files(services_of(request).engine, asked, source=source)
    except (SourceError, UsageError) as error:
        # Where the file lies here is nobody's business, and is gone when it is read.
        raise Problem("bad_argument", _named(error.message, place), remedy=_named(error.remedy, place)) from None
    return found | {"source": sent.name[:200] or "the file"}


def _named(text: str, place: Path) -> str:
    return (
        text.replace(place.as_uri(), "The file").replace(str(place), "The file").replace("file://The file", "The file")
    )


def _own_words(profile: Document | None) -> Document:
    """Those fields of the present profile that no file shows."""
    return {name: value for name, value in (profile or {}).items() if name in _OWN_WORDS}


def _written(profile: Document | None) -> str:
    return json.dumps(profile, indent=2, ensure_ascii=False) if profile else ""


def _read(text: str, name: str) -> dict[str, Any]:
    """A profile as somebody wrote it; an empty one for nothing."""
    if not text.strip():
        return {}
    found = read_json(text.encode("utf-8", "replace"))
    if isinstance(found, JsonFault):
        raise _unreadable(name, found.reason)
    if not isinstance(found, dict):
        raise _unreadable(name, "is no JSON object")
    return found


def _unreadable(name: str, why: str) -> Problem:
    return Problem(
        "bad_argument",
        f"The profile of {'the CSV' if name == 'csv' else 'transcripts'} {why}.",
        remedy="Go back and write it as docs/profiles.md says, or leave it empty for the usual form.",
    )
