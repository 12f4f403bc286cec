"""The admin routes about requests: the three of the plan with its own numbers and shapes, and what stands around them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import insert, text

from livedash_pipeline.base.store.tables import ai_request_attempts, import_rejects, import_runs
from tests.api.world import ADMIN, Api, add_batch, add_requests
from tests.conftest import NOW

PLANNED = {
    "PENDING_BATCHING": 15231,
    "BATCHING_IN_PROGRESS": 2500,
    "PROCESSING_COMPLETE": 85432,
    "PROCESSING_FAILED": 78,
}
_MANY = """
    INSERT INTO ai_processing_requests (session_id, company_id, model, processing_status, batch_id, processing_type,
        prompt_version, transcript_hash, input_hash, body_bytes, token_estimate, max_output_tokens, requested_at, updated_at)
    SELECT s.id, s.company_id, 'gpt-5-mini', :status, :batch_id, :status || n, '1', 't', 'i', 1, 1, 1, :now, :now
    FROM generate_series(1, :count) AS n CROSS JOIN (SELECT id, company_id FROM sessions LIMIT 1) AS s
"""


def test_the_summary_of_the_plan_comes_out_byte_for_byte(api: Api) -> None:
    made = add_requests(api.engine, {"PENDING_BATCHING": 1})
    with api.engine.begin() as connection:
        connection.execute(text("DELETE FROM ai_processing_requests"))
        company_id = connection.execute(text("SELECT id FROM companies")).scalar_one()
        batch_id = add_batch(connection, company_id)
        for status, count in PLANNED.items():
            values = {"status": status, "count": count, "batch_id": batch_id, "now": NOW}
            connection.execute(text(_MANY), values)
    assert made
    response = api.get(f"{ADMIN}/summary")
    assert response.status_code == 200
    assert response.text == (
        '{"ok":true,"summary":{"pending_batching":15231,"batching_in_progress":2500,'
        '"processing_complete":85432,"processing_failed":78}}'
    )


def test_the_list_has_the_keys_of_the_plan_first_and_goes_on_by_cursor(api: Api) -> None:
    made = sorted(add_requests(api.engine, {"PROCESSING_FAILED": 3}))
    first = api.get(f"{ADMIN}/requests", params={"status": "processing_failed", "limit": 2}).json()
    assert list(first) == ["ok", "requests", "nextCursor"]
    assert list(first["requests"][0])[:3] == ["id", "sessionId", "status"]
    assert first["requests"][0]["status"] == "processing_failed"
    assert [row["id"] for row in first["requests"]] == [str(one) for one in made[:2]]
    query = {"status": "PROCESSING_failed", "limit": 2, "cursor": first["nextCursor"]}
    rest = api.get(f"{ADMIN}/requests", params=query).json()
    assert [row["id"] for row in rest["requests"]] == [str(made[2])]
    assert rest["nextCursor"] is None


def test_a_page_stays_what_it_is_while_requests_come_and_go(api: Api) -> None:
    made = sorted(add_requests(api.engine, {"PROCESSING_FAILED": 4}))
    query: dict[str, Any] = {"status": "processing_failed", "limit": 2}
    first = api.get(f"{ADMIN}/requests", params=query).json()
    api.post(f"{ADMIN}/requests/requeue", {"requestIds": [str(made[1])]})
    second = api.get(f"{ADMIN}/requests", params=query | {"cursor": first["nextCursor"]}).json()
    assert [row["id"] for row in second["requests"]] == [str(one) for one in made[2:]]


def test_requeue_answers_as_the_plan_says(api: Api) -> None:
    ids = [str(one) for one in add_requests(api.engine, {"PROCESSING_FAILED": 2})]
    response = api.post(f"{ADMIN}/requests/requeue", {"requestIds": ids})
    assert response.text == '{"ok":true,"requeuedCount":2,"notFoundCount":0,"notFailedCount":0}'
    again = api.post(f"{ADMIN}/requests/requeue", {"requestIds": [*ids, "req_id_1", str(uuid.uuid4())]})
    assert again.json() == {"ok": True, "requeuedCount": 0, "notFoundCount": 2, "notFailedCount": 2}
    # Counted anew at once, though counts are kept for a moment.
    assert api.get(f"{ADMIN}/summary").json()["summary"]["pending_batching"] == 2
    lines = [(line.action, line.outcome, line.status, line.detail["requeuedCount"]) for line in api.audit()]
    assert lines == [("requeue", "done", 200, 2), ("requeue", "done", 200, 0)]


@pytest.mark.parametrize("document", [{}, {"requestIds": []}])
def test_requeue_of_nothing_counts_nothing(quiet_api: Api, document: dict[str, Any]) -> None:
    counts = {"ok": True, "requeuedCount": 0, "notFoundCount": 0, "notFailedCount": 0}
    assert quiet_api.post(f"{ADMIN}/requests/requeue", document).json() == counts


def test_a_filter_only_counts_until_it_is_told_otherwise(api: Api) -> None:
    add_requests(api.engine, {"PROCESSING_FAILED": 2})
    counted = api.post(f"{ADMIN}/requests/requeue", {"errorCode": "truncated", "olderThanHours": 0})
    assert counted.json()["dryRun"] is True
    assert counted.json()["requeuedCount"] == 2
    # Neither a price nor a rate is known here.
    assert counted.json()["costAtMostEur"] is None
    assert api.post(f"{ADMIN}/requests/requeue", {"model": "another"}).json()["requeuedCount"] == 0
    unknown = api.post(f"{ADMIN}/requests/requeue", {"batch": "batch_none"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "bad_argument")
    done = api.post(f"{ADMIN}/requests/requeue", {"company": "acme", "dryRun": False})
    assert done.json() == {"ok": True, "requeuedCount": 2, "notFoundCount": 0, "notFailedCount": 0}
    both = api.post(f"{ADMIN}/requests/requeue", {"company": "acme", "requestIds": ["x"]})
    assert (both.status_code, both.json()["code"]) == (400, "bad_argument")


def test_reread_counts_until_it_is_told_otherwise(api: Api) -> None:
    add_requests(api.engine, {"PROCESSING_FAILED": 2})
    counted = api.post(f"{ADMIN}/requests/reread", {"company": "acme"}).json()
    assert counted.pop("dryRun") is True
    assert list(counted) == [
        "ok",
        "readCount",
        "acceptedCount",
        "stillRefusedCount",
        "withoutTextCount",
        "outdatedCount",
    ]
    assert counted["withoutTextCount"] == 2
    done = api.post(f"{ADMIN}/requests/reread", {"outcome": "truncated", "dryRun": False})
    assert done.json() == counted
    assert [(line.action, line.status, line.detail["readCount"]) for line in api.audit()] == [("reread", 200, 0)] * 2
    assert api.post(f"{ADMIN}/requests/reread", {"outcome": "parsed"}).status_code == 422


def test_a_request_is_shown_with_its_tries(api: Api) -> None:
    (request_id,) = add_requests(api.engine, {"BATCHING_IN_PROGRESS": 1})
    with api.engine.begin() as connection:
        batch_id = connection.execute(text("SELECT batch_id FROM ai_processing_requests")).scalar_one()
        values = {"request_id": request_id, "batch_id": batch_id, "created_at": NOW, "settled_at": NOW}
        connection.execute(
            insert(ai_request_attempts).values(**values, outcome="transient", http_status=503, total_cost_eur="0.0010")
        )
    document = api.get(f"{ADMIN}/requests/{request_id}").json()
    assert document["request"]["id"] == str(request_id)
    assert document["request"]["status"] == "batching_in_progress"
    (attempt,) = document["attempts"]
    assert (attempt["outcome"], attempt["httpStatus"], attempt["totalCostEur"]) == ("transient", 503, "0.001")
    batch = api.get(f"{ADMIN}/batches/{batch_id}").json()["batch"]
    assert batch["outcomes"]["transient"] == 1
    assert batch["totalCostEur"] == "0.001"
    assert "rawAnswer" not in document["request"]


@pytest.mark.parametrize("name", [str(uuid.UUID(int=7)), "req_id_1", "%00", "..%2f", "a" * 3000, "%F0%9F%98%80"])
def test_an_unknown_request_or_batch_is_not_found(quiet_api: Api, name: str) -> None:
    for kind in ("requests", "batches"):
        response = quiet_api.get(f"{ADMIN}/{kind}/{name}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), kind


def test_stages_are_counted_for_all_and_for_one(api: Api) -> None:
    add_requests(api.engine, {"PENDING_BATCHING": 2})
    add_requests(api.engine, {"PENDING_BATCHING": 1}, slug="globex")
    every = api.get(f"{ADMIN}/stages").json()
    assert list(every)[:3] == ["ok", "totalSessions", "stages"]
    assert every["totalSessions"] == 3
    one = api.get(f"{ADMIN}/stages", params={"company": "globex"}).json()
    assert one["stages"]["session_creation"]["completed"] == 1


def test_rejects_are_listed_newest_first(api: Api) -> None:
    add_requests(api.engine, {})
    with api.engine.begin() as connection:
        company_id = connection.execute(text("SELECT id FROM companies")).scalar_one()
        run = {"company_id": company_id, "source_url": "acme.csv", "started_at": NOW}
        run_id = connection.execute(insert(import_runs).values(**run).returning(import_runs.c.id)).scalar_one()
        for line in (1, 2, 3):
            # Ids of the same millisecond have no order.
            values = {"id": uuid.UUID(int=line), "company_id": company_id, "import_run_id": run_id}
            told = {"line_number": line, "raw_text": "x" * 900, "reason": "columns"}
            connection.execute(insert(import_rejects).values(**values, **told))
    first = api.get(f"{ADMIN}/rejects", params={"limit": 2, "company": "acme"}).json()
    assert [row["lineNumber"] for row in first["rejects"]] == [3, 2]
    assert len(first["rejects"][0]["rawText"]) == 500
    query = {"limit": 2, "company": "acme", "cursor": first["nextCursor"]}
    assert [row["lineNumber"] for row in api.get(f"{ADMIN}/rejects", params=query).json()["rejects"]] == [1]


def test_an_unchanged_document_is_not_sent_again(api: Api) -> None:
    first = api.get(f"{ADMIN}/summary")
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    same = api.get(f"{ADMIN}/summary", headers={"If-None-Match": f'"other", {tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    add_requests(api.engine, {"PENDING_BATCHING": 1})
    changed = api.get(f"{ADMIN}/summary", headers={"If-None-Match": tag, "Cache-Control": "no-cache"})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("status=done", "pending_batching"),
        ("status=", "pending_batching"),
        ("limit=5", "status"),
        ("status=processing_failed&limit=0", "limit"),
        ("status=processing_failed&limit=1001", "limit"),
        ("status=processing_failed&limit=many", "limit"),
        ("status=processing_failed&cursor=abc", "nextCursor"),
        ("status=processing_failed&cursor=%00", "cursor"),
        ("status=processing_failed&company=nobody", "acme"),
        ("status=processing_failed&company=%00", "company"),
        ("status=processing_failed&compnay=acme", "company, cursor, limit, status"),
        ("status=processing_failed&status=processing_failed", "more than once"),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_allowed(quiet_api: Api, query: str, parameter: str) -> None:
    response = quiet_api.get(f"{ADMIN}/requests?{query}")
    problem = response.json()
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert parameter in problem["detail"] + problem["remedy"]
    assert problem["instance"] == f"{ADMIN}/requests"


def test_a_cursor_of_another_filter_is_refused(api: Api) -> None:
    add_requests(api.engine, {"PROCESSING_FAILED": 2})
    query = {"status": "processing_failed", "limit": 1}
    cursor = api.get(f"{ADMIN}/requests", params=query).json()["nextCursor"]
    other = api.get(f"{ADMIN}/requests", params={"status": "processing_complete", "cursor": cursor})
    assert (other.status_code, other.json()["remedy"]) == (
        400,
        "Use nextCursor of the page before, with the same filter.",
    )


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b"", 422, ""),
        (b"{", 400, None),
        (b"\xff{}", 400, None),
        (b'{"dryRun": NaN}', 400, None),
        (b'{"dryRun": true, "dryRun": false}', 400, None),
        (b"[" * 40 + b"]" * 40, 400, None),
        (b"1" * 5000, 400, None),
        (b"[]", 422, ""),
        (b"null", 422, ""),
        (b'{"requestIds": "one"}', 422, "/requestIds"),
        (b'{"requestIds": [1]}', 422, "/requestIds/0"),
        (b'{"requestIds": ["a", {"b": []}]}', 422, "/requestIds/1"),
        (b'{"requests": []}', 422, "/requests"),
        (b'{"dryRun": "yes"}', 422, "/dryRun"),
        (b'{"olderThanHours": -1}', 422, "/olderThanHours"),
        (b'{"olderThanHours": 1e300}', 422, "/olderThanHours"),
        (b'{"errorCode": "\\u0000"}', 422, "/errorCode"),
        (b'{"company": "\\ud800"}', 422, "/company"),
        (b'{"requestIds": ["\\ud800"]}', 422, "/requestIds/0"),
    ],
)
def test_a_bad_body_is_refused_with_a_pointer_and_changes_nothing(
    quiet_api: Api, body: bytes, status: int, pointer: str | None
) -> None:
    response = quiet_api.call(
        "POST", f"{ADMIN}/requests/requeue", content=body, headers={"Content-Type": "application/json"}
    )
    problem = response.json()
    assert response.status_code == status
    if pointer is not None:
        assert problem["errors"][0]["pointer"] == pointer
    assert problem["remedy"]
    assert quiet_api.get(f"{ADMIN}/summary").json()["summary"]["processing_failed"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json5; charset=utf-8"},
    ],
)
def test_a_body_of_another_type_is_refused(quiet_api: Api, headers: dict[str, str]) -> None:
    response = quiet_api.call("POST", f"{ADMIN}/requests/requeue", content=b"{}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")
    good = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert quiet_api.call("POST", f"{ADMIN}/requests/requeue", content=b"{}", headers=good).status_code == 200


def test_a_large_body_is_refused_before_and_while_it_is_read(quiet_api: Api) -> None:
    body = b'{"requestIds": ["' + b"a" * 1024 * 1024 + b'"]}'
    headers = {"Content-Type": "application/json"}
    for content in (body, iter([body[:1000], body[1000:]])):
        response = quiet_api.call("POST", f"{ADMIN}/requests/requeue", content=content, headers=headers)
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
    many = {"requestIds": [str(number) for number in range(10_001)]}
    assert quiet_api.post(f"{ADMIN}/requests/requeue", many).json()["errors"][0]["pointer"] == "/requestIds"
