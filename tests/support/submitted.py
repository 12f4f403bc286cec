"""Sessions as clients submit them, for tests of what becomes of them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.submissions.rules.json_items import ArraySplitter
from livedash_pipeline.submissions.steps.take_submissions import BatchReport, RefusedBatch, take_batch

HELLO = ("hello", "hi")


def submission(name: str = "chat-1", texts: Iterable[str] = HELLO, **changes: Any) -> dict[str, Any]:
    """A session with messages by user and assistant in turn, a second apart."""
    session = {
        "externalId": name,
        "startTime": "2025-05-01T12:00:00+02:00",
        "endTime": "2025-05-01T12:01:00+02:00",
        "messages": [
            {"role": ("user", "assistant")[n % 2], "content": said, "sentAt": f"2025-05-01T12:00:{n:02}+02:00"}
            for n, said in enumerate(texts)
        ],
    }
    return session | changes


def submit_raw(engine: Engine, company: Company, body: bytes, **options: Any) -> BatchReport | RefusedBatch:
    """Takes a JSON array in, byte by byte as it is."""
    return take_batch(engine, company, io.BytesIO(body), ArraySplitter(), **options)


def submit(engine: Engine, company: Company, *sessions: Any, **options: Any) -> BatchReport:
    """Takes sessions in as one batch."""
    report = submit_raw(engine, company, json.dumps(sessions).encode(), **options)
    assert isinstance(report, BatchReport), report
    return report


def outcomes(report: BatchReport) -> list[str]:
    """What the client is told of each item: its outcome, or why it is rejected."""
    return [item["code"] or item["outcome"] for item in report.document()["items"]]


def stages_by_id(engine: Engine) -> dict[str, dict[str, str]]:
    """Status of each stage that has a row, by external id."""
    found: dict[str, dict[str, str]] = {}
    query = text("""
        SELECT external_session_id, stage, status FROM session_processing_status
        JOIN session_imports ON session_imports.id = import_id ORDER BY 1, 2
    """)
    with engine.connect() as connection:
        for name, stage, status in connection.execute(query):
            found.setdefault(name, {})[stage] = status
    return found
