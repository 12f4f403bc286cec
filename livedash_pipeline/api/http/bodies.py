"""Checks bodies of requests before a route sees them: the right type, small enough, quick enough, and strict JSON.

The route's model says what a body has to hold. Add a kind of body here; `base.rules.json_text` has the rules of JSON as such.
"""

from __future__ import annotations

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from livedash_pipeline.api.access import Access
from livedash_pipeline.api.http.limits import limited, too_large
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.base.rules.json_text import JsonFault, read_json

# A larger body is read in a thread: two megabytes of nothing but empty lists take half a second.
_READ_AT_ONCE = 64 * 1024


async def read_body(request: Request, access: Access) -> Request:
    """Returns the request with its JSON body read and checked, or with limits on reading it, as the route declares.

    Raises:
        Problem: The body is of another type, too large, too slow, or not JSON.
    """
    if access.body == "none":
        return request
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > access.max_body:
        raise too_large(access.max_body)
    receive = limited(request.receive, max_bytes=access.max_body, seconds=access.body_seconds)
    read = Request(request.scope, receive)
    if access.body == "stream":
        check_type(request, access)
        return read
    body = await read.body()
    if not body:
        if access.body == "optional json":
            return read
        raise Problem(
            "invalid_body",
            "The body is empty.",
            remedy="Send a JSON document.",
            errors=[{"pointer": "", "detail": "a body is needed"}],
        )
    check_type(request, access)
    document = await run_in_threadpool(read_json, body) if len(body) > _READ_AT_ONCE else read_json(body)
    if isinstance(document, JsonFault):
        raise Problem("bad_request", f"The body {document.reason}.", remedy="Send one JSON document in UTF-8.")
    return read


def media_type(request: Request) -> str:
    """Returns the type of a body, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def check_type(request: Request, access: Access) -> None:
    """Refuses a body whose type the route does not take.

    Raises:
        Problem: 415.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    given = media_type(request)
    if given in access.media_types and coding in ("", "identity"):
        return
    shown = given or "nothing" if given not in access.media_types else f"content-encoding {coding}"
    wanted = " or ".join(access.media_types)
    raise Problem(
        "unsupported_media_type",
        f"The body is said to be {shown[:100]!r}.",
        remedy=f"Send {wanted}, unencoded.",
        headers={"Accept": ", ".join(access.media_types), "Accept-Encoding": "identity"},
    )
