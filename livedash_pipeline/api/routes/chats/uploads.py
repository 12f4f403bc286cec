"""Uploads of questions: a form with a file, or a JSON document, as what the steps take.

Names of fields are the seed's. An empty field of a form is one that was not filled in. What a field may be is checked by the
steps; what is no field, or comes twice, is refused here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException

from livedash_pipeline.access.rules.tokens import Caller, Role
from livedash_pipeline.api.guard import caller_of
from livedash_pipeline.api.http.bodies import media_type
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.base.rules.rfc3339 import parse_moment
from livedash_pipeline.chats.steps.new_batch import NewBatch

JSON = "application/json"
FORM = "multipart/form-data"
_NAMES = {
    "name": "name",
    "company": "company",
    "type": "type",
    "aiProvider": "ai_provider",
    "searchProvider": "search_provider",
    "pageLanguage": "page_language",
    "applyOverrides": "apply_overrides",
    "overrideText": "override_text",
    "mode": "mode",
    "dueAt": "due_at",
    "turnPolicy": "turn_policy",
}
# What a form says of a box.
_TRUTH = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_LONGEST_FIELD = 100_000


@dataclass(frozen=True)
class Upload:
    """What was sent: fields, the file, and a digest of both."""

    asked: NewBatch
    content: bytes
    filename: str
    digest: bytes


async def read_upload(request: Request) -> Upload:
    """The upload of a guarded request whose body is a stream.

    Raises:
        Problem: It is no form or document, or a field is unknown, repeated or of the wrong type.
    """
    fields, content, filename = await (_read_form(request) if media_type(request) == FORM else _read_json(request))
    shown = json.dumps([fields, filename], sort_keys=True, default=str).encode()
    digest = hashlib.sha256(shown + b"\n" + content).digest()
    return Upload(new_batch_of(caller_of(request), fields), content, filename, digest)


async def _read_form(request: Request) -> tuple[dict[str, Any], bytes, str]:
    fields: dict[str, Any] = {}
    file: tuple[bytes, str] | None = None
    try:
        async with request.form(max_files=1, max_fields=len(_NAMES) + 1, max_part_size=_LONGEST_FIELD) as form:
            for name, value in form.multi_items():
                if name in fields or (name == "file" and file is not None):
                    raise _fault(name, "is given more than once")
                if name == "file":
                    if not isinstance(value, UploadFile):
                        raise _fault("file", "is no file")
                    file = (await value.read(), value.filename or "questions")
                elif value != "":
                    fields[name] = form_value(name, value)
    except MultiPartException as error:
        raise Problem(
            "bad_request", f"The form cannot be read: {error.message}", remedy="Send a multipart form."
        ) from None
    if file is None:
        raise _fault("file", "is missing")
    return fields, *file


def form_value(name: str, value: Any) -> Any:
    """What the text of a form's field stands for."""
    return _TRUTH.get(str(value).strip().lower(), value) if name == "applyOverrides" else value


async def _read_json(request: Request) -> tuple[dict[str, Any], bytes, str]:
    document = read_json(await request.body())
    if isinstance(document, JsonFault):
        raise Problem("bad_request", f"The body {document.reason}.", remedy="Send one JSON document in UTF-8.")
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise _fault("items", "is no list of questions")
    items = document.pop("items")
    return document, json.dumps(items, ensure_ascii=False).encode("utf-8", errors="surrogatepass"), "items.json"


def new_batch_of(caller: Caller, fields: Mapping[str, Any]) -> NewBatch:
    """The batch that fields of an upload ask for, by whom; empty fields are left out before.

    Raises:
        Problem: A field is unknown or of the wrong type, or the company is missing or another one than the caller's own.
    """
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in _NAMES:
            raise _fault(name, "is not known")
        values[_NAMES[name]] = _value(name, value)
    given = values.pop("company", None)
    if caller.role is Role.COMPANY and given not in (None, caller.company):
        raise _fault("company", "is not the token's own")
    company = caller.company if caller.role is Role.COMPANY else given
    if not company:
        raise _fault("company", "is missing")
    return NewBatch(company=company, uploader=caller.name, uploader_token_id=caller.token_id, **values)


def _value(name: str, value: object) -> object:
    if name == "applyOverrides":
        if not isinstance(value, bool):
            raise _fault(name, "is neither true nor false")
        return value
    if not isinstance(value, str):
        raise _fault(name, "is no text")
    if name == "dueAt":
        moment = parse_moment(value)
        if moment is None:
            raise _fault(name, "is no time with its zone, such as 2025-05-01T12:00:00Z")
        return moment
    return value


def _fault(name: str, detail: str) -> Problem:
    return Problem(
        "invalid_body",
        f"The field {name[:50]!r} {detail}.",
        remedy=f"Fields are {', '.join(_NAMES)}, and file (or items in JSON).",
        errors=[{"pointer": f"/{name[:50]}", "detail": detail}],
    )
