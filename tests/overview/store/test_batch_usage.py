"""The check that compares a batch's usage with its lines, against the rule that specifies it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from itertools import product

import pytest
from sqlalchemy import Engine, insert, text

from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.base.store.statements import statement, with_lists
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_cost_adjustments, ai_request_attempts
from livedash_pipeline.ledger.store.results.finished import scratch_usage
from livedash_pipeline.ledger.store.results.settlement import open_scratch
from livedash_pipeline.money.rules.pricing import usage_differs
from tests.conftest import NOW

Line = tuple[int | None, int | None, int | None]
LINES: list[Line] = list(product((None, 0, 1, 2), (None, 0, 1), (None, 1, 3)))
OTHERS: list[list[Line]] = [[], [(1, 1, 2)], [(None, None, 3)]]
BOOKING = {"kind": "unattributed", "reason": "test", "incurred_at": NOW, "created_at": NOW}
STATED = [
    (prompt, completion, total)
    for (prompt, completion), total in product([(None, None), *product(range(4), range(3))], (None, 1, 3, 4, 6))
]


def usage_of(lines: Sequence[Line]) -> TokenUsage:
    usages = [TokenUsage(*line) for line in lines]
    return TokenUsage(
        sum(usage.prompt_tokens or 0 for usage in usages),
        sum(usage.completion_tokens or 0 for usage in usages),
        sum(usage.all_tokens for usage in usages),
    )


@pytest.mark.parametrize("is_booked", [False, True])
def test_the_check_finds_the_batches_whose_usage_differs_from_their_lines(engine: Engine, is_booked: bool) -> None:
    """The lines but the first are booked beside it in half of the cases, which makes no difference."""
    cases = {uuid.uuid4(): (stated, [line, *other]) for stated, line, other in product(STATED, LINES, OTHERS)}
    batches, attempts, bookings = [], [], []
    for batch_id, (stated, lines) in cases.items():
        usage, written = (
            dict(zip(("input_tokens", "output_tokens", "total_tokens"), stated, strict=True)),
            usage_of(lines[:1] if is_booked else lines),
        )
        sums = {"lines_input_tokens": written.prompt_tokens, "lines_output_tokens": written.completion_tokens}
        batches.append({"id": batch_id, "company_id": uuid.uuid4(), "usage": usage, **sums})
        for line in lines[1:] if is_booked else []:
            booked = {
                "prompt_tokens": line[0],
                "completion_tokens": line[1],
                "total_tokens": TokenUsage(*line).all_tokens,
            }
            bookings.append(BOOKING | {"batch_id": batch_id, "company_id": uuid.uuid4(), **booked})
        for prompt, completion, total in lines[:1] if is_booked else lines:
            tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}
            attempts.append({"batch_id": batch_id, "request_id": uuid.uuid4(), "created_at": NOW, **tokens})
    same = {
        "model": "m",
        "endpoint": "e",
        "key_fingerprint": "k",
        "request_count": 1,
        "body_bytes": 1,
        "token_estimate": 1,
    }
    same |= {"status": "PROCESSED", "created_at": NOW, "status_changed_at": NOW, "processed_at": NOW}
    check = with_lists(statement("overview/check_batch_usage").text.replace("LIMIT 1000", ""))
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(insert(ai_batch_requests), [same | batch for batch in batches])
        connection.execute(insert(ai_request_attempts), attempts)
        if bookings:
            connection.execute(insert(ai_cost_adjustments), bookings)
        found = {row.batch_id for row in connection.execute(check)}
    assert found == {
        each for each, (stated, lines) in cases.items() if usage_differs(TokenUsage(*stated), usage_of(lines))
    }


def test_staged_lines_add_up_as_their_usages_do(engine: Engine) -> None:
    query = text(
        "INSERT INTO scratch_results (request_id, outcome, counted_release, prompt_tokens, completion_tokens, total_tokens)"
        " VALUES (gen_random_uuid(), 'parsed', false, :prompt, :completion, :total)"
    )
    with engine.connect() as connection:
        open_scratch(connection)
        assert scratch_usage(connection) == TokenUsage(0, 0, 0)
        named = [dict(zip(("prompt", "completion", "total"), line, strict=True)) for line in LINES]
        connection.execute(query, named)
        assert scratch_usage(connection) == usage_of(LINES)
