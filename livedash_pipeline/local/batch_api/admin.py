"""Routes for tests and for the curious: the fault script and the journal, for programs of this machine only.

    GET /_faults     what is installed and how often it has struck
    POST /_faults    adds a script (see `faults.py`); with ?replace=true puts it in the place of what is installed
    DELETE /_faults  removes all; what was bound to a batch stays with it
    POST /_faults/release   lets the calls take effect that were delayed without bound
    GET /_journal    what was asked, done and billed; ?after=SEQ and ?batch_id=ID for a part of it
    GET /_books      batches and files as they are, a page of each as under /v1; ?batches_after=ID and ?files_after=ID go on
    GET /_books/files/ID   a file's content

They ask for a key only where an upstream answers. Add a route when a test has to steer or see more. None of them passes the gate.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response

from livedash_pipeline.base.rules.endpoints import is_loopback
from livedash_pipeline.local.batch_api.batches.batch_request import check_integer
from livedash_pipeline.local.batch_api.faults.script import FaultScript, FaultScriptError, parse_script
from livedash_pipeline.local.batch_api.refusals import Refusal
from livedash_pipeline.local.batch_api.service import BatchService

_PAGE = 100


def admin_routes(service: BatchService, response_class: type[Response]) -> APIRouter:
    """Returns the routes for a service.

    Args:
        service: what they steer and show.
        response_class: writes a document as JSON.
    """

    def only_with_key(request: Request) -> None:
        if service.spends_for_its_owner:
            service.check_key(request.headers.get("authorization"))

    guards = [Depends(_only_loopback), Depends(only_with_key)]
    router = APIRouter(dependencies=guards, default_response_class=response_class)

    @router.get("/_faults")
    def get_faults() -> Response:
        return response_class(service.faults())

    @router.post("/_faults")
    async def post_faults(script: Annotated[FaultScript, Depends(_script)], replace: bool = False) -> Response:
        await run_in_threadpool(service.install_faults, script, replace=replace)
        return response_class(service.faults())

    @router.delete("/_faults")
    def delete_faults() -> Response:
        service.install_faults(FaultScript(), replace=True)
        return response_class(service.faults())

    @router.post("/_faults/release")
    def release() -> Response:
        return response_class({"released": service.release_delayed()})

    @router.get("/_journal")
    def get_journal(after: str = "0", batch_id: str | None = None) -> Response:
        return response_class(service.journal(after=check_integer("after", after, 0, 2**62), batch_id=batch_id))

    @router.get("/_books")
    def get_books(batches_after: str | None = None, files_after: str | None = None) -> Response:
        batches = service.list_batches(after=batches_after, limit=str(_PAGE))
        files = service.list_files(purpose=None, after=files_after, limit=str(_PAGE), order=None)
        return response_class({"batches": batches, "files": files})

    @router.get("/_books/files/{file_id}")
    def get_book(file_id: str) -> Response:
        return FileResponse(service.file_content(file_id), media_type="application/octet-stream")

    return router


async def _script(request: Request) -> FaultScript:
    try:
        return parse_script(await request.body())
    except FaultScriptError as error:
        raise Refusal(400, error.message, code=error.code) from None


def _only_loopback(request: Request) -> None:
    """Refuses clients on other machines, and web pages, even those that reach it by a name of their own."""
    client = request.client.host if request.client else ""
    is_page = "origin" in request.headers or "sec-fetch-site" in request.headers
    if is_page or not (is_loopback(client) and is_loopback(request.url.hostname or "")):
        raise Refusal(403, "Faults and the journal are for callers on this machine only.")
