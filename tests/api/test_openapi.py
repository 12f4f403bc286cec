"""The OpenAPI document is true: every operation, with good and bad data and along its links, does what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Engine

from livedash_pipeline.api.app import api_routes, create_app, routers
from livedash_pipeline.api.docs_page import example, render
from tests.api.explore import explore, site
from tests.api.world import api_settings

# Of the test library's own dependencies.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.longest]
FEWEST = 100


@pytest.mark.parametrize("company", [False, True], ids=["platform_admin", "company"])
def test_operations_do_what_the_document_says(engine: Engine, tmp_path: Path, company: bool) -> None:
    with site(engine, tmp_path) as api:
        tried = explore(api, company=company, max_examples=2, phases=("examples", "coverage", "stateful"))
    assert tried.failures == [], "\n".join(tried.failures)
    assert tried.cases >= FEWEST
    assert "Stateful tests" in tried.by_operation


def test_the_document_names_every_route_with_an_example_of_its_answer(tmp_path: Path) -> None:
    settings = api_settings(tmp_path, database_url="postgresql://nobody@127.0.0.1:9/nothing")
    document = create_app(settings).openapi()
    shown = [route for route in api_routes(routers()) if route.include_in_schema]
    assert set(document["paths"]) == {route.path_format for route in shown}
    page = render(document)
    for route in shown:
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            assert operation["summary"]
            assert operation["operationId"]
            assert f"<code>{route.path_format}</code>" in page
            assert _has_example(document, operation), route.path_format
    assert [route.path for route in shown if not isinstance(route, APIRoute)] == []


def _has_example(document: dict[str, object], operation: dict[str, dict[str, dict[str, object]]]) -> bool:
    good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    contents = good.get("content", {})
    assert isinstance(contents, dict)
    return all(example(document, content["schema"]) is not None for content in contents.values())


def test_no_problem_of_the_framework_is_left(tmp_path: Path) -> None:
    settings = api_settings(tmp_path, database_url="postgresql://nobody@127.0.0.1:9/nothing")
    document = str(create_app(settings).openapi())
    assert "HTTPValidationError" not in document
    assert "application/problem+json" in document
