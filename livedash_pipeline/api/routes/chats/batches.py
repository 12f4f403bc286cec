"""Chat batches over HTTP: made, tried, worked on in slices, cancelled and resumed.

A company's token sees its company's batches, a platform administrator's those that it uploaded, or all with `chats:all`; those of
others are answered as ones that do not exist. Add a route that changes something here; its step is one of `chats.steps`. What is
read stands in `api.routes.chats.looking`.
"""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of, guarded_router, note
from livedash_pipeline.api.http.idempotency import PARAMETER as IDEMPOTENCY_KEY
from livedash_pipeline.api.http.idempotency import REPLAYED, answer_once, request_key
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.openapi import may_answer
from livedash_pipeline.api.routes.admin.schemas import answers
from livedash_pipeline.api.routes.chats.callers import chat_context, reading_turn, said, viewer_of, write
from livedash_pipeline.api.routes.chats.looking import add_looks
from livedash_pipeline.api.routes.chats.schemas import (
    BatchBody,
    Cancelled,
    Created,
    Previewed,
    ProcessBody,
    ResumeBody,
    Resumed,
    Sliced,
    Tried,
    TryBody,
    upload_body,
)
from livedash_pipeline.api.routes.chats.slices import WORKERS
from livedash_pipeline.api.routes.chats.uploads import FORM, JSON, Upload, read_upload
from livedash_pipeline.api.services import services_of
from livedash_pipeline.chats.rules.intake.rows import DEFAULT_LIMITS
from livedash_pipeline.chats.steps import documents
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.create import create_batch, preview_batch
from livedash_pipeline.chats.steps.named import batch_id_of
from livedash_pipeline.chats.steps.process import process_for_duration, record_intent
from livedash_pipeline.chats.steps.trial import try_first
from livedash_pipeline.submissions.steps.idempotency import OnceAnswer

_BOTH = (Role.PLATFORM_ADMIN,)
_UPLOAD_SECONDS = 300.0


def _upload(action: str) -> Access:
    return Access(
        Role.COMPANY,
        Scope.CHATS_WRITE,
        action,
        "stream",
        media_types=(JSON, FORM),
        max_body=DEFAULT_LIMITS.max_bytes + 1_000_000,
        body_seconds=_UPLOAD_SECONDS,
        also=_BOTH,
    )


def router() -> APIRouter:
    """Routes below `/api/batch`."""
    routes = guarded_router("/api/batch", ["chat batches"])
    _add_uploads(routes)
    _add_process(routes)
    _add_ends(routes)
    add_looks(routes)
    return routes


def _add_uploads(routes: APIRouter) -> None:
    described = {"parameters": [IDEMPOTENCY_KEY], "requestBody": upload_body()}

    @routes.post(
        "/create",
        status_code=200,
        responses=answers(Created),
        openapi_extra=described,
        summary="Make a chat batch of a file of questions",
        operation_id="create_chat_batch",
    )
    @may_answer(409)
    @allow(_upload("create_chat_batch"))
    async def create(request: Request) -> Response:
        """All of the file or nothing, and nothing is started. Sent again with the same Idempotency-Key it is made once."""
        upload = await read_upload(request)
        return await run_in_threadpool(_create, request, upload)

    @routes.post(
        "/preview",
        responses=answers(Previewed),
        openapi_extra={"requestBody": upload_body()},
        summary="Show what a chat batch would be",
        operation_id="preview_chat_batch",
    )
    @allow(_upload("preview_chat_batch"))
    async def preview(request: Request) -> Response:
        """Its size, what is unclear in the file, and what it costs at most; nothing is made."""
        upload = await read_upload(request)
        return await run_in_threadpool(_preview, request, upload)


