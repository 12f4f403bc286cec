"""HTTP around `BatchService`: one route for each operation, nothing decided here.

Add a route when the service has a new operation. Every operation passes through the gate under its route's name, which is
the place for whatever should happen around an operation, and then through the faults of `fault_gate.py`.
"""

import json
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livedash_pipeline.local.batch_api.admin import admin_routes
from livedash_pipeline.local.batch_api.batches.lines import write_line
from livedash_pipeline.local.batch_api.faults.fault_gate import FaultGate
from livedash_pipeline.local.batch_api.refusals import Refusal, missing_parameter
from livedash_pipeline.local.batch_api.service import BatchService, random_id
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

STAND_IN_HEADER = "x-livedash-stand-in"
STAND_IN_NOTE = "A local stand-in for OpenAI's Batch API. Its answers are worked out by rules; no model is behind it."
UPSTREAM_NOTE = "A local Batch API. Its lines are answered by another server."

Proceed = Callable[[], Awaitable[Response]]
Gate = Callable[[str, Request, Proceed], Awaitable[Response]]
"""Called with an operation's name, its request and the operation itself; returns the reply to send."""


async def pass_through(_operation: str, _request: Request, proceed: Proceed) -> Response:
    """Lets an operation happen as it is."""
    return await proceed()


class Json(JSONResponse):
    """JSON in which a lone surrogate, which a client may have sent, does not break the reply."""

    def render(self, content: Any) -> bytes:
        """Returns the body."""
        return write_line(content).rstrip(b"\n")


def create_app(service: BatchService, *, gate: Gate = pass_through) -> FastAPI:
    """Returns the application for a service.

    Args:
        service: what the routes call.
        gate: what every operation under /v1 passes through.
    """
    app = FastAPI(title="Batch API stand-in", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_Headers, is_stand_in=service.is_stand_in)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _no_such_route)
    for kind in (OSError, sqlite3.OperationalError):
        app.add_exception_handler(kind, _cannot_write)
    app.add_exception_handler(Exception, _broken)
    router = APIRouter(
        prefix="/v1", route_class=_route_class(service, gate, service.check_key), default_response_class=Json
    )
    _add_file_routes(router, service)
    _add_batch_routes(router, service)
    _add_model_routes(router, service)
    app.include_router(router)
    app.include_router(_report_routes(service, gate))
    app.include_router(admin_routes(service, Json))

    @app.get("/", response_class=Json)
    def describe() -> Json:
        note = STAND_IN_NOTE if service.is_stand_in else UPSTREAM_NOTE
        about = {"stand_in": service.is_stand_in, "description": note}
        return Json({**about, "base_path": "/v1", "speed": service.speed})

    return app


