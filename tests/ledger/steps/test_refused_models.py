"""Models that refuse what they are sent: nothing fails for it, the model is held, and a person sets what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from livedash_pipeline.analysis.rules.prompt import prompt_version
from livedash_pipeline.base.store.companies import Company, update_company
from livedash_pipeline.base.store.company_values import CompanyChanges
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_holds, ai_processing_requests
from livedash_pipeline.errors import UsageError
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.models import list_models, set_parameters
from livedash_pipeline.ledger.steps.batches.send import write_input_file
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from tests.ledger.steps.test_result_evidence import World, _requeue, _world
from tests.support.batch_round import Begin
from tests.support.batch_service import refused
from tests.support.rows import insert_company, insert_requests, rows_of

# Names as people use them, and the model that the server runs under each.
NAMES = [
    *("gpt-5-mini", "prod-gpt5=gpt-5", "GPT-5-mini=gpt-5-mini", "openai.gpt-5-mini=gpt-5-mini", "azure/eu=gpt-4o"),
    *("openai/gpt-5-mini=gpt-5-mini", "ft:gpt-5-mini:acme::x=gpt-5-mini", "models/gpt-5-nano=gpt-5-nano"),
    *("gpt-5-chat-latest", "gpt-5-pro", "gpt-5.1-chat-latest", "gpt-5.4", "o1-mini", "o3", "o4-mini-2025-04-16"),
    *("gpt-4o", "gpt-4.1-mini", "ft:gpt-4o-mini:acme::x=gpt-4o-mini", "gpt-35-turbo=gpt-4o-mini"),
]
# Names that say nothing of the model behind them, and what their lines are refused for.
OPAQUE = {
    "analyst=gpt-5-mini": ("unsupported_parameter", "max_tokens"),
    "gpt-5-of-ours=gpt-5-pro": ("unsupported_value", "reasoning_effort"),
    "gpt-5-team=gpt-5-chat-latest": ("invalid_request_error", "reasoning_effort"),
    "gpt-4-0613": ("invalid_request_error", "json_schema"),
}
GOOD = {
    "analyst": '{"max_completion_tokens": 3000}',
    "gpt-5-of-ours": '{"max_completion_tokens": 9000, "reasoning_effort": "high"}',
    "gpt-5-team": '{"max_completion_tokens": 900, "temperature": 0}',
}


@pytest.fixture
def world(engine: Engine, company: Company, tmp_path: Path) -> Iterator[World]:
    extra = [name for name in (*NAMES, *OPAQUE) if "=" in name]
    with _world(engine, company, tmp_path, models=extra) as made:
        yield made


def _run(world: World, *, unhold: bool = False) -> Any:
    submit_pending(world.context, ignore_minimum=True, unhold=unhold)
    for _ in range(8):
        if not poll_batches(world.context).open:
            break
    return world.ingest().outcomes


def _own(name: str) -> str:
    return name.rpartition("=")[0] or name


def test_every_name_gets_parameters_that_its_model_takes(world: World) -> None:
    _ask(world, NAMES, 1)
    assert _run(world) == {"parsed": len(NAMES)}


def _ask(world: World, names: Iterable[str], requests: int) -> None:
    """Requests for each model, of a company whose model it is."""
    with world.engine.begin() as connection:
        now = database_now(connection)
        for number, name in enumerate(map(_own, names)):
            company = insert_company(connection, f"company-{number}")
            update_company(connection, company.slug, CompanyChanges(model=name), now=now)
            insert_requests(connection, company, requests, model=name)


def test_a_refused_batch_holds_its_model_until_its_parameters_are_set(world: World) -> None:
    _ask(world, OPAQUE, 20)
    assert _run(world) == {"not_run": 20 * len(OPAQUE)}
    rows = world.requests()
    assert {(row.processing_status, row.attempts, row.releases) for row in rows} == {("PENDING_BATCHING", 0, 0)}
    holds = {hold.model: hold for hold in rows_of(world.engine, ai_holds)}
    assert holds.keys() == {_own(name) for name in OPAQUE}
    for name, (code, said) in OPAQUE.items():
        hold = holds[_own(name)]
        assert (hold.reason, hold.not_before) == (code, None)
        assert said in hold.message and f"livedash model set {_own(name)} --parameters" in hold.message
    assert submit_pending(world.context, ignore_minimum=True).submitted == []
    for model, parameters in GOOD.items():
        assert set_parameters(world.engine, KINDS, model, parameters)["waitingRequests"] == 20
    # What nobody has set is refused once more, and held once more.
    assert _run(world, unhold=True) == {"parsed": 60, "not_run": 20}
    assert [hold.model for hold in rows_of(world.engine, ai_holds)] == ["gpt-4-0613"]


def test_parameters_reach_lines_reservations_and_lists_and_buy_nothing(world: World) -> None:
    with world.engine.begin() as connection:
        insert_requests(connection, world.company, 2)
    before, version = world.requests(), prompt_version()
    text = '{"max_completion_tokens": 12345, "reasoning_effort": "minimal"}'
    assert set_parameters(world.engine, KINDS, "gpt-5-mini", text)["waitingRequests"] == 2
    assert prompt_version() == version
    for old, new in zip(before, world.requests(), strict=True):
        assert (new.max_output_tokens, new.input_hash) == (12345, old.input_hash)
        assert new.body_bytes > old.body_bytes
    (sent,) = submit_pending(world.context, ignore_minimum=True).submitted
    set_parameters(world.engine, KINDS, "gpt-5-mini", None)
    # A batch that was claimed keeps what its cost was reserved by; a rebuild gives the same lines.
    with world.engine.connect() as connection:
        (kept,) = connection.execute(select(ai_batch_requests.c.parameters)).scalars()
    assert kept == {"max_completion_tokens": 12345, "reasoning_effort": "minimal"}
    spool = world.context.spool_dir / "again.jsonl"
    assert write_input_file(world.context, sent.batch_id, spool) == 2
    assert b'"max_completion_tokens": 12345' in spool.read_bytes()
    for _ in range(8):
        if not poll_batches(world.context).open:
            break
    assert world.ingest().outcomes == {"parsed": 2}
    assert set_parameters(world.engine, KINDS, "gpt-5-mini", text)["waitingRequests"] == 0
    assert submit_pending(world.context, ignore_minimum=True).submitted == []
    (listed,) = list_models(world.engine, "gpt-5-mini")["models"]
    assert (listed["stored"], listed["maxOutputTokens"]) == (True, 12345)


def test_parameters_reach_requests_in_flight_that_wait_again(world: World) -> None:
    world.faults({"kind": "refusal"})
    (first,) = world.send(1)
    (before,), size = world.requests(), _size(world, first)
    set_parameters(
        world.engine,
        KINDS,
        "gpt-5-mini",
        '{"max_completion_tokens": 16000, "user": "much longer lines than before"}',
    )
    world.ingest()
    _requeue(world)
    (sent,) = submit_pending(world.context, ignore_minimum=True).submitted
    (row,) = world.requests()
    assert (row.batch_id, row.max_output_tokens) == (sent.batch_id, 16000)
    assert row.body_bytes - before.body_bytes == _size(world, sent.batch_id) - size > 0


def _size(world: World, batch_id: UUID) -> int:
    """Bytes of the input file of a batch with one request."""
    path = world.context.spool_dir / "again.jsonl"
    assert write_input_file(world.context, batch_id, path) == 1
    return path.stat().st_size


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (" ", '{"max_tokens": 1}'),
        ("m", "{}"),
        ("m", "nonsense"),
        ("m", '{"model": "x"}'),
        ("m", r'{"max_tokens": 5, "user": "a\u0000b"}'),
        ("m", '{"max_tokens": 5, "user": "@transcript@"}'),
        ("@transcript@", '{"max_tokens": 5}'),
        ("a\udcffb", '{"max_tokens": 5}'),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(engine: Engine, model: str, text: str) -> None:
    with pytest.raises(UsageError):
        set_parameters(engine, KINDS, model, text)
    assert list_models(engine, "gpt-5-mini")["models"][0]["stored"] is False


@pytest.mark.parametrize("status", [400, None])
def test_refusals_without_a_status_or_for_what_a_request_holds_are_their_own(begin: Begin, status: int | None) -> None:
    going = begin(20)
    code = "context_length_exceeded" if status else "unsupported_value"
    going.end(error=[refused(each, 400, code) | _said_outside(status, code) for each in going.ids])
    assert going.ingest().outcomes == {"rejected": 20}
    assert going.holds() == []


def _said_outside(status: int | None, code: str) -> dict[str, Any]:
    return {} if status else {"response": None, "error": {"code": code, "message": "No."}}


def test_lines_that_validation_named_fail_and_hold_nothing(begin: Begin) -> None:
    errors = [{"code": "invalid_url", "message": "No.", "param": None, "line": number} for number in range(1, 21)]
    going = begin(20).end("failed", errors={"data": errors})
    assert going.ingest().outcomes == {"rejected": 20}
    assert going.holds() == []


@pytest.mark.parametrize(
    ("lines", "others", "outcomes"),
    [
        (20, 0, {"not_run": 20}),
        (19, 1, {"not_run": 19, "rejected": 1}),
        (19, 0, {"rejected": 19}),
        (18, 2, {"rejected": 20}),
    ],
)
def test_only_nearly_a_whole_batch_of_twenty_holds(
    begin: Begin, lines: int, others: int, outcomes: dict[str, int]
) -> None:
    going = begin(lines + others)
    ids = going.ids
    going.end(
        error=[refused(each, 400, "unsupported_value", f"No. (req_{n})") for n, each in enumerate(ids[:lines])]
        + [refused(each, 400, "invalid_prompt", "Another.") for each in ids[lines:]]
    )
    assert going.ingest().outcomes == outcomes
    assert len(going.holds()) == ("not_run" in outcomes)
    statuses = [row.processing_status for row in rows_of(going.engine, ai_processing_requests)]
    assert statuses.count("PENDING_BATCHING") == outcomes.get("not_run", 0)
