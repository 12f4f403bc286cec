"""What is read of chat batches over HTTP: lists, one batch, results, comparisons, a file to begin with.

Add a route that changes nothing; `api.routes.chats.batches` has the others.
"""

from __future__ import annotations

import tempfile
from functools import partial
from typing import Annotated, BinaryIO, cast
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from livedash_pipeline.access.rules.tokens import Role
from livedash_pipeline.api.guard import allow, caller_of, note
from livedash_pipeline.api.http.responses import answer
from livedash_pipeline.api.openapi import may_answer
from livedash_pipeline.api.problems import not_found
from livedash_pipeline.api.routes.admin.schemas import answers
from livedash_pipeline.api.routes.chats.callers import READ, chat_context, said, viewer_of, write
from livedash_pipeline.api.routes.chats.schemas import (
    ChatBatches,
    Compared,
    CompareQuery,
    JudgeBody,
    Judging,
    OneChatBatch,
    PageOfChatBatches,
    ResultsQuery,
    TemplateQuery,
)
from livedash_pipeline.api.services import services_of
from livedash_pipeline.chats.steps import documents
from livedash_pipeline.chats.steps.compare import compare_document
from livedash_pipeline.chats.steps.files.template_file import template_file
from livedash_pipeline.chats.steps.judging.ask_for import ask_for_judgements
from livedash_pipeline.chats.steps.named import batch_id_of
from livedash_pipeline.chats.steps.results import MEDIA_TYPES, Format, open_results

_QUESTIONS = {"type": "array", "items": {"type": "object"}, "example": [{"question": "How do I apply for leave?"}]}
_IN_MEMORY = 1_000_000
_CHUNK = 64 * 1024


def add_looks(routes: APIRouter) -> None:
    """Adds the routes that change nothing, and the one that buys judgements of what they show."""

    @routes.get("/list", responses=answers(ChatBatches), summary="List chat batches", operation_id="list_chat_batches")
    @allow(READ)
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
    @allow(READ)
    def results(request: Request, query: Annotated[ResultsQuery, Query()]) -> Response:
        """Whatever became of a question, and however long ago; CSV and XLSX are safe to open in a spreadsheet."""
        return send_results(request, query)

    @routes.get(
        "/compare",
        responses=answers(Compared),
        summary="Compare the answers of two runs",
        operation_id="compare_chat_batches",
    )
    @may_answer(404)
    @allow(READ)
    def compare(request: Request, query: Annotated[CompareQuery, Query()]) -> Response:
        """Counts over all rows, and a page of those that differ; reads both runs whole for it."""
        with said():
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
    @allow(write("judge_chat_batches"))
    def judge(request: Request, body: JudgeBody) -> Response:
        """A request for each pair that the model was never asked about, sent with the next batch; verdicts stand in `compare`."""
        context = chat_context(request)
        with said():
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
        "/template",
        responses={
            200: {
                "description": "A file that can be uploaded as it is.",
                "content": {
                    name.partition(";")[0]: {"schema": _QUESTIONS if key == "json" else {"type": "string"}}
                    for key, name in MEDIA_TYPES.items()
                },
            }
        },
        summary="Take a file of questions to begin with",
        operation_id="chat_batch_template",
    )
    @allow(READ)
    def template(query: Annotated[TemplateQuery, Query()]) -> Response:
        """The columns that an upload may have, and two rows."""
        return send_template(query.format)

    @routes.get(
        "/{batch_id}", responses=answers(OneChatBatch), summary="Show a chat batch", operation_id="describe_chat_batch"
    )
    @allow(READ)
    def show(request: Request, batch_id: str) -> Response:
        """With the configuration that it is asked with."""
        with said():
            document = documents.show_document(
                services_of(request).engine, batch_id_of(batch_id), viewer=viewer_of(request)
            )
        return answer(document)


def send_results(request: Request, query: ResultsQuery) -> Response:
    """Answers with the results of a batch, written to a file first: whatever goes wrong is an answer, and not the end of one.

    Raises:
        Problem: 404: no such batch.
    """
    spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed when it has been sent
    try:
        with (
            said(),
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


def send_template(file_format: Format) -> Response:
    """Answers with a file of questions to begin with."""
    headers = {"Content-Disposition": f'attachment; filename="questions.{file_format}"'}
    return Response(template_file(file_format), headers=headers, media_type=MEDIA_TYPES[file_format])
