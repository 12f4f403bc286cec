"""Companies submit sessions over HTTP, look after them, and follow their results; nobody sees those of another company."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.tables import (
    api_tokens,
    audit_log,
    companies,
    idempotency_keys,
    messages,
    session_imports,
    sessions,
)
from livedash_pipeline.intake.steps.derive_sessions import derive_sessions
from livedash_pipeline.intake.store.sessions import lock_derivation
from livedash_pipeline.submissions.rules.items import MAX_ITEM_BYTES
from livedash_pipeline.submissions.store.idempotency import key_lock
from tests.api.submission_site import NDJSON, Site, running_site
from tests.conftest import migrated_database
from tests.support.imported import count, rows_of, set_stage
from tests.support.submitted import submission

ONE, BATCH, RESULTS = "/api/v1/sessions", "/api/v1/sessions/batch", "/api/v1/results"


@pytest.fixture
def site(engine: Engine) -> Iterator[Site]:
    with running_site(engine) as site:
        yield site


@pytest.fixture(scope="module")
def strict(postgres_template: str) -> Iterator[Site]:
    """A site for all tests that are refused: nothing of theirs is ever stored."""
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        with running_site(engine) as site:
            yield site
        engine.dispose()


def derive(site: Site) -> None:
    derive_sessions(site.engine, site.acme)


def analyse(site: Site, name: str, at: str, **values: Any) -> None:
    """What a settlement writes, at a time."""
    with site.engine.begin() as connection:
        named = text("""
            UPDATE sessions SET analysed_at = :at, sentiment = 'POSITIVE', language = 'nl', category = 'LEAVE_VACATION',
                summary = 'About leave.' FROM session_imports AS i WHERE i.id = import_id AND external_session_id = :name
            RETURNING import_id
        """)
        import_id = connection.execute(named, {"at": at, "name": name}).scalar_one()
        for stage in ("AI_ANALYSIS", "QUESTION_EXTRACTION"):
            set_stage(connection, import_id, stage, "COMPLETED")


def problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), (
        response.text
    )
    document: dict[str, Any] = response.json()
    assert document["code"] == code
    return document


# One session


def test_a_session_is_taken_and_can_be_looked_at(site: Site) -> None:
    taken = site.client("POST", ONE, submission("chat 1", country="NL"))
    assert taken.status_code == 202
    assert taken.json() == {"ok": True, "externalId": "chat 1", "outcome": "created", "flags": []}
    assert taken.headers["location"] == "/api/v1/sessions/chat%201"
    found = site.client("GET", taken.headers["location"]).json()["session"]
    assert (found["stage"], found["status"], found["result"]) == ("session_creation", "pending", None)
    assert found["externalId"] == "chat 1"
    assert [stage["status"] for stage in found["stages"]] == ["completed", "completed", "pending", "pending", "pending"]


def test_a_session_sent_again_is_unchanged_and_another_one_updated(site: Site) -> None:
    answers = [
        site.client("POST", ONE, each).json()["outcome"]
        for each in (submission(), submission(), submission(texts=["bye"]))
    ]
    assert answers == ["created", "unchanged", "updated"]
    assert count(site.engine, session_imports) == 1


def test_the_result_is_shown_once_there_is_one(site: Site) -> None:
    site.client("POST", ONE, submission())
    derive(site)
    analyse(site, "chat-1", "2025-05-02T00:00:00Z")
    found = site.client("GET", f"{ONE}/chat-1").json()["session"]
    assert (found["stage"], found["status"]) == ("question_extraction", "completed")
    assert found["result"] == {
        "current": True,
        "analysedAt": "2025-05-02T00:00:00+00:00",
        "language": "nl",
        "sentiment": "positive",
        "escalated": None,
        "forwardedHr": None,
        "category": "leave_vacation",
        "summary": "About leave.",
        "questions": [],
    }
    site.client("POST", ONE, submission(texts=["something else"]))
    derive(site)
    found = site.client("GET", f"{ONE}/chat-1").json()["session"]
    assert (found["stage"], found["status"], found["result"]["current"]) == ("ai_analysis", "pending", False)


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        (b"", 422, "invalid_body", ""),
        (b"{", 400, "bad_request", None),
        (b"[]", 422, "invalid_body", ""),
        (submission(startTime="01.05.2025 12:00:00"), 422, "invalid_body", "/startTime"),
        (submission(endTime="2025-05-01T11:00:00Z", startTime="2025-05-01T12:00:00Z"), 422, "invalid_body", "/endTime"),
        (submission(messages=[{"role": "bot", "content": "x"}]), 422, "invalid_body", "/messages/0/role"),
        (submission(unknown=1), 422, "invalid_body", "/unknown"),
        (b'{"a": ' * 100 + b"1" + b"}" * 100, 400, "bad_request", None),
        (b" " * (MAX_ITEM_BYTES + 1), 413, "too_large", None),
    ],
)
def test_a_bad_session_is_refused_with_the_path_of_its_field(
    strict: Site, body: object, status: int, code: str, pointer: str | None
) -> None:
    document = problem(strict.client("POST", ONE, body), status, code)
    if pointer is not None:
        assert [error["pointer"] for error in document["errors"]] == [pointer]
    assert count(strict.engine, session_imports) == 0


def test_another_type_of_body_is_refused(strict: Site) -> None:
    for path in (ONE, BATCH):
        refused = strict.client("POST", path, b"externalId=1", Content_Type="application/x-www-form-urlencoded")
        problem(refused, 415, "unsupported_media_type")


def test_nothing_is_taken_for_a_company_that_is_not_worked_for(site: Site) -> None:
    with site.engine.begin() as connection:
        connection.execute(update(companies).values(status="SUSPENDED"))
    assert "acme is suspended" in problem(site.client("POST", ONE, submission()), 409, "conflict")["detail"]
    problem(site.client("POST", BATCH, [submission()]), 409, "conflict")


def test_an_erased_session_stays_erased(site: Site) -> None:
    site.client("POST", ONE, submission(texts=["my secret"]))
    derive(site)
    for _ in range(2):
        erased = site.client("DELETE", f"{ONE}/chat-1")
        assert (erased.status_code, erased.json()) == (
            200,
            {"ok": True, "externalId": "chat-1", "erased": True, "inFlightCount": 0},
        )
    assert [row["content"] for row in rows_of(site.engine, messages)] == [None]
    problem(site.client("POST", ONE, submission(texts=["my secret"])), 410, "gone")
    batch = site.client("POST", BATCH, [submission(), submission("chat-2")]).json()
    assert [(item["outcome"], item["code"]) for item in batch["items"]] == [("rejected", "erased"), ("created", None)]
    found = site.client("GET", f"{ONE}/chat-1").json()["session"]
    assert found["erasedAt"] is not None
    assert found["result"] is None
    with site.engine.connect() as connection:
        assert "my secret" not in str(connection.execute(text("SELECT to_jsonb(t) FROM transcripts AS t")).all())


# A batch


def test_a_batch_answers_item_by_item_in_its_order(site: Site) -> None:
    site.client("POST", ONE, submission("known"))
    taken = site.client(
        "POST",
        BATCH,
        [submission("new"), submission("known"), submission("bad", ip="x"), submission("known", ["other"]), 7],
    )
    assert taken.status_code == 202
    document = taken.json()
    assert {name: document[name] for name in ("created", "updated", "unchanged", "rejected")} == {
        "created": 1,
        "updated": 1,
        "unchanged": 0,
        "rejected": 3,
    }
    told = [(item["index"], item["externalId"], item["code"] or item["outcome"]) for item in document["items"]]
    assert told == [
        (0, "new", "created"),
        (1, "known", "duplicate_id"),
        (2, "bad", "invalid"),
        (3, "known", "updated"),
        (4, None, "invalid"),
    ]
    assert document["items"][2]["errors"] == [{"pointer": "/ip", "detail": "This is no IPv4 or IPv6 address."}]
    # The place to look is empty at first, and valid.
    assert site.client("GET", taken.headers["location"]).json()["results"] == []


def test_lines_are_taken_as_well_and_may_come_in_pieces(site: Site) -> None:
    lines = [json.dumps(submission(f"chat-{n}", ["ö" * 3000])).encode() + b"\r\n" for n in range(30)]

    def pieces() -> Iterator[bytes]:
        yield from lines
        yield b"\n \n"

    taken = site.http.post(
        BATCH,
        content=pieces(),
        headers={"Authorization": f"Bearer {site.client.token}", "Content-Type": f"{NDJSON}; charset=utf-8"},
    )
    assert (taken.status_code, taken.json()["created"]) == (202, 30)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_request"),
        (b"[]", 422, "invalid_body"),
        (b'{"externalId": 1}', 400, "bad_request"),
        (b"[" + json.dumps(submission()).encode(), 400, "bad_request"),
        (b"[" + b"0," * 10_000 + b"0]", 422, "invalid_body"),
    ],
)
def test_a_batch_without_an_outline_stores_nothing(strict: Site, body: bytes, status: int, code: str) -> None:
    document = problem(strict.client("POST", BATCH, body), status, code)
    assert document["errors"][0]["pointer"] == ""
    assert count(strict.engine, session_imports) == 0


def test_a_batch_that_says_it_is_too_large_is_not_read(strict: Site) -> None:
    connection = HTTPConnection(strict.http.base_url.host, strict.http.base_url.port, timeout=30)
    connection.putrequest("POST", BATCH)
    headers = {"Content-Type": "application/json", "Content-Length": "100000001"}
    for name, value in (headers | {"Authorization": f"Bearer {strict.client.token}"}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answered = connection.getresponse()
    assert (answered.status, json.loads(answered.read())["code"]) == (413, "too_large")
    connection.close()


# Repeats


@pytest.mark.parametrize("path", [ONE, BATCH])
def test_the_same_request_with_the_same_key_gets_the_same_answer(site: Site, path: str) -> None:
    body = submission() if path == ONE else [submission()]
    first = site.client("POST", path, body, Idempotency_Key="a-1")
    again = site.client("POST", path, body, Idempotency_Key="a-1")
    assert (first.content, first.status_code) == (again.content, again.status_code)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert site.client("POST", path, body, Idempotency_Key="a-2").json() != first.json(), "another key does the work"


def test_another_request_with_the_same_key_is_refused(site: Site) -> None:
    site.client("POST", ONE, submission(), Idempotency_Key="a")
    for path, body in ((ONE, submission(texts=["x"])), (BATCH, [submission()])):
        problem(site.client("POST", path, body, Idempotency_Key="a"), 422, "idempotency_key_reused")
    assert count(site.engine, session_imports) == 1


def test_a_key_belongs_to_its_token(site: Site) -> None:
    site.client("POST", ONE, submission(), Idempotency_Key="a")
    assert site.other()("POST", ONE, submission("other"), Idempotency_Key="a").status_code == 202


def test_while_the_first_request_is_at_work_the_second_has_to_wait(site: Site) -> None:
    with site.engine.connect() as connection:
        token_id = connection.execute(text("SELECT id FROM api_tokens")).scalar_one()
    with key_lock(site.engine, token_id, "a"):
        busy = site.client("POST", ONE, submission(), Idempotency_Key="a")
    problem(busy, 409, "conflict")
    assert int(busy.headers["retry-after"]) > 0
    assert site.client("POST", ONE, submission(), Idempotency_Key="a").status_code == 202


def test_two_requests_with_one_key_at_once_do_the_work_once(site: Site) -> None:
    batch = [submission(f"chat-{n}") for n in range(300)]
    answers: list[Any] = []

    def send() -> None:
        answers.append(site.client("POST", BATCH, batch, Idempotency_Key="a"))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {202, 409}
    done = [answer.json() for answer in answers if answer.status_code == 202]
    assert [document["created"] for document in done] == [300] * len(done)
    assert done


def test_work_that_was_cut_off_goes_on_with_the_same_key(site: Site) -> None:
    site.client("POST", ONE, submission(), Idempotency_Key="a")
    with site.engine.begin() as connection:
        connection.execute(update(idempotency_keys).values(status=None, response=None, finished_at=None))
    again = site.client("POST", ONE, submission(), Idempotency_Key="a")
    assert (again.status_code, again.json()["outcome"]) == (202, "unchanged")
    problem(site.client("POST", ONE, submission("b"), Idempotency_Key="a"), 422, "idempotency_key_reused")


def test_a_key_counts_for_a_day(site: Site) -> None:
    for key in ("a", "b"):
        site.client("POST", ONE, submission(), Idempotency_Key=key)
    with site.engine.begin() as connection:
        connection.execute(update(idempotency_keys).values(created_at=text("created_at - interval '25 hours'")))
    assert site.client("POST", ONE, submission("x"), Idempotency_Key="a").json()["outcome"] == "created"
    (kept,) = rows_of(site.engine, idempotency_keys)
    assert kept["key"] == "a", "the other one was deleted in passing"


def test_a_refused_session_leaves_its_key_free_for_the_mended_one(site: Site) -> None:
    problem(site.client("POST", ONE, submission(ip="x"), Idempotency_Key="a"), 422, "invalid_body")
    assert site.client("POST", ONE, submission(), Idempotency_Key="a").status_code == 202


def test_a_refused_batch_leaves_its_key_free_for_the_mended_one(site: Site) -> None:
    problem(site.client("POST", BATCH, b"[", Idempotency_Key="a"), 400, "bad_request")
    assert site.client("POST", BATCH, [submission()], Idempotency_Key="a").json()["created"] == 1


def test_a_company_whose_changes_wait_takes_nothing_from_others(site: Site) -> None:
    statuses: list[int] = []

    def change(number: int) -> None:
        key = {"Idempotency_Key": f"key-{number}"} if number % 2 else {}
        statuses.append(site.client("POST", ONE, submission(f"chat-{number}"), **key).status_code)

    other = site.other()
    threads = [threading.Thread(target=change, args=(number,)) for number in range(24)]
    with site.engine.begin() as connection:
        lock_derivation(connection, site.acme.id)
        for thread in threads:
            thread.start()
        answers = [other("GET", RESULTS).status_code, other("POST", ONE, submission("other")).status_code]
    for thread in threads:
        thread.join()
    assert answers == [200, 202]
    assert statuses == [202] * len(threads)


def test_a_company_sends_only_so_many_batches_at_once(site: Site) -> None:
    host, _, port = site.http.base_url.netloc.decode().partition(":")
    opened = [HTTPConnection(host, int(port), timeout=30) for _ in range(8)]
    for connection in opened:
        connection.putrequest("POST", BATCH)
        headers = {"Authorization": f"Bearer {site.client.token}", "Content-Type": NDJSON, "Content-Length": "1"}
        for name, value in (headers | {"Expect": "100-continue"}).items():
            connection.putheader(name, value)
        connection.endheaders()
        # The server asks for the body once its turn has come.
        assert connection.sock.recv(100).startswith(b"HTTP/1.1 100 ")
    refused = site.client("POST", BATCH, [submission()])
    problem(refused, 429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 0
    assert site.other()("POST", BATCH, [submission()]).status_code == 202
    for connection in opened:
        connection.send(b" ")
        assert connection.getresponse().status == 422
        connection.close()
    assert site.client("POST", BATCH, [submission()]).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
def test_a_key_that_cannot_be_one_is_refused(strict: Site, key: str) -> None:
    problem(strict.client("POST", ONE, submission(), Idempotency_Key=key), 400, "bad_request")


# Results


def names(document: dict[str, Any]) -> list[str]:
    return [result["externalId"] for result in document["results"]]


def test_results_come_in_the_order_of_their_analysis_and_the_cursor_goes_on(site: Site) -> None:
    site.client("POST", BATCH, [submission(f"chat-{n}") for n in range(5)])
    derive(site)
    for n in (3, 0, 4, 1):
        analyse(site, f"chat-{n}", f"2025-05-02T00:00:0{n}Z")
    first = site.client("GET", f"{RESULTS}?limit=3").json()
    assert (names(first), first["hasMore"]) == (["chat-0", "chat-1", "chat-3"], True)
    second = site.client("GET", f"{RESULTS}?limit=3&cursor={first['nextCursor']}").json()
    assert (names(second), second["hasMore"]) == (["chat-4"], False)
    # What is analysed later comes after the cursor, again as well.
    analyse(site, "chat-2", "2025-05-02T00:00:05Z")
    analyse(site, "chat-0", "2025-05-02T00:00:06Z")
    third = site.client("GET", f"{RESULTS}?cursor={second['nextCursor']}").json()
    assert names(third) == ["chat-2", "chat-0"]
    last = site.client("GET", f"{RESULTS}?cursor={third['nextCursor']}").json()
    assert (names(last), last["nextCursor"]) == ([], third["nextCursor"])


def test_results_since_a_moment_include_it(site: Site) -> None:
    site.client("POST", BATCH, [submission(f"chat-{n}") for n in range(3)])
    derive(site)
    for n in range(3):
        analyse(site, f"chat-{n}", f"2025-05-02T00:00:0{n}Z")
    page = site.client("GET", f"{RESULTS}?since=2025-05-02T02:00:01%2B02:00").json()
    assert names(page) == ["chat-1", "chat-2"]


def test_scratch_erased_sessions_are_no_results(site: Site) -> None:
    site.client("POST", ONE, submission())
    derive(site)
    analyse(site, "chat-1", "2025-05-02T00:00:00Z")
    site.client("DELETE", f"{ONE}/chat-1")
    assert site.client("GET", RESULTS).json()["results"] == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("since=yesterday", "since"),
        ("since=2025-05-01", "since"),
        ("since=2025-05-01T00:00:00", "since"),
        ("since=1746093600", "since"),
        ("unknown=1", "unknown"),
        ("cursor=AAAA", None),
        ("cursor=%2B", None),
    ],
)
def test_what_cannot_be_asked_of_the_feed_is_refused(strict: Site, query: str, parameter: str | None) -> None:
    document = problem(strict.client("GET", f"{RESULTS}?{query}"), 400, "bad_argument")
    if parameter is not None:
        assert [error["parameter"] for error in document["errors"]] == [parameter]


def test_a_cursor_of_another_feed_is_refused(site: Site) -> None:
    site.client("POST", ONE, submission())
    derive(site)
    analyse(site, "chat-1", "2025-05-02T00:00:00Z")
    cursor = site.client("GET", RESULTS).json()["nextCursor"]
    for client, query in ((site.client, "&since=2025-05-01T00:00:00Z"), (site.other(), "")):
        problem(client("GET", f"{RESULTS}?cursor={cursor}{query}"), 400, "bad_argument")


# Who may do what


def test_a_foreign_token_sees_nothing_and_changes_nothing(site: Site) -> None:
    site.client("POST", ONE, submission())
    derive(site)
    analyse(site, "chat-1", "2025-05-02T00:00:00Z")
    foreign = site.other()
    unknown = foreign("GET", f"{ONE}/chat-2")
    for method in ("GET", "DELETE"):
        refused = foreign(method, f"{ONE}/chat-1")
        problem(refused, 404, "not_found")
        assert refused.json()["detail"] == unknown.json()["detail"]
    assert foreign("GET", RESULTS).json()["results"] == []
    assert foreign("POST", ONE, submission(texts=["mine"])).json()["outcome"] == "created"
    mine, theirs = (client("GET", f"{ONE}/chat-1").json()["session"] for client in (foreign, site.client))
    assert (mine["result"], theirs["result"] is None) == (None, False)
    assert count(site.engine, session_imports) == 2


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", ONE, "sessions:write"),
        ("POST", BATCH, "sessions:write"),
        ("GET", f"{ONE}/chat-1", "sessions:read"),
        ("DELETE", f"{ONE}/chat-1", "sessions:erase"),
        ("GET", RESULTS, "results:read"),
    ],
)
def test_every_route_wants_a_token_of_a_company_with_its_scope(
    strict: Site, method: str, path: str, scope: str
) -> None:
    everything = {"sessions:write", "sessions:read", "sessions:erase", "results:read"}
    body = None if method in ("GET", "DELETE") else submission()
    refused = strict.http.request(method, path)
    problem(refused, 401, "unauthorized")
    problem(strict.other(None)(method, path, body), 403, "forbidden")
    problem(strict.other("acme", scopes=sorted(everything - {scope}))(method, path, body), 403, "forbidden")
    assert count(strict.engine, session_imports) == 0


def test_changes_are_in_the_audit_log_with_counts_and_no_words(site: Site) -> None:
    site.client("POST", BATCH, [submission(texts=["my secret"]), 7])
    site.client("DELETE", f"{ONE}/chat-1")
    entries = [row for row in rows_of(site.engine, audit_log) if row["method"]]
    assert [(row["action"], row["outcome"], row["status"]) for row in entries] == [
        ("submit_batch", "done", 202),
        ("erase_session", "done", 200),
    ]
    assert entries[0]["detail"] == {"created": 1, "updated": 0, "unchanged": 0, "rejected": 1}
    assert "my secret" not in str(entries)
    assert count(site.engine, api_tokens) == 1
    assert count(site.engine, sessions) == 0
