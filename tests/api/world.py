"""The HTTP API behind a real socket, with tokens to call it with and rows to be found."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import APIRouter
from sqlalchemy import Engine, insert, select

from livedash_pipeline.access.rules.tokens import SECRET_BYTES
from livedash_pipeline.access.steps.token_key import token_key
from livedash_pipeline.access.steps.tokens import create_token
from livedash_pipeline.api.app import create_app, routers
from livedash_pipeline.api.http.limits import TokenBuckets
from livedash_pipeline.api.server import server_options
from livedash_pipeline.base.store.tables import ai_batch_requests, ai_processing_requests, audit_log
from livedash_pipeline.settings import Settings, make_settings
from livedash_pipeline.sockets import listening, listening_origin
from livedash_pipeline.tls import machine_authorities
from livedash_pipeline.web import console
from tests.conftest import NOW
from tests.support.rows import CHAT, insert_company, insert_sessions

ADMIN = "/api/admin/legacy"


@dataclass
class Api:
    """A running server.

    Attributes:
        origin: Its address.
        engine: Its database.
        settings: Its settings.
        client: Calls it, without a token of its own.
        admin: A platform administrator's token.
    """

    origin: str
    engine: Engine
    settings: Settings
    client: httpx2.Client
    admin: str

    def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> httpx2.Response:
        """One request, by default of the administrator; an empty token sends none."""
        carried = self.admin if token is None else token
        headers = {"Authorization": f"Bearer {carried}"} if carried else {}
        return self.client.request(method, path, headers=headers | more.pop("headers", {}), **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        """GET."""
        return self.call("GET", path, **more)

    def post(self, path: str, document: Any = None, **more: Any) -> httpx2.Response:
        """POST of a document, or of nothing."""
        return self.call("POST", path, **({"json": document} if document is not None else {}), **more)

    def token(self, *, company: str | None = None, scopes: Sequence[str] = (), days: int | None = None) -> str:
        """A new token."""
        return make_token(self.engine, self.settings, company=company, scopes=scopes, days=days)

    def audit(self) -> list[Any]:
        """All lines of the audit log about calls, oldest first."""
        with self.engine.connect() as connection:
            query = select(audit_log).where(audit_log.c.method.is_not(None)).order_by(audit_log.c.id)
            return list(connection.execute(query))


def make_token(
    engine: Engine,
    settings: Settings,
    *,
    company: str | None = None,
    scopes: Sequence[str] = (),
    days: int | None = None,
) -> str:
    """A new token of a company, or of a platform administrator."""
    document = create_token(
        engine,
        token_key(settings),
        name="test",
        secret=uuid.uuid4().bytes * (SECRET_BYTES // 16),
        company=company,
        scopes=scopes,
        days=days,
    )
    secret: str = document["secret"]
    return secret


def api_settings(tmp_path: Path, **overrides: Any) -> Settings:
    """Settings without limits of rate."""
    values: dict[str, Any] = {"livedash_home": tmp_path, "livedash_token_rate": 0, "livedash_address_rate": 0}
    return make_settings(**(values | overrides))


@contextmanager
def running_api(
    settings: Settings,
    engine: Engine,
    *,
    make_routers: Callable[[], list[APIRouter]] = routers,
    make_pages: Callable[[], list[APIRouter]] = console.routers,
    admin: str | None = None,
    brakes_refusals: bool = False,
) -> Iterator[Api]:
    """The server on a free port in a thread of this process; on leaving, thread and socket are gone.

    The administrator's token is made unless one is given. Refusals are all written down unless they are to be braked, which no
    setting can change: all tests of a module call from one address.
    """
    app = create_app(settings, engine=engine, make_routers=make_routers, make_pages=make_pages)
    if not brakes_refusals:
        app.state.services = replace(app.state.services, refusals=TokenBuckets(0, 1, clock=time.monotonic))
    server = uvicorn.Server(uvicorn.Config(app, **server_options()))
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http-api")
        thread.start()
        try:
            origin = listening_origin(listener)
            with httpx2.Client(base_url=origin, timeout=30, trust_env=False, verify=machine_authorities()) as client:
                yield Api(origin, engine, settings, client, admin or make_token(engine, settings))
        finally:
            server.should_exit = True
            thread.join()


def add_requests(engine: Engine, counts: dict[str, int], *, slug: str = "acme") -> list[uuid.UUID]:
    """A company with so many requests per status, each about a session of its own."""
    made: list[uuid.UUID] = []
    with engine.begin() as connection:
        company = insert_company(connection, slug)
        for status, count in counts.items():
            for session_id in insert_sessions(connection, company, [CHAT] * count):
                values = request_values(company.id, session_id, status)
                if status == "BATCHING_IN_PROGRESS":
                    values["batch_id"] = add_batch(connection, company.id)
                made.append(
                    connection.execute(
                        insert(ai_processing_requests).values(**values).returning(ai_processing_requests.c.id)
                    ).scalar_one()
                )
    return made


def request_values(company_id: uuid.UUID, session_id: uuid.UUID, status: str) -> dict[str, Any]:
    """Columns of a request."""
    values: dict[str, Any] = {
        "session_id": session_id,
        "company_id": company_id,
        "model": "gpt-5-mini",
        "processing_status": status,
        "prompt_version": "1",
        "transcript_hash": "t",
        "input_hash": "i",
        "body_bytes": 1000,
        "token_estimate": 100,
        "max_output_tokens": 4000,
        "requested_at": NOW,
        "updated_at": NOW,
    }
    if status == "PROCESSING_FAILED":
        values |= {"error_code": "truncated", "error_message": "The answer was cut.", "completed_at": NOW}
    return values


def add_batch(connection: Any, company_id: uuid.UUID, **values: Any) -> uuid.UUID:
    """A batch that the service works on."""
    given = {
        "company_id": company_id,
        "model": "gpt-5-mini",
        "status": "IN_PROGRESS",
        "endpoint": "api.openai.com/v1",
        "key_fingerprint": "f",
        "request_count": 1,
        "body_bytes": 1000,
        "token_estimate": 100,
        "created_at": NOW,
        "status_changed_at": NOW,
    }
    made: uuid.UUID = connection.execute(
        insert(ai_batch_requests).values(**(given | values)).returning(ai_batch_requests.c.id)
    ).scalar_one()
    return made