async def json_body(request: Request) -> Any:
    """Returns a request's JSON document, or refuses it."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Refusal(400, "We could not parse the JSON body of your request.") from None


Body = Annotated[Any, Depends(json_body)]
Query = str | None


def _add_file_routes(router: APIRouter, service: BatchService) -> None:
    @router.post("/files", name="upload_file")
    async def upload_file(request: Request) -> Json:
        async with request.form(max_files=1, max_fields=16) as form:
            file, purpose = form.get("file"), form.get("purpose")
            if not isinstance(file, UploadFile):
                raise missing_parameter("file")
            if not isinstance(purpose, str):
                raise missing_parameter("purpose")
            stored = await run_in_threadpool(
                service.upload_file,
                file.file,
                filename=file.filename or "",
                purpose=purpose,
                expires_after=_expires_after(form),
            )
        return Json(stored)

    @router.get("/files", name="list_files")
    def list_files(purpose: Query = None, after: Query = None, limit: Query = None, order: Query = None) -> Json:
        return Json(service.list_files(purpose=purpose, after=after, limit=limit, order=order))

    @router.get("/files/{file_id}", name="get_file")
    def get_file(file_id: str) -> Json:
        return Json(service.get_file(file_id))

    @router.get("/files/{file_id}/content", name="download_file")
    def download_file(file_id: str) -> FileResponse:
        return FileResponse(service.file_content(file_id), media_type="application/octet-stream")

    @router.delete("/files/{file_id}", name="delete_file")
    def delete_file(file_id: str) -> Json:
        return Json(service.delete_file(file_id))


def _add_batch_routes(router: APIRouter, service: BatchService) -> None:
    @router.post("/batches", name="create_batch")
    def create_batch(body: Body) -> Json:
        return Json(service.create_batch(body))

    @router.get("/batches", name="list_batches")
    def list_batches(after: Query = None, limit: Query = None) -> Json:
        return Json(service.list_batches(after=after, limit=limit))

    @router.get("/batches/{batch_id}", name="get_batch")
    def get_batch(batch_id: str) -> Json:
        return Json(service.get_batch(batch_id))

    @router.post("/batches/{batch_id}/cancel", name="cancel_batch")
    def cancel_batch(batch_id: str) -> Json:
        return Json(service.cancel_batch(batch_id))


def _add_model_routes(router: APIRouter, service: BatchService) -> None:
    @router.get("/models", name="list_models")
    def list_models() -> Json:
        return Json(service.list_models())

    @router.get("/models/{model}", name="get_model")
    def get_model(model: str) -> Json:
        return Json(service.get_model(model))

    @router.post("/chat/completions", name="chat_completion")
    def chat_completion(body: Body) -> Json:
        return Json(service.chat_completion(body))


def _report_routes(service: BatchService, gate: Gate) -> APIRouter:
    """Returns the routes of the organization's reports, which only admin keys may read."""
    guarded = _route_class(service, gate, service.reports.check_key)
    router = APIRouter(prefix="/v1/organization", route_class=guarded, default_response_class=Json)

    @router.get("/costs", name="get_costs")
    def get_costs(request: Request) -> Json:
        return Json(service.reports.costs(request.query_params))

    @router.get("/usage/completions", name="get_usage")
    def get_usage(request: Request) -> Json:
        return Json(service.reports.usage(request.query_params))

    return router


def _route_class(service: BatchService, gate: Gate, check_key: Callable[[str | None], None]) -> type[APIRoute]:
    """Returns a route that sends its operation through the gate and the faults, and there first looks at the key."""
    faults = FaultGate(service)

    class GatedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Any]:
            handle = super().get_route_handler()

            async def gated(request: Request) -> Response:
                async def proceed() -> Response:
                    check_key(request.headers.get("authorization"))
                    return await handle(request)

                return await gate(self.name, request, lambda: faults(self.name, request, proceed))

            return gated

    return GatedRoute


def _expires_after(form: Mapping[str, Any]) -> dict[str, Any] | None:
    """Returns the bracketed form fields as the object that they stand for."""
    fields = {key: form.get(f"expires_after[{key}]") for key in ("anchor", "seconds")}
    return None if all(value is None for value in fields.values()) else fields


async def _refused(_request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    headers = None if refusal.retry_after is None else {"retry-after": f"{refusal.retry_after:g}"}
    return Json(refusal.document(), status_code=refusal.status, headers=headers)


async def _no_such_route(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    unknown = error.status_code in (404, 405)
    message = f"Invalid URL ({request.method} {request.url.path})" if unknown else str(error.detail)
    return Json(Refusal(error.status_code, message).document(), status_code=error.status_code)


async def _cannot_write(_request: Request, error: Exception) -> Response:
    """Answers for a full disk or too many open files: nothing was stored, and a client may come again."""
    log.warning("request failed", kind=type(error).__name__, errno=getattr(error, "errno", None))
    refusal = Refusal(503, "The stand-in cannot write to its disk now.", kind="server_error", retry_after=5)
    return await _refused(_request, refusal)


async def _broken(_request: Request, _error: Exception) -> Response:
    """Answers for a fault of the stand-in; the server logs the traceback. This reply is made outside the middleware."""
    document = Refusal(500, "The stand-in had an error; its log has the details.", kind="server_error").document()
    return Json(document, status_code=500, headers={STAND_IN_HEADER: "true"})


class _Headers:
    """Gives every reply a request id, and marks those of a stand-in."""

    def __init__(self, app: ASGIApp, *, is_stand_in: bool) -> None:
        self._app = app
        self._marks = {STAND_IN_HEADER: "true"} if is_stand_in else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                marks = {**self._marks, "x-request-id": random_id("req_")}
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name.encode(), value.encode()) for name, value in marks.items()),
                ]
            await send(message)

        await self._app(scope, receive, marked if scope["type"] == "http" else send)
