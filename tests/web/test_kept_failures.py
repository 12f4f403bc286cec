"""Failures of what is counted beside pages: several pages show one, and no page ends with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from livedash_pipeline.api.http.kept import KeptAnswers
from livedash_pipeline.errors import UsageError
from livedash_pipeline.web.kept import kept
from livedash_pipeline.web.pages import batches
from livedash_pipeline.web.pages.chat_batches import listing as chat_batches
from livedash_pipeline.web.pages.companies import listing as companies
from tests.api.world import Api, add_requests
from tests.web.person import signed_in


def fail(*_given: object) -> None:
    raise UsageError("no")


def test_a_shared_failure_holds_no_frames_of_earlier_pages() -> None:
    services = SimpleNamespace(kept=KeptAnswers(lambda: 0.0, patience=60.0), patient=None)
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(services=services)))
    depths = []
    for _ in range(5):
        with pytest.raises(UsageError) as raised:
            kept(request, "q", fail)
        depths.append(len(raised.traceback))
    assert depths[-1] == depths[1]


@pytest.mark.parametrize("path", ["companies", "companies/acme", "chat-batches"])
def test_a_failed_count_ends_no_page(api: Api, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    add_requests(api.engine, {})
    monkeypatch.setattr(companies, "count_sessions", fail)
    monkeypatch.setattr(chat_batches, "cost_documents", fail)
    content = b"question\nHow do I apply for leave?\n"
    with signed_in(api) as person:
        if path == "chat-batches":
            shown = person.send(
                person.get("/console/chat-batches/new").form("/uploads"),
                {"company": "acme"},
                files={"file": ("questions.csv", content)},
            )
            assert person.send(shown.form("/create")).status == 200
        person.counted(f"/console/{path}")
        page = person.counted(f"/console/{path}")
    assert (page.status, "The count failed" in page.text) == (200, True), page.text
    assert "data-refresh" not in page.response.text


def test_a_batch_is_shown_whose_requests_cannot_be_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    add_requests(api.engine, {"BATCHING_IN_PROGRESS": 1})
    monkeypatch.setattr(batches, "count_batch", fail)
    with api.engine.connect() as connection:
        batch = connection.execute(text("SELECT id FROM ai_batch_requests")).scalar_one()
    with signed_in(api) as person:
        page = person.counted(f"/console/batches/{batch}")
    assert (page.status, "The count failed" in page.text) == (200, True), page.text
