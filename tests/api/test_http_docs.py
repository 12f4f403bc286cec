"""What docs/http-api.md promises can be looked up: every route, every problem, every scope, every metric."""

from __future__ import annotations

from pathlib import Path

from livedash_pipeline.access.rules.tokens import Scope
from livedash_pipeline.api.access import MAX_JSON_BODY
from livedash_pipeline.api.app import THREADS, api_routes, routers
from livedash_pipeline.api.metrics import Metrics
from livedash_pipeline.api.middleware import MAX_HEAD_BYTES, MAX_HEADERS, MAX_IN_FLIGHT, MAX_TARGET
from livedash_pipeline.api.problems import TITLES
from livedash_pipeline.base.rules.json_text import MAX_DEPTH
from livedash_pipeline.base.rules.states import BatchStatus, RequestStatus
from livedash_pipeline.overview.steps.figures import PipelineFigures

DOCUMENT = (Path(__file__).parents[2] / "docs/http-api.md").read_text(encoding="utf-8")


def test_every_route_is_named() -> None:
    for route in api_routes(routers()):
        address = route.path_format.removeprefix("/api/admin/legacy").removeprefix("/api/v1")
        for name in ("request_id", "batch_id"):
            address = address.replace(f"{{{name}}}", "{id}")
        address = address.replace("{external_id}", "{externalId}")
        for method in route.methods or ():
            assert (
                f"{method} {address}`" in DOCUMENT
                or f'$LIVEDASH_API{address}"' in DOCUMENT
                or (f"`{address}`" in DOCUMENT)
            ), f"{method} {route.path_format}"


def test_every_problem_scope_and_metric_is_named() -> None:
    assert [
        code for code, (status, _) in TITLES.items() if f"`{code}`" not in DOCUMENT or f"| {status} |" not in DOCUMENT
    ] == []
    assert [scope for scope in Scope if f"`{scope}`" not in DOCUMENT] == []
    empty = PipelineFigures(dict.fromkeys(RequestStatus, 0), dict.fromkeys(BatchStatus, 0), 0, {})
    metrics = Metrics()
    metrics.observe("GET", "/x", 200, 0.1)
    named = {line.split()[2] for line in metrics.render(empty).decode().splitlines() if line.startswith("# HELP")}
    assert [name for name in named if f"`{name}" not in DOCUMENT and not name.endswith("_created")] == []


def test_the_limits_are_those_of_the_code() -> None:
    limits = f"| {MAX_HEADERS} fields, {MAX_HEAD_BYTES // 1024} KiB, an address of {MAX_TARGET:,} characters |"
    assert limits in DOCUMENT
    assert f"| {MAX_IN_FLIGHT} a worker process |" in DOCUMENT
    assert f"| {THREADS} a worker process |" in DOCUMENT
    assert f"| {MAX_JSON_BODY // 1024**2} MiB, {MAX_DEPTH} levels," in DOCUMENT
