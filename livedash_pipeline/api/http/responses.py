"""Makes answers: documents as JSON, and the tag by which a client asks whether one has changed.

Add a way of answering here. Failures are problems (`api.problems`); steps make the documents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response, StreamingResponse

from livedash_pipeline.base.rules.values import Document

_TAGGED = "application/json"


def answer(document: Document, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answers with a document of a step; keys keep their order."""
    return Response(dumped(document), status, headers=headers, media_type=_TAGGED)


def dumped(document: Any) -> bytes:
    """Writes JSON without spaces, in ASCII, so that every character of a document can be sent."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


def with_etag(request: Request, response: Response) -> Response:
    """Tags a document; 304 without a body if the client has the same one already."""
    if response.status_code != 200 or response.media_type != _TAGGED or isinstance(response, StreamingResponse):
        return response
    tag = f'W/"{hashlib.blake2b(bytes(response.body), digest_size=12).hexdigest()}"'
    kept = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    if _matches(request.headers.get("if-none-match"), tag):
        age = response.headers.get("age")
        return Response(status_code=304, headers=kept | ({"Age": age} if age else {}))
    response.headers.update(kept)
    return response


def _matches(header: str | None, tag: str) -> bool:
    """Compared weakly, as RFC 9110 says for GET."""
    opaque = tag.removeprefix("W/")
    given = [one.strip() for one in (header or "").split(",")]
    return "*" in given or opaque in (one.removeprefix("W/") for one in given)
