"""What companies do themselves: submit sessions, one or a batch of them, look after them, erase them, and follow their results.

Every route works for the company of the token and for no other. Add what a company may do with its own sessions; what a session
may be is `submissions.rules.fields`, and what is done with it `submissions.steps.take_submissions`.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Annotated, BinaryIO, cast
from urllib.parse import quote, urlencode

import anyio
import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of, company_of, guarded_router, note
from livedash_pipeline.api.http.bodies import media_type
from livedash_pipeline.api.http.idempotency import PARAMETER as IDEMPOTENCY_KEY
from livedash_pipeline.api.http.idempotency import REPLAYED, answer_once, request_key
from livedash_pipeline.api.http.limits import Turns
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.openapi import may_answer
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.api.routes.admin.schemas import answers
from livedash_pipeline.api.routes.companies.schemas import (
    Erased,
    OneSession,
    Results,
    Submitted,
    SubmittedBatch,
    batch_body,
    session_body,
    taken,
)
from livedash_pipeline.api.services import services_of
from livedash_pipeline.base.rules.rfc3339 import parse_moment
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.steps.pages import DEFAULT_PAGE, MAX_PAGE
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.submissions.rules.items import MAX_ITEM_BYTES, AcceptedItem, RefusedItem, read_item
from livedash_pipeline.submissions.rules.json_items import ArraySplitter, LineSplitter
from livedash_pipeline.submissions.steps import feed, submitted_session
from livedash_pipeline.submissions.steps.idempotency import OnceAnswer, RequestKey
from livedash_pipeline.submissions.steps.take_submissions import (
    MAX_ITEMS,
    RefusedBatch,
    TakenItem,
    take_batch,
    take_one,
)

JSON = "application/json"
NDJSON = "application/x-ndjson"
MAX_BATCH_BYTES = 100_000_000
# A hundred megabytes over a slow line; a body that comes in holds no thread and no connection to the database.
BATCH_SECONDS = 600.0
# Batches that one process stores at a time. Each holds a chunk in memory, and more are no faster; the others wait on disk.
STORING_AT_ONCE = 2
# Of one company: batches that are on their way in, each on disk until it is stored; and other changes, which wait for one
# another in the database.
_BATCHES_AT_ONCE = 8
_CHANGES_AT_ONCE, _CHANGES_WAITING = 2, 100
# Of all companies, in a process: with a key a change holds two connections, and must not wait for the second one for ever.
_KEYED_AT_ONCE = 6
_IN_MEMORY = 256_000
_REFUSED_BATCH = {"malformed": "bad_request", "empty": "invalid_body", "too_many": "invalid_body"}

_SESSION = "/sessions/{external_id:path}"
_TO_SESSION = {
    name: {"operationId": name, "parameters": {"external_id": "$response.body#/externalId"}}
    for name in ("get_session", "erase_session")
}

_SUBMIT_ONE = Access(Role.COMPANY, Scope.SESSIONS_WRITE, "submit_session", "json", max_body=MAX_ITEM_BYTES)
_SUBMIT_BATCH = Access(
    Role.COMPANY,
    Scope.SESSIONS_WRITE,
    "submit_batch",
    "stream",
    media_types=(JSON, NDJSON),
    max_body=MAX_BATCH_BYTES,
    body_seconds=BATCH_SECONDS,
)
_READ_SESSION = Access(Role.COMPANY, Scope.SESSIONS_READ)
_ERASE_SESSION = Access(Role.COMPANY, Scope.SESSIONS_ERASE, "erase_session")
_READ_RESULTS = Access(Role.COMPANY, Scope.RESULTS_READ)


def _read_since(value: object) -> datetime:
    moment = parse_moment(value) if isinstance(value, str) else None
    if moment is None:
        raise ValueError("is no time with its zone, such as 2025-05-01T12:00:00Z; a `+` in it is sent as `%2B`")
    return moment


Since = Annotated[datetime, BeforeValidator(_read_since), WithJsonSchema({"type": "string", "format": "date-time"})]


class ResultsQuery(BaseModel):
    """Which results."""

    model_config = ConfigDict(extra="forbid")

    since: Since | None = Field(None, description="Only what was analysed then or later; with its zone, `+` as `%2B`.")
    cursor: str | None = Field(
        None, min_length=1, max_length=200, description="`nextCursor` of an earlier page with the same `since`."
    )
    limit: int = Field(DEFAULT_PAGE, ge=1, le=MAX_PAGE, description="Results of a page.")


def router() -> APIRouter:
    """Routes for companies."""
    routes = guarded_router("/api/v1", ["sessions"])
    changes = Turns(_CHANGES_AT_ONCE, waiting=_CHANGES_WAITING)
    _add_submit_one(routes, changes)
    _add_submit_batch(routes)
    _add_session(routes)
    _add_erase(routes, changes)
    _add_results(routes)
    return routes


def _add_submit_one(routes: APIRouter, changes: Turns) -> None:
    keyed = anyio.CapacityLimiter(_KEYED_AT_ONCE)

    @routes.post(
        "/sessions",
        status_code=202,
        responses=taken(Submitted, "The session.", links=_TO_SESSION),
        openapi_extra={"parameters": [IDEMPOTENCY_KEY], "requestBody": session_body()},
        summary="Submit a session",
    )
    @may_answer(409, 410)
    @allow(_SUBMIT_ONE)
    async def submit(request: Request) -> Response:
        """Stores a session, which is taken on within a minute. Sent again it is unchanged, or updated if it is another."""
        body = await request.body()
        has_key = IDEMPOTENCY_KEY["name"] in request.headers
        async with changes.turn(company_of(request)), keyed if has_key else nullcontext():
            return await run_in_threadpool(_submit_one, request, body)


def _submit_one(request: Request, body: bytes) -> Response:
    item = read_item(body)
    if isinstance(item, RefusedItem):
        raise _refusal(item)
    key = request_key(request, hashlib.sha256(body).digest())
    done = answer_once(request, key, partial(_store_one, request, item))
    location = f"/api/v1/sessions/{quote(item.external_id, safe='')}"
    return _accepted(request, done, location, outcome=done.document["outcome"])


def _store_one(request: Request, item: AcceptedItem) -> OnceAnswer:
    result = take_one(services_of(request).engine, _company(request), item)
    if isinstance(result, RefusedItem):
        raise _refusal(result)
    return OnceAnswer(202, _taken_document(result))


def _taken_document(item: TakenItem) -> dict[str, object]:
    return {"ok": True, "externalId": item.external_id, "outcome": item.outcome, "flags": list(item.flags)}


def _refusal(item: RefusedItem) -> Problem:
    errors = [{"pointer": error.pointer, "detail": error.detail} for error in item.errors]
    first = item.errors[0]
    if item.code in ("erased", "texts_deleted"):
        return Problem("gone", first.detail, remedy="Submit it no more, or under another id.", errors=errors)
    code = "too_large" if item.code == "too_large" else "bad_request" if item.code == "malformed" else "invalid_body"
    return Problem(
        code,
        f"{first.pointer or 'The body'}: {first.detail}",
        remedy="Compare it with the description of this operation at /docs.",
        errors=errors,
    )


def _add_submit_batch(routes: APIRouter) -> None:
    storing = anyio.CapacityLimiter(STORING_AT_ONCE)
    coming_in = Turns(_BATCHES_AT_ONCE, waiting=0)

    @routes.post(
        "/sessions/batch",
        status_code=202,
        responses=taken(SubmittedBatch, "The results of the company from now on."),
        openapi_extra={"parameters": [IDEMPOTENCY_KEY], "requestBody": batch_body()},
        summary="Submit a batch of sessions",
    )
    @may_answer(409)
    @allow(_SUBMIT_BATCH)
    async def submit_batch(request: Request) -> Response:
        """Stores the good sessions of a JSON array, or of lines of JSON, and says of each what became of it.

        At most 10,000 sessions, 100 MB together and 2 MB each. Of an id that is there twice the last one counts. A batch that was
        cut off may be sent again as it is.
        """
        async with coming_in.turn(company_of(request)):
            return await _receive_batch(request, storing)


async def _receive_batch(request: Request, storing: anyio.CapacityLimiter) -> Response:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, prefix="livedash-batch-") as spool:
        digest = hashlib.sha256(media_type(request).encode())
        try:
            async for piece in request.stream():
                digest.update(piece)
                spool.write(piece)
        except ClientDisconnect:
            raise Problem("bad_request", "The body ended early.", remedy="Send all of it again.") from None
        spool.seek(0)
        key = request_key(request, digest.digest())
        body = cast(BinaryIO, spool)
        return await anyio.to_thread.run_sync(_submit_batch, request, key, body, limiter=storing)


def _submit_batch(request: Request, key: RequestKey | None, body: BinaryIO) -> Response:
    engine = services_of(request).engine
    with engine.connect() as connection:
        begun = database_now(connection)
    done = answer_once(request, key, partial(_store_batch, request, body))
    counts = {name: done.document[name] for name in ("created", "updated", "unchanged", "rejected")}
    location = "/api/v1/results?" + urlencode({"since": begun.isoformat()})
    return _accepted(request, done, location, **counts)


def _store_batch(request: Request, body: BinaryIO) -> OnceAnswer:
    splitter = LineSplitter() if media_type(request) == NDJSON else ArraySplitter()
    report = take_batch(services_of(request).engine, _company(request), body, splitter)
    if isinstance(report, RefusedBatch):
        raise Problem(
            _REFUSED_BATCH[report.reason],
            report.detail,
            remedy=f"Send 1 to {MAX_ITEMS:,} sessions, as a JSON array or as lines of {NDJSON}; nothing of this was stored.",
            errors=[{"pointer": "", "detail": report.detail}],
        )
    return OnceAnswer(202, report.document())


def _add_session(routes: APIRouter) -> None:
    @routes.get(
        _SESSION,
        responses=answers(OneSession, "The session"),
        summary="How a session stands, and its result",
        operation_id="get_session",
    )
    @allow(_READ_SESSION)
    def session(request: Request, external_id: str) -> Response:
        """The first stage that is not over, all stages, and the analysis once there is one. Those of a CSV are there as well."""
        document = submitted_session.describe_submitted(services_of(request).engine, _company(request), external_id)
        if document is None:
            raise not_found("session of this id")
        return answer(document)


def _add_erase(routes: APIRouter, changes: Turns) -> None:
    @routes.delete(
        _SESSION, responses=answers(Erased, "Erased"), summary="Erase a session", operation_id="erase_session"
    )
    @allow(_ERASE_SESSION)
    async def erase(request: Request, external_id: str) -> Response:
        """Deletes everything that the session says, for good: submitted again, it is refused. Ids, times and costs are kept."""
        async with changes.turn(company_of(request)):
            document = await run_in_threadpool(_erase, request, external_id)
        if document is None:
            raise not_found("session of this id")
        note(request, inFlight=document["inFlightCount"])
        return answer(document)


def _erase(request: Request, external_id: str) -> Document | None:
    return submitted_session.erase_submitted(services_of(request).engine, _company(request), external_id)


def _add_results(routes: APIRouter) -> None:
    @routes.get("/results", responses=answers(Results, "A page"), summary="Results, in the order of their analysis")
    @allow(_READ_RESULTS)
    def results(request: Request, query: Annotated[ResultsQuery, Query()]) -> Response:
        """A feed to follow: keep `nextCursor` and ask with it again. A session that is analysed again comes again."""
        document = feed.list_results(
            services_of(request).engine,
            company_of(request),
            since=query.since,
            cursor=query.cursor,
            limit=query.limit,
        )
        return answer(document)


def _company(request: Request) -> Company:
    """The company of the token; its row says whether it is worked for."""
    slug = caller_of(request).company
    if slug is None:
        raise not_found("company of this token")
    with services_of(request).engine.connect() as connection:
        return get_company(connection, slug)


def _accepted(request: Request, done: OnceAnswer, location: str, **counts: object) -> Response:
    headers = {"Location": location}
    if done.repeated:
        headers[REPLAYED] = "true"
        counts["repeated"] = True
    note(request, **counts)
    return answer(done.document, status=done.status, headers=headers)