def _create(request: Request, upload: Upload) -> Response:
    key = request_key(request, upload.digest)
    named = None if key is None else f"{key.token_id}:{key.key}:{key.request_hash}"

    def work() -> OnceAnswer:
        asked = replace(upload.asked, creation_key=named)
        with reading_turn(request), said():
            created = create_batch(chat_context(request), asked, upload.content, upload.filename)
        return OnceAnswer(200, documents.created_document(created))

    done = answer_once(request, key, work)
    note(request, batchId=done.document["batchId"], chats=done.document["chats"])
    headers = {REPLAYED: "true"} if done.repeated else {}
    return answer(done.document, status=done.status, headers=headers)


def _preview(request: Request, upload: Upload) -> Response:
    with reading_turn(request), said():
        found = preview_batch(chat_context(request), upload.asked, upload.content, upload.filename)
    return answer(documents.preview_document(found))


def _add_process(routes: APIRouter) -> None:
    @routes.post(
        "/process-for-duration",
        responses=answers(Sliced),
        summary="Work on a chat batch for a while",
        operation_id="process_chat_batch",
    )
    @may_answer(404, 502)
    @allow(write("process_chat_batch"))
    def process(request: Request, body: ProcessBody) -> Response:
        """The first time starts the batch. Where this process works on other slices it is only started: the sensor goes on."""
        services = services_of(request)
        context, viewer = chat_context(request), viewer_of(request)
        with said():
            batch_id = batch_id_of(body.batch_id)
            if services.slices.acquire(blocking=False):
                try:
                    report = process_for_duration(
                        context, batch_id, seconds=body.duration_seconds, viewer=viewer, workers=WORKERS
                    )
                finally:
                    services.slices.release()
            else:
                report = record_intent(context, batch_id, viewer=viewer)
        document = documents.slice_document(report)
        note(request, batchId=str(batch_id), processed=document["processed"], failed=document["failed"])
        return answer(document)

    @routes.post(
        "/try",
        responses=answers(Tried),
        summary="Try a chat batch with its first questions",
        operation_id="try_chat_batch",
    )
    @may_answer(404)
    @allow(write("try_chat_batch"))
    def try_one(request: Request, body: TryBody) -> Response:
        """Starts it with its first conversations alone; a resume asks the others, and none is asked twice."""
        with said():
            batch_id = batch_id_of(body.batch_id)
            done = try_first(
                chat_context(request), batch_id, items=body.items, dry_run=body.dry_run, viewer=viewer_of(request)
            )
        note(request, batchId=str(batch_id), items=done.items, dryRun=body.dry_run)
        return answer(documents.trial_document(done, dry_run=body.dry_run))


def _add_ends(routes: APIRouter) -> None:
    @routes.post(
        "/cancel", responses=answers(Cancelled), summary="Cancel a chat batch", operation_id="cancel_chat_batch"
    )
    @may_answer(404)
    @allow(write("cancel_chat_batch"))
    def cancel_one(request: Request, body: BatchBody) -> Response:
        """Nothing starts any more; answers that are under way are kept. Again, it changes nothing."""
        with said():
            batch_id = batch_id_of(body.batch_id)
            done = cancel(chat_context(request), batch_id, by=caller_of(request).name, viewer=viewer_of(request))
        note(request, batchId=str(batch_id), cancelRequested=done.requested)
        return answer(documents.cancel_document(done))

    @routes.post(
        "/resume", responses=answers(Resumed), summary="Take a chat batch up again", operation_id="resume_chat_batch"
    )
    @may_answer(404)
    @allow(write("resume_chat_batch"))
    def resume_one(request: Request, body: ResumeBody) -> Response:
        """What was cancelled, and what failed if asked for, waits again; what was answered is not asked again."""
        with said():
            batch_id = batch_id_of(body.batch_id)
            done = resume(
                chat_context(request),
                batch_id,
                failed_too=body.failed,
                dry_run=body.dry_run,
                viewer=viewer_of(request),
            )
        note(request, batchId=str(batch_id), items=done.items, dryRun=body.dry_run)
        return answer(documents.resume_document(done, dry_run=body.dry_run))
