"""Batches and lines that the service refused: who is rejected, who waits again, and what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import ai_admissions
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.store.admission import holds
from tests.support.batch_round import Begin, Round, batch_row
from tests.support.batch_service import refused

MODEL = "gpt-5-mini"


def failed(going: Round, *errors: dict[str, Any]) -> Round:
    return going.end("failed", errors={"object": "list", "data": list(errors)})


def entry(
    code: str, line: int | None = None, message: str = "Its message.", param: str | None = None
) -> dict[str, Any]:
    return {"code": code, "message": message, "param": param, "line": line}


def test_a_line_fault_rejects_its_lines_and_releases_the_others(begin: Begin) -> None:
    going = failed(begin(3), entry("invalid_url", 2, "Wrong url."), entry("invalid_url", 2))
    assert going.ingest().outcomes == {"rejected": 1, "not_run": 2}
    first, second, third = going.ids
    assert going.outcomes() == {first: "not_run", second: "rejected", third: "not_run"}
    rows = going.requests()
    assert [(row.processing_status, row.attempts, row.releases) for row in rows] == [
        ("PENDING_BATCHING", 0, 0),
        ("PROCESSING_FAILED", 1, 0),
        ("PENDING_BATCHING", 0, 0),
    ]
    assert rows[1].error_message == "Wrong url."
    assert going.holds() == []


@pytest.mark.parametrize(
    "lines",
    [
        [{"error": {"code": "model_not_found", "message": "No such model."}}],
        [{"custom_id": None, "error": {"code": "model_not_found"}}, {"custom_id": "another"}],
        [b"The model does not exist."],
        *([line] for line in (b"[]", b"{}", b"null")),
        [],
    ],
)
def test_an_error_file_that_names_no_request_does_not_hide_a_failed_validation(begin: Begin, lines: list[Any]) -> None:
    errors = {"data": [entry("model_not_found")]}
    going = begin(2).end("failed", errors=errors, error=lines)
    assert going.ingest(timedelta(minutes=3)).outcomes == {"not_run": 2}
    assert [hold.reason for hold in going.holds()] == ["model_not_found"]


def test_without_errors_a_file_that_names_no_request_is_not_believed(begin: Begin) -> None:
    going = begin(2).end("failed", error=[{"error": {"code": "model_not_found"}}])
    for later in (3, 9, 70, 10_000):
        assert len(going.ingest(timedelta(minutes=later)).short) == 1


@pytest.mark.parametrize("line", [b"[]", b"{}", b"null"])
def test_a_line_that_says_that_there_is_nothing_is_none(begin: Begin, line: bytes) -> None:
    going = begin(2)
    going.end("expired", error=[line], request_counts={"total": 2, "completed": 0, "failed": 0})
    assert going.ingest(timedelta(minutes=3)).outcomes == {"not_run": 2}


@pytest.mark.parametrize("line", [0, 4, None])
def test_a_fault_of_no_line_of_ours_uses_up_an_attempt(begin: Begin, line: int | None) -> None:
    """Else the same file would be sent again for ever."""
    going = failed(begin(3), entry("invalid_url", line))
    assert going.ingest().outcomes == {"transient": 3}
    assert {row.attempts for row in going.requests()} == {1}


def test_a_full_token_queue_holds_the_model_and_teaches_its_limit(begin: Begin) -> None:
    message = "Enqueued token limit reached for gpt-4.1 in organization org-1. Limit: 90,000 enqueued tokens."
    going = failed(begin(2), entry("token_limit_exceeded", message=message))
    assert going.ingest().outcomes == {"not_run": 2}
    assert [(row.attempts, row.releases) for row in going.requests()] == [(0, 0), (0, 0)]
    (hold,) = going.holds()
    assert (hold.model, hold.reason, hold.message) == (MODEL, "token_limit_exceeded", message)
    assert hold.not_before - hold.held_at == timedelta(minutes=15)
    with going.engine.connect() as connection:
        assert connection.execute(select(ai_admissions.c.learned_token_limit)).scalar_one() == 90_000


def test_a_batch_that_ran_raises_the_learned_limit(begin: Begin) -> None:
    going = begin()
    with going.engine.begin() as connection:
        holds.learn_limit(connection, going.context.endpoint, MODEL, limit=1000, now=database_now(connection))
    going.end(output=[going.answer(going.ids[0])]).ingest()
    with going.engine.connect() as connection:
        assert connection.execute(select(ai_admissions.c.learned_token_limit)).scalar_one() == 1250


# code, param, scope of the hold, minutes, counted release
VALIDATION = [
    ("model_not_found", "body.model", MODEL, None, 0),
    ("billing_hard_limit_reached", None, None, None, 0),
    ("insufficient_quota", None, None, 15, 0),
]


@pytest.mark.parametrize(("code", "param", "scope", "minutes", "releases"), VALIDATION)
def test_what_the_account_lacks_releases_uncounted_and_holds(
    begin: Begin, code: str, param: str | None, scope: str | None, minutes: int | None, releases: int
) -> None:
    going = failed(begin(), entry(code, 1, param=param))
    assert going.ingest().outcomes == {"not_run": 1}
    (row,) = going.requests()
    assert (row.processing_status, row.attempts, row.releases) == ("PENDING_BATCHING", 0, releases)
    (hold,) = going.holds()
    assert (hold.model, hold.reason, hold.message) == (scope, code, "Its message.")
    assert hold.not_before == (None if minutes is None else hold.held_at + timedelta(minutes=minutes))
    assert submit_pending(going.context, ignore_minimum=True).submitted == []


def test_a_missing_input_file_is_a_counted_release(begin: Begin) -> None:
    going = failed(begin(), entry("invalid_request", param="file_id"))
    assert going.ingest().outcomes == {"not_run": 1}
    (row,) = going.requests()
    assert (row.processing_status, row.attempts, row.releases) == ("PENDING_BATCHING", 0, 1)
    assert (going.holds(), batch_row(going.engine).status) == ([], "FAILED")


@pytest.mark.parametrize("errors", [(), (entry("server_error"),)])
def test_an_unknown_failure_uses_up_an_attempt(begin: Begin, errors: Sequence[dict[str, Any]]) -> None:
    going = failed(begin(), *errors)
    assert going.ingest().outcomes == {"transient": 1}
    assert [(row.attempts, row.releases) for row in going.requests()] == [(1, 0)]


def test_a_line_without_quota_is_released_uncounted_with_a_hold_for_the_batchs_key(begin: Begin) -> None:
    going = begin(2)
    first, second = going.ids
    lines = [refused(first, 429, "insufficient_quota", "You exceeded your quota."), refused(second, 500)]
    going.end(error=lines)
    fingerprint = batch_row(going.engine).key_fingerprint
    # The key was changed meanwhile: the new one is not held.
    changed = replace(
        going.context, settings=going.context.settings.model_copy(update={"openai_api_key": "another-key"})
    )
    assert ingest_finished(changed).outcomes == {"not_run": 1, "transient": 1}
    assert [(row.attempts, row.releases) for row in going.requests()] == [(0, 0), (1, 0)]
    (hold,) = going.holds()
    assert (hold.model, hold.reason, hold.key_fingerprint) == (None, "quota", fingerprint)
    assert hold.message == "You exceeded your quota."
    assert submit_pending(going.context, ignore_minimum=True).submitted == []
    assert len(submit_pending(changed, ignore_minimum=True).submitted) == 1


def test_billing_is_not_hidden_by_a_shorter_hold(begin: Begin) -> None:
    going = begin(2)
    first, second = going.ids
    lines = [refused(first, 429, "insufficient_quota"), refused(second, 429, "billing_hard_limit_reached")]
    going.end(error=lines).ingest()
    (hold,) = going.holds()
    assert hold.not_before is None or hold.reason == "billing"
