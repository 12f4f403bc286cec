"""Tries every operation of the OpenAPI document with good and bad data and along its links, with all checks of schemathesis.

`tests/api/test_openapi.py` does it briefly, `python -m tests.api.soak` at length. What the API is expected to do beyond the
library's defaults stands in `_CHECKS`.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.engine import events, from_schema
from sqlalchemy import Engine, insert, text

from livedash_pipeline.base.store.tables import import_rejects, import_runs
from livedash_pipeline.local.batch_api.server import running_server
from tests.api.world import Api, add_requests, api_settings, running_api
from tests.conftest import NOW

COMPANY_PATHS = r"^/api/v1/"
ALL_PHASES = ("examples", "coverage", "fuzzing", "stateful")
# Good by its form and still refused, as promised: a cursor of another filter, a company that does not exist (400), a session
# that was erased (410), and a body whose fields contradict each other or hold a date that is none (422).
_GOOD_AND_REFUSED = ["2xx", "3xx", "400", "401", "403", "404", "409", "410", "422", "429"]
# A body that is too large is refused for that alone.
_BAD = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429", "431"]
_CHECKS = {
    "positive_data_acceptance": {"expected-statuses": _GOOD_AND_REFUSED},
    "negative_data_rejection": {"expected-statuses": _BAD},
}
_LONGEST = 2000


@schemathesis.serializer("application/x-ndjson")
def write_lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:
    """The text of the lines. Whatever else is tried in its place cannot be sent as such, so nothing is."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else b""


@dataclass
class Tried:
    """What came of it."""

    cases: int = 0
    failures: list[str] = field(default_factory=list)
    by_operation: Counter[str] = field(default_factory=Counter)


@contextmanager
def site(engine: Engine, home: Path) -> Iterator[Api]:
    """The API with rows to be found, a stand-in for the Batch API behind it, and a secret for webhooks."""
    with running_server(home / "batch-api") as service:
        settings = api_settings(
            home,
            openai_base_url=service.base_url,
            openai_api_key="key",
            openai_webhook_secret="whsec_c2VjcmV0",
        )
        _fill(engine)
        with running_api(settings, engine) as api:
            yield api


def _fill(engine: Engine) -> None:
    add_requests(engine, {"PENDING_BATCHING": 3, "BATCHING_IN_PROGRESS": 2, "PROCESSING_FAILED": 3})
    with engine.begin() as connection:
        company_id = connection.execute(text("SELECT id FROM companies")).scalar_one()
        run = {"company_id": company_id, "source_url": "acme.csv", "started_at": NOW}
        run_id = connection.execute(insert(import_runs).values(**run).returning(import_runs.c.id)).scalar_one()
        reject = {
            "company_id": company_id,
            "import_run_id": run_id,
            "line_number": 1,
            "raw_text": "x",
            "reason": "columns",
        }
        connection.execute(insert(import_rejects).values(**reject))


def explore(
    api: Api,
    *,
    company: bool,
    max_examples: int,
    phases: Sequence[str] = ALL_PHASES,
    seed: int = 0,
) -> Tried:
    """Tries the operations of companies, or all others.

    Args:
        api: A server with rows.
        company: Which of the two; each with a token of its role.
        max_examples: Generated requests an operation, and sequences along links.
        phases: Of schemathesis.
        seed: Of what is generated.
    """
    token = api.token(company="acme") if company else api.admin
    config = schemathesis.Config.from_dict(
        {
            "seed": seed,
            "base-url": api.origin,
            "request-timeout": 60,
            "continue-on-failure": True,
            "auth": {"openapi": {"token": {"bearer": token}}},
            "checks": _CHECKS,
            "generation": {"max-examples": max_examples, "database": "none", "no-shrink": True},
            "phases": {phase: {"enabled": phase in phases} for phase in ALL_PHASES},
        }
    )
    schema = schemathesis.openapi.from_url(f"{api.origin}/openapi.json", config=config)
    chosen = schema.include(path_regex=COMPANY_PATHS) if company else schema.exclude(path_regex=COMPANY_PATHS)
    tried = Tried()
    for event in from_schema(chosen).execute():
        _count(tried, event)
    return tried


def _count(tried: Tried, event: Any) -> None:
    if isinstance(event, events.NonFatalError | events.FatalError):
        tried.failures.append(f"error: {getattr(event, 'info', None) or event}")
    if not isinstance(event, events.ScenarioFinished):
        return
    recorder = event.recorder
    tried.cases += len(recorder.cases)
    tried.by_operation[recorder.label] += len(recorder.cases)
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                case = recorder.cases[case_id].value
                sent = recorder.interactions.get(case_id)
                answered = sent.response.status_code if sent is not None and sent.response is not None else None
                described = f"{check.name}: {check.failure_info.failure.title}: {check.failure_info.failure.message}"
                shown = f"{described}\n  {answered} {check.failure_info.code_sample or case}"
                tried.failures.append(shown[:_LONGEST])


def unique_home(parent: Path) -> Path:
    """A directory of its own."""
    home = parent / uuid.uuid4().hex
    home.mkdir(parents=True)
    return home
