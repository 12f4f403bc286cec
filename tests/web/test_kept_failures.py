"""A failure that several pages show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine

from livedash_pipeline.api.http.kept import KeptAnswers
from livedash_pipeline.errors import UsageError
from livedash_pipeline.web.kept import kept


def fail(_engine: Engine) -> None:
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
