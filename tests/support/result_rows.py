"""Rows of results for tests that care about one or two of their values."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from livedash_pipeline.chats.rules.results.rows import ResultRow

STARTED = datetime(2025, 5, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
IN_UTC = "2025-05-01T12:00:00+00:00"


def result_row(**values: Any) -> ResultRow:
    """A completed row of a file with two columns; `values` replaces what it holds."""
    known: dict[str, Any] = {
        "cells": ["1", "What is a permit?"],
        "chat_id": "0196f2a0-0000-7000-8000-000000000001",
        "interaction_id": "0196f2a0-0000-7000-8000-000000000002",
        "status": "COMPLETED",
        "outcome_code": "answered",
        "error": None,
        "question": "What is a permit?",
        "answer": "A permit allows something.",
        "citations": ("https://a.example/1", "https://a.example/2"),
        "model": "gpt-4.1-mini",
        "search_provider": "none",
        "applied_overrides": True,
        "input_tokens": 120,
        "output_tokens": 7,
        "cost_usd": Decimal("0.000012300"),
        "cost_eur": None,
        "started_at": STARTED,
        "completed_at": None,
    }
    return ResultRow(**{**known, **values})


def empty_row(cells: list[str]) -> ResultRow:
    """A row that nobody has begun."""
    nothing = dict.fromkeys(
        (
            "chat_id", "interaction_id", "outcome_code", "answer", "model", "search_provider", "input_tokens",
            "output_tokens", "cost_usd", "started_at",
        )
    )  # fmt: skip
    return result_row(
        **nothing, cells=cells, status="PENDING", question=cells[-1], citations=(), applied_overrides=False
    )
