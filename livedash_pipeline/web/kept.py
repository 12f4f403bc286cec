"""Kept answers on pages: a thin shell over `api.http.kept` for what pages ask.

Add nothing that computes; that belongs to steps.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from fastapi import Request
from sqlalchemy import Engine

from livedash_pipeline.api.http.kept import Kept
from livedash_pipeline.api.services import services_of

FOR_A_DECISION = 300.0
"""The age in seconds beyond which nobody is shown an answer that money is spent on, or one with texts of people."""


def kept(request: Request, key: Hashable, work: Callable[[Engine], Any], *, oldest: float | None = None) -> Kept:
    """The newest answer to a question, with its age. It does not wait for a newer one.

    Args:
        request: A guarded request.
        key: The question: a tuple of its name and everything that the answer depends on, the company above all.
        work: Computes it with an engine whose statements may take minutes.
        oldest: Seconds after which it is forgotten and not shown.

    Raises:
        Exception: The computation failed, and there is no earlier answer.
    """
    found = looked_at(request, key, work, oldest=oldest)
    if not found.is_known and found.failure is not None:
        raise found.failure.with_traceback(None)
    return found


def looked_at(request: Request, key: Hashable, work: Callable[[Engine], Any], *, oldest: float | None = None) -> Kept:
    """The newest answer as `kept` returns it, or why there is none, for what stands beside the rows of a page.

    A page shows its rows whatever became of a count: its template shows the failure with `m.age(...)`.
    """
    services = services_of(request)
    return services.kept.look(key, lambda: work(services.patient), oldest=oldest)
