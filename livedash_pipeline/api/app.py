"""The application: `create_app`, which puts services, routes and surroundings together.

Run it with `livedash serve`, or with `uvicorn --factory livedash_pipeline.api.app:create_app` where DATABASE_URL is set.
Add a router here; how a route is written stands in `livedash_pipeline/api/__init__.py`.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import anyio.to_thread
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from livedash_pipeline.access.steps.token_key import token_key
from livedash_pipeline.api.metrics import Metrics
from livedash_pipeline.api.middleware import Surroundings
from livedash_pipeline.api.openapi import describe
from livedash_pipeline.api.problems import Problem, internal, problem_of
from livedash_pipeline.api.routes import health, webhooks
from livedash_pipeline.api.routes.admin import batches, caps, companies, prices, spend
from livedash_pipeline.api.routes.admin import requests as admin_requests
from livedash_pipeline.api.routes.chats import batches as chats
from livedash_pipeline.api.routes.companies import caps as own_caps
from livedash_pipeline.api.routes.companies import results as company_results
from livedash_pipeline.api.routes.companies import submissions
from livedash_pipeline.api.services import make_services
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.logs import configure_logging
from livedash_pipeline.services.openai.webhooks import WebhookReader
from livedash_pipeline.settings import Settings, load_settings, merged_environ
from livedash_pipeline.web import console

# Connections of one process, and threads that use them: no thread waits for a connection that others hold, except in work with an
# Idempotency-Key, which needs a second one (`api.routes.companies.submissions` bounds how many do).
POOL_SIZE = 8
THREADS = 2 * POOL_SIZE
POOL_SECONDS = 5.0
# For what pages show with its age: two computations at a time, of which each may have several statements at once.
_PATIENT_POOL = 4
_PATIENT_SECONDS = 300.0
_LAST_ANSWERS_SECONDS = 5.0


def routers() -> list[APIRouter]:
    """Returns all routers, in the order of the description."""
    return [
        admin_requests.router(),
        batches.router(),
        companies.router(),
        prices.router(),
        spend.router(),
        caps.router(),
        submissions.router(),
        company_results.router(),
        own_caps.router(),
        chats.router(),
        webhooks.router(),
        health.router(),
    ]


def create_app(
    settings: Settings | None = None,
    *,
    engine: Engine | None = None,
    make_routers: Callable[[], list[APIRouter]] = routers,
    make_pages: Callable[[], list[APIRouter]] = console.routers,
) -> FastAPI:
    """The application, for one process.

    Args:
        settings: All settings; without them those of the environment, and logs go to stderr.
        engine: Our database, closed by its owner; without it one of the application's own.
        make_routers: What programs are served.
        make_pages: What people are served.

    Raises:
        SettingsError: A setting is wrong, or no database is named.
    """
    if settings is None:
        settings = load_settings(os.environ)
        configure_logging(settings.livedash_log_format)
    own_engine = make_api_engine(settings) if engine is None else None
    patient = make_patient_engine(settings) if engine is None else None
    secret = settings.openai_webhook_secret
    reader = WebhookReader(secret) if secret else None
    services = make_services(
        settings,
        engine if own_engine is None and engine is not None else _required(own_engine),
        token_key=token_key(settings),
        metrics=Metrics(),
        webhooks=reader,
        environ=merged_environ(os.environ),
        patient=patient,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        if own_engine is not None:
            # The process belongs to the server, and imported modules stay for good. When the collector looks through them, all
            # answers wait for a tenth of a second: with eight clients, one in a hundred took 90 ms, and takes 35 without.
            gc.collect()
            gc.freeze()
        yield
        services.kept.close(seconds=_LAST_ANSWERS_SECONDS)
        if reader is not None:
            reader.close()
        for made in (own_engine, patient):
            if made is not None:
                made.dispose()

    app = FastAPI(
        title="livedash",
        version=version("livedash-pipeline"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.services = services
    served, pages = make_routers(), make_pages()
    for router in served + pages:
        app.include_router(router)
    app.add_exception_handler(HTTPException, _outside_routes(served + pages))
    app.add_middleware(Surroundings, services=services, shown=console.shown)
    describe(app, api_routes(served))
    return app


def api_routes(served: list[APIRouter]) -> list[APIRoute]:
    """Yields all routes of routers."""
    return [route for router in served for route in router.routes if isinstance(route, APIRoute)]


def make_api_engine(settings: Settings) -> Engine:
    """An engine for one process of the server.

    Raises:
        SettingsError: No database is named.
    """
    if settings.database_url is None:
        raise SettingsError(
            "DATABASE_URL is not set.",
            remedy="Set it, or start the server with `livedash serve`, which brings the embedded database up.",
        )
    return make_engine(
        settings.database_url,
        pool_size=POOL_SIZE,
        application_name="livedash serve",
        pool_timeout=POOL_SECONDS,
        statement_timeout=settings.livedash_http_statement_timeout,
    )


def make_patient_engine(settings: Settings) -> Engine:
    """An engine for answers that pages show with their age: whole tables are counted, and nobody waits.

    Raises:
        SettingsError: No database is named.
    """
    return make_engine(
        str(settings.database_url),
        pool_size=_PATIENT_POOL,
        application_name="livedash serve, counting",
        pool_timeout=_PATIENT_SECONDS,
        statement_timeout=_PATIENT_SECONDS,
    )


def _required(engine: Engine | None) -> Engine:
    if engine is None:
        raise AssertionError("there is an engine, ours or the caller's")
    return engine


def _outside_routes(served: list[APIRouter]) -> Callable[[Request, Exception], Response]:
    """Adds answers for addresses and methods that no route has."""

    def handle(request: Request, error: Exception) -> Response:
        problem = problem_of(error) or internal()
        if problem.status_code == 404:
            problem = Problem(
                "not_found",
                "There is nothing at this address.",
                remedy="See /docs for what there is; pages begin at /console/.",
            )
        if problem.status_code == 405:
            allowed = _methods_at(request, served)
            problem = Problem(
                "method_not_allowed",
                f"{request.method[:20]} is not supported here.",
                remedy=f"Use {allowed}.",
                headers={"Allow": allowed},
            )
        return console.shown(problem, request.scope)

    return handle


def _methods_at(request: Request, served: list[APIRouter]) -> str:
    """All methods of an address: a route knows only its own, and `/requests/requeue` is no request called `requeue`."""
    matching = [route for route in api_routes(served) if route.matches(request.scope)[0] is not Match.NONE]
    address = min((route.path_format for route in matching), key=lambda path: path.count("{"), default="")
    methods = {method for route in matching if route.path_format == address for method in route.methods or ()}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))
