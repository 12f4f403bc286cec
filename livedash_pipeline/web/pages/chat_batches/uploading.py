"""From a file to a batch: the form, the preview of what was sent, and the batch that is made of it once.

Add a field of the form to its template and to `api.routes.chats.uploads`, which checks names, or to `chats.steps.new_batch`,
which checks values.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from livedash_pipeline.access.rules.tokens import Role
from livedash_pipeline.api.guard import allow, caller_of, note
from livedash_pipeline.api.problems import Problem, not_found
from livedash_pipeline.api.routes.chats.callers import chat_context, reading_turn
from livedash_pipeline.api.routes.chats.looking import send_template
from livedash_pipeline.api.routes.chats.uploads import form_value, new_batch_of
from livedash_pipeline.base.rules.chat_states import ChatMode
from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.store.companies import list_companies
from livedash_pipeline.chats.rules.intake.rows import DEFAULT_LIMITS
from livedash_pipeline.chats.steps.asking_again import Way
from livedash_pipeline.chats.steps.context import SEARCH_PROVIDERS
from livedash_pipeline.chats.steps.files.uploads import create_of_upload, find_upload, keep_upload
from livedash_pipeline.chats.steps.new_batch import NewBatch, UnusableUploadError
from livedash_pipeline.chats.store.uploads import ChatUpload
from livedash_pipeline.errors import LivedashError, UsageError
from livedash_pipeline.web.forms import Form
from livedash_pipeline.web.guard import form_of, services_of
from livedash_pipeline.web.pages.chat_batches.shared import SEE_CHANGES, changes, path_of_batch, uploads
from livedash_pipeline.web.queries import PageQuery
from livedash_pipeline.web.rendering import redirect, render

# The form around the file.
_AROUND = 1_000_000
_SECONDS = 300.0
# More are not offered, and can be typed all the same.
_MOST_COMPANIES = 200
_SHOWN_ERRORS = 50
_LONGEST_NAME = 255


class TemplateQuery(PageQuery):
    """In which format."""

    format: Literal["csv", "json", "xlsx"] = "csv"


def add_uploading(routes: APIRouter) -> None:
    """Adds the form, the preview and what makes the batch."""

    @routes.get("/new")
    @allow(SEE_CHANGES)
    def new(request: Request) -> Response:
        return _form_page(request, {})

    @routes.get("/template")
    @allow(SEE_CHANGES)
    def template(query: Annotated[TemplateQuery, Query()]) -> Response:
        return send_template(query.format)

    @routes.post("/uploads")
    @allow(uploads("upload_chat_file", max_body=DEFAULT_LIMITS.max_bytes + _AROUND, seconds=_SECONDS))
    def upload(request: Request) -> Response:
        with reading_turn(request):
            return _upload(request)

    @routes.get("/uploads/{upload_id}")
    @allow(SEE_CHANGES)
    def preview(request: Request, upload_id: str) -> Response:
        found = _found(request, upload_id)
        if isinstance(found, UUID):
            return redirect(path_of_batch(found))
        return render(request, "chat_batches/preview.html", title="Preview of a chat batch", upload=found, ways=Way)

    @routes.post("/uploads/{upload_id}/create")
    @allow(changes("create_chat_batch"))
    def create(request: Request, upload_id: str) -> Response:
        return _create(request, upload_id)


def _upload(request: Request) -> Response:
    fields, form = _fields(form_of(request)), form_of(request)
    sent = form.file("file")
    if sent is None:
        return _form_page(request, fields, fault="No file was chosen.", remedy="Choose one, or drop it on the field.")
    filename = sent.name[-_LONGEST_NAME:] or "questions"
    try:
        kept = keep_upload(
            chat_context(request),
            _asked(request, fields),
            fields,
            sent.content.read(),
            filename,
            token_id=caller_of(request).token_id,
        )
    except UnusableUploadError as error:
        note(request, errors=error.total)
        return _form_page(
            request,
            fields,
            fault=error.message,
            remedy=error.remedy,
            errors=error.errors[:_SHOWN_ERRORS],
            total=error.total,
        )
    except (UsageError, Problem) as error:
        fault, remedy = (error.detail, error.remedy) if isinstance(error, Problem) else (error.message, error.remedy)
        return _form_page(request, fields, fault=fault, remedy=remedy)
    note(request, uploadId=str(kept.id), rows=kept.preview["rows"])
    return redirect(f"/chat-batches/uploads/{kept.id}")


def _create(request: Request, upload_id: str) -> Response:
    found = _found(request, upload_id)
    way = form_of(request).one("then")
    if isinstance(found, ChatUpload):
        asked = _asked(request, found.fields)
        with reading_turn(request):
            batch_id = create_of_upload(chat_context(request), asked, found, token_id=caller_of(request).token_id)
    else:
        batch_id = found
    note(request, batchId=str(batch_id))
    if way in tuple(Way):
        return redirect(path_of_batch(batch_id, "/ask"), way=way)
    return redirect(path_of_batch(batch_id))


def _found(request: Request, upload_id: str) -> ChatUpload | UUID:
    """The upload of an address, or the batch that was made of it."""
    named = read_id(upload_id)
    if named is None:
        raise not_found("such upload")
    try:
        return find_upload(services_of(request).engine, named, token_id=caller_of(request).token_id)
    except UsageError as error:
        raise Problem("not_found", error.message, remedy=error.remedy) from None


def _fields(form: Form) -> dict[str, str]:
    """The fields that were filled in."""
    return {name: value.strip() for name, value in form.fields().items() if value.strip() and name != "file"}


def _asked(request: Request, fields: dict[str, str]) -> NewBatch:
    return new_batch_of(caller_of(request), {name: form_value(name, value) for name, value in fields.items()})


def _form_page(
    request: Request,
    fields: dict[str, str],
    *,
    fault: str = "",
    remedy: str = "",
    errors: list[dict[str, Any]] | None = None,
    total: int = 0,
) -> Response:
    caller = caller_of(request)
    return render(
        request,
        "chat_batches/new.html",
        title="New chat batch",
        status=422 if fault else 200,
        fields=fields,
        fault=fault,
        remedy=remedy,
        errors=errors or [],
        total=total,
        companies=_companies(request) if caller.role is Role.PLATFORM_ADMIN else None,
        provider_words=[(name, name) for name in _providers(request)],
        search_words=[(name, name) for name in SEARCH_PROVIDERS],
        mode_words=[(mode.value, mode.value) for mode in ChatMode],
        limits=DEFAULT_LIMITS,
    )


def _companies(request: Request) -> list[str]:
    with services_of(request).engine.connect() as connection:
        return [company.slug for company in list_companies(connection)[:_MOST_COMPANIES]]


def _providers(request: Request) -> list[str]:
    try:
        return list(chat_context(request).providers())
    except LivedashError:
        # Whoever sends the form is told; the form itself can be looked at.
        return []
