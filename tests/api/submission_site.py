"""The HTTP API on a free port, with companies and their tokens: what tests of submissions talk to, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from sqlalchemy import Engine, insert

from livedash_pipeline.access.steps.tokens import create_token
from livedash_pipeline.api.app import create_app
from livedash_pipeline.base.store.companies import Company, get_company
from livedash_pipeline.base.store.tables import companies
from livedash_pipeline.local.server_thread import AppServer, serving
from livedash_pipeline.settings import Settings
from livedash_pipeline.sockets import listening, listening_origin
from livedash_pipeline.tls import machine_authorities
from tests.conftest import NOW

KEY = "k" * 64
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Client:
    """Somebody with a token."""

    http: httpx2.Client
    token: str

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Sends a request; a body that is not bytes goes as JSON."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.token}"}
        if content is not None:
            sent["Content-Type"] = "application/json"
        return self.http.request(
            method, path, content=content, headers=sent | {k.replace("_", "-"): v for k, v in headers.items()}
        )


@dataclass(frozen=True)
class Site:
    """A server, and what it works on."""

    engine: Engine
    http: httpx2.Client
    acme: Company
    client: Client

    def other(self, company: str | None = "globex", **options: Any) -> Client:
        """A client with another token; without a company a platform administrator."""
        return Client(self.http, make_token(self.engine, company, **options))


def make_token(engine: Engine, company: str | None, **options: Any) -> str:
    """A new token's text."""
    number = len(str(options))
    made = create_token(engine, KEY.encode(), name=f"test {number}", secret=_secret(), company=company, **options)
    return str(made["secret"])


def _secret() -> bytes:
    import secrets

    return secrets.token_bytes(32)


def add_companies(engine: Engine) -> Company:
    """Acme, and Globex beside it; neither has a CSV."""
    with engine.begin() as connection:
        for slug in ("acme", "globex"):
            connection.execute(
                insert(companies).values(slug=slug, name=slug, csv_url="", created_at=NOW, updated_at=NOW)
            )
        return get_company(connection, "acme")


def site_settings(**options: Any) -> Settings:
    """Without limits of rate, which are not what is tested."""
    return Settings(livedash_token_key=KEY, livedash_token_rate=0, livedash_address_rate=0, **options)


@contextmanager
def running_site(engine: Engine) -> Iterator[Site]:
    """A server in a thread of this process."""
    acme = add_companies(engine)
    app = create_app(site_settings(), engine=engine)
    with (
        listening("127.0.0.1", 0) as listener,
        serving(AppServer(app), listener, name="api"),
        httpx2.Client(
            base_url=listening_origin(listener), timeout=60, trust_env=False, verify=machine_authorities()
        ) as http,
    ):
        yield Site(engine, http, acme, Client(http, make_token(engine, "acme")))
