"""Chat batches over HTTP: made, worked on in slices, cancelled, resumed, listed, and their results.

A company's token sees its company's batches, a platform administrator's those that it uploaded, or all with `chats:all`; those of
others are answered as ones that do not exist. Add a route here; its step is one of `chats.steps`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, BinaryIO, cast
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from livedash_pipeline.access.rules.tokens import Role, Scope
from livedash_pipeline.api.access import Access
from livedash_pipeline.api.guard import allow, caller_of, guarded_router, note
from livedash_pipeline.api.http.idempotency import PARAMETER as IDEMPOTENCY_KEY
from livedash_pipeline.api.http.idempotency import REPLAYED, answer_once, request_key
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.openapi import may_answer
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.api.routes.admin.schemas import answers
from livedash_pipeline.api.routes.chats.schemas import (
    BatchBody,
    Cancelled,
    ChatBatches,
    Compared,
    CompareQuery,
    Created,
    JudgeBody,
    Judging,
    OneChatBatch,
    PageOfChatBatches,
    Previewed,
    ProcessBody,
    ResultsQuery,
    ResumeBody,
    Resumed,
    Sliced,
    upload_body,
)
from livedash_pipeline.api.routes.chats.uploads import FORM, JSON, Upload, read_upload
from livedash_pipeline.api.services import services_of
from livedash_pipeline.chats.rules.intake.rows import DEFAULT_LIMITS
from livedash_pipeline.chats.steps import documents
from livedash_pipeline.chats.steps.cancel import cancel, resume
from livedash_pipeline.chats.steps.compare import compare_document
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.create import create_batch, preview_batch
from livedash_pipeline.chats.steps.judging.ask_for import ask_for_judgements
from livedash_pipeline.chats.steps.named import NOT_FOUND, Viewer, batch_id_of
from livedash_pipeline.chats.steps.new_batch import UnusableUploadError
from livedash_pipeline.chats.steps.process import process_for_duration, record_intent
from livedash_pipeline.chats.steps.results import MEDIA_TYPES, open_results
from livedash_pipeline.errors import UsageError
from livedash_pipeline.submissions.steps.idempotency import OnceAnswer

_BOTH = (Role.PLATFORM_ADMIN,)
_UPLOAD_SECONDS = 300.0
# Workers of a slice in this process: its connections are shared with everything else that it answers.
_WORKERS = 4
_IN_MEMORY = 1_000_000
_CHUNK = 64 * 1024

_READ = Access(Role.COMPANY, Scope.CHATS_READ, also=_BOTH)


def _write(action: str) -> Access:
    return Access(Role.COMPANY, Scope.CHATS_WRITE, action, "json", also=_BOTH)


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
    _add_looks(routes)
    return routes


def viewer_of(request: Request) -> Viewer:
    """Whose batches the caller sees."""
    caller = caller_of(request)
    if caller.role is Role.COMPANY:
        return Viewer(company_id=caller.company_id)
    return Viewer() if Scope.CHATS_ALL in caller.scopes else Viewer(token_id=caller.token_id)


def chat_context(request: Request) -> ChatContext:
    """What the steps are given."""
    services = services_of(request)
    return ChatContext(services.engine, services.settings, services.environ)


@contextmanager
def _said() -> Iterator[None]:
    """Turns what the steps refuse into what HTTP says of it."""
    try:
        yield
    except UnusableUploadError as error:
        errors = [
            {"pointer": "/file" if each["line"] is None else f"/file/{each['line']}", "detail": str(each["message"])}
            for each in error.errors
        ]
        raise Problem("invalid_body", error.message, remedy=error.remedy, errors=errors) from None
    except UsageError as error:
        if error.code == NOT_FOUND:
            raise not_found("such chat batch") from None
        raise


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
        with _said():
            created = create_batch(chat_context(request), asked, upload.content, upload.filename)
        return OnceAnswer(200, documents.created_document(created))

    done = answer_once(request, key, work)
    note(request, batchId=done.document["batchId"], chats=done.document["chats"])
    headers = {REPLAYED: "true"} if done.repeated else {}
    return answer(done.document, status=done.status, headers=headers)


def _preview(request: Request, upload: Upload) -> Response:
    with _said():
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
    @allow(_write("process_chat_batch"))
    def process(request: Request, body: ProcessBody) -> Response:
        """The first time starts the batch. Where this process works on other slices it is only started: the sensor goes on."""
        services = services_of(request)
        context, viewer = chat_context(request), viewer_of(request)
        with _said():
            batch_id = batch_id_of(body.batch_id)
            if services.slices.acquire(blocking=False):
                try:
                    report = process_for_duration(
                        context, batch_id, seconds=body.duration_seconds, viewer=viewer, workers=_WORKERS
                    )
                finally:
                    services.slices.release()
            else:
                report = record_intent(context, batch_id, viewer=viewer)
        document = documents.slice_document(report)
        note(request, batchId=str(batch_id), processed=document["processed"], failed=document["failed"])
        return answer(document)


def _add_ends(routes: APIRouter) -> None:
    @routes.post(
        "/cancel", responses=answers(Cancelled), summary="Cancel a chat batch", operation_id="cancel_chat_batch"
    )
    @may_answer(404)
    @allow(_write("cancel_chat_batch"))
    def cancel_one(request: Request, body: BatchBody) -> Response:
        """Nothing starts any more; answers that are under way are kept. Again, it changes nothing."""
        with _said():
            batch_id = batch_id_of(body.batch_id)
            done = cancel(chat_context(request), batch_id, by=caller_of(request).name, viewer=viewer_of(request))
        note(request, batchId=str(batch_id), cancelRequested=done.requested)
        return answer(documents.cancel_document(done))

    @routes.post(
        "/resume", responses=answers(Resumed), summary="Take a chat batch up again", operation_id="resume_chat_batch"
    )
    @may_answer(404)
    @allow(_write("resume_chat_batch"))
    def resume_one(request: Request, body: ResumeBody) -> Response:
        """What was cancelled, and what failed if asked for, waits again; what was answered is not asked again."""
        with _said():
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


def _add_looks(routes: APIRouter) -> None:
    @routes.get("/list", responses=answers(ChatBatches), summary="List chat batches", operation_id="list_chat_batches")
    @allow(_READ)
    def list_all(request: Request, query: Annotated[PageOfChatBatches, Query()]) -> Response:
        """Newest first, with progress, speed, estimated end and cost."""
        caller = caller_of(request)
        if caller.role is Role.COMPANY and query.company not in (None, caller.company):
            raise not_found("such company")
        document = documents.list_document(
            services_of(request).engine,
            status=query.status,
            company=query.company,
            limit=query.limit,
            cursor=query.cursor,
            viewer=viewer_of(request),
        )
        return answer(document)

    @routes.get(
        "/results",
        responses={
            200: {
                "description": "A row for each row of the file, in its order.",
                "content": {name.partition(";")[0]: {"schema": {"type": "string"}} for name in MEDIA_TYPES.values()},
            }
        },
        summary="Take the results of a chat batch",
        operation_id="chat_batch_results",
    )
    @may_answer(404)
    @allow(_READ)
    def results(request: Request, query: Annotated[ResultsQuery, Query()]) -> Response:
        """Whatever became of a question, and however long ago; CSV and XLSX are safe to open in a spreadsheet."""
        return _results(request, query)

    @routes.get(
        "/compare",
        responses=answers(Compared),
        summary="Compare the answers of two runs",
        operation_id="compare_chat_batches",
    )
    @may_answer(404)
    @allow(_READ)
    def compare(request: Request, query: Annotated[CompareQuery, Query()]) -> Response:
        """Counts over all rows, and a page of those that differ; reads both runs whole for it."""
        with _said():
            document = compare_document(
                services_of(request).engine,
                batch_id_of(query.a),
                None if query.b is None else batch_id_of(query.b),
                viewer=viewer_of(request),
                limit=query.limit,
                cursor=query.cursor,
                show_text=query.show_text,
                judge=query.judge_model or services_of(request).settings.openai_model,
            )
        return answer(document)

    @routes.post(
        "/compare",
        responses=answers(Judging),
        summary="Let a model judge answers that differ",
        operation_id="judge_chat_batches",
    )
    @may_answer(404)
    @allow(_write("judge_chat_batches"))
    def judge(request: Request, body: JudgeBody) -> Response:
        """A request for each pair that the model was never asked about, sent with the next batch; verdicts stand in `compare`."""
        context = chat_context(request)
        with _said():
            document = ask_for_judgements(
                context,
                batch_id_of(body.a),
                None if body.b is None else batch_id_of(body.b),
                model=body.judge_model or context.settings.openai_model,
                dry_run=body.dry_run,
                viewer=viewer_of(request),
            )
        note(request, batchId=body.a, requested=document["requested"], dryRun=body.dry_run)
        return answer({"ok": True, **document})

    @routes.get(
        "/{batch_id}", responses=answers(OneChatBatch), summary="Show a chat batch", operation_id="describe_chat_batch"
    )
    @allow(_READ)
    def show(request: Request, batch_id: str) -> Response:
        """With the configuration that it is asked with."""
        with _said():
            document = documents.show_document(
                services_of(request).engine, batch_id_of(batch_id), viewer=viewer_of(request)
            )
        return answer(document)


def _results(request: Request, query: ResultsQuery) -> Response:
    """Written to a file first: whatever goes wrong is an answer then, and not the end of one."""
    spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed when it has been sent
    try:
        with (
            _said(),
            open_results(services_of(request).engine, batch_id_of(query.batch_id), viewer=viewer_of(request)) as found,
        ):
            found.write(spool, file_format=query.format, originals=query.originals)
        size = spool.tell()
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    name = quote(f"{found.batch.name}.{query.format}", safe="")
    headers = {"Content-Length": str(size), "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    sent = iter(partial(spool.read, _CHUNK), b"")
    closing = BackgroundTask(spool.close)
    return StreamingResponse(sent, headers=headers, media_type=MEDIA_TYPES[query.format], background=closing)
