"""Result lines, usage and answers in every shape that the local server can write: over HTTP, into the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

import httpx2
from sqlalchemy import Engine

from livedash_pipeline.analysis.rules.prompt import ENDPOINT
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, ai_request_attempts, sessions
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.local.batch_api.faults.fault_kinds import AnswerShape, LineShape, UsageShape
from livedash_pipeline.local.batch_api.faults.line_shapes import ANSWER_SHAPES, LINE_SHAPES, UNREADABLE, USAGE_SHAPES
from livedash_pipeline.local.batch_api.server import RunningServer
from tests.support.bills import priced, total, usage
from tests.support.broken_rules import rows_against
from tests.support.rows import CHAT, insert_requests, rows_of

TABLES: dict[str, Mapping[str, Any]] = {
    "line_shape": LINE_SHAPES,
    "usage_shape": USAGE_SHAPES,
    "answer_shape": ANSWER_SHAPES,
}
SHAPES = [(kind, shape) for kind, table in TABLES.items() for shape in table]
# Where the answer is as it was asked for, or its service is merely in the habit.
UNFLAGGED = {"camel_case", "digits_as_text", "prompt_and_total", "without_status", "content_as_object"}


def script(server: RunningServer, *faults: dict[str, Any]) -> None:
    site = server.base_url.removesuffix("/v1")
    assert httpx2.post(f"{site}/_faults", json={"faults": list(faults)}).status_code == 200


def billed(server: RunningServer) -> dict[str, tuple[int, int]]:
    """Prompt and completion tokens of every line, as the server charges them."""
    bill = httpx2.get(f"{server.base_url.removesuffix('/v1')}/_journal").json()["bill"]
    return {line["custom_id"]: (line["input_tokens"], line["output_tokens"]) for line in bill}


def run_batch(context: BatchContext) -> Any:
    submit_pending(context, ignore_minimum=True)
    while poll_batches(context).open:
        pass
    return ingest_finished(context)


def test_every_shape_has_its_name_in_the_fault_script() -> None:
    for fault, table in ((LineShape, LINE_SHAPES), (UsageShape, USAGE_SHAPES), (AnswerShape, ANSWER_SHAPES)):
        assert list(get_args(fault.model_fields["shape"].annotation)) == list(table)


def test_every_paid_line_is_read_or_kept_and_billed_in_full(
    engine: Engine, company: Company, context: BatchContext, batch_api: RunningServer
) -> None:
    with engine.begin() as connection:
        ids = insert_requests(connection, company, len(SHAPES) + 1)[1:]
    names = dict(zip(ids, SHAPES, strict=True))
    script(
        batch_api,
        *(
            {"kind": kind, "shape": shape, "match": {"custom_id": str(request_id)}}
            for request_id, (kind, shape) in names.items()
        ),
    )
    report = run_batch(context)
    assert report.outcomes == {"parsed": len(SHAPES) + 1 - len(UNREADABLE), "invalid_output": len(UNREADABLE)}
    bill = billed(batch_api)
    attempts = {row.request_id: row for row in rows_of(engine, ai_request_attempts)}
    languages = {row.id: row.language for row in rows_of(engine, sessions)}
    for row in rows_of(engine, ai_processing_requests):
        shape = names[row.id][1] if row.id in names else ""
        if shape in UNREADABLE:
            assert (row.processing_status, row.error_code) == ("PROCESSING_FAILED", "invalid_output"), shape
            assert row.raw_answer, shape
        else:
            assert row.processing_status == "PROCESSING_COMPLETE", (shape, row.error_message)
            assert bool(row.answer_flags) == (row.id in names and shape not in UNFLAGGED), (shape, row.answer_flags)
            assert languages[row.session_id] == ("pap" if shape == "three_letters" else "en")
        assert (attempts[row.id].prompt_tokens, attempts[row.id].completion_tokens) == bill[str(row.id)], shape
        assert attempts[row.id].total_cost_usd > 0, shape
        if shape in ("zero_beside", "reasoning_outside", "cached_on_top"):
            assert "usage_disagrees" in row.answer_flags
    (batch,) = rows_of(engine, ai_batch_requests)
    assert (batch.lines_succeeded, batch.lines_failed) == (batch.reported_completed, 0)
    # A line that counts what was cached beside the prompt says more of it than the batch does, and costs what the batch says.
    given, made = (sum(tokens) for tokens in zip(*bill.values(), strict=True))
    assert total(engine)[0] == priced(engine, usage(given, made))[0]
    with engine.connect() as connection:
        assert rows_against(connection, "cost_agrees_with_batch_usage") == []
        assert rows_against(connection, "service_counts_agree") == []
        assert rows_against(connection, "every_submitted_request_has_one_outcome") == []


def test_a_server_that_splits_lines_elsewhere_rejects_nobody(
    engine: Engine, company: Company, context: BatchContext, batch_api: RunningServer
) -> None:
    odd = [Message("user", "One\u2028two\u2029three\x85four\x0bfive\x1csix. What now?", None)]
    with engine.begin() as connection:
        insert_requests(connection, company, 2, chat=odd)
        insert_requests(connection, company, 1, chat=CHAT)
    script(batch_api, {"kind": "split_lines"})
    assert run_batch(context).outcomes == {"parsed": 3}


def test_the_servers_own_split_finds_what_is_not_escaped(batch_api: RunningServer) -> None:
    script(batch_api, {"kind": "split_lines"})
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "One\u2028two"}]}
    line = json.dumps({"custom_id": "a", "method": "POST", "url": ENDPOINT, "body": body}, ensure_ascii=False)
    with httpx2.Client(base_url=batch_api.base_url + "/", headers={"Authorization": "Bearer k"}) as client:
        file = client.post("files", data={"purpose": "batch"}, files={"file": ("a.jsonl", line.encode())}).json()
        wanted = {"input_file_id": file["id"], "endpoint": ENDPOINT, "completion_window": "24h"}
        batch = client.post("batches", json=wanted).json()
        found = client.get(f"batches/{batch['id']}").json()
    assert [entry["code"] for entry in found["errors"]["data"]] == ["invalid_json_line"] * 2
