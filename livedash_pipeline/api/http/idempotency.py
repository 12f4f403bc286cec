"""`Idempotency-Key`: the same request with the same key gets the same answer, and is carried out once.

Routes that store something use this; `submissions.steps.idempotency` has the rules of keys. Add nothing that knows the work of a
request.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from fastapi import Request

from livedash_pipeline.api.guard import caller_of
from livedash_pipeline.api.problems import Problem
from livedash_pipeline.api.services import services_of
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.submissions.steps.idempotency import KeyInUseError, KeyReusedError, OnceAnswer, RequestKey, once

REPLAYED = "Idempotent-Replayed"
_HEADER = "Idempotency-Key"
_FORM = re.compile(r"[!-~]{1,255}")
_RETRY_SECONDS = "5"

PARAMETER: dict[str, Any] = {
    "name": _HEADER,
    "in": "header",
    "required": False,
    "description": "A text of your own. Within 24 hours the same request with the same key gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


def request_key(request: Request, digest: bytes) -> RequestKey | None:
    """Returns the request's key, bound to the request's contents; None without one.

    Args:
        request: A guarded request.
        digest: A hash of its body and of everything else that distinguishes it.

    Raises:
        Problem: The key is malformed.
    """
    given = request.headers.getlist(_HEADER)
    if not given:
        return None
    if len(given) > 1 or not _FORM.fullmatch(given[0]):
        raise Problem(
            "bad_request",
            f"The {_HEADER} is not valid.",
            remedy="Give one key of 1 to 255 visible ASCII characters, such as a UUID.",
            errors=[{"parameter": _HEADER, "detail": "is not one text of 1 to 255 visible ASCII characters"}],
        )
    asked = f"{request.method} {request.url.path} ".encode() + digest
    return RequestKey(caller_of(request).token_id, given[0], hashlib.sha256(asked).hexdigest())


def answer_once(request: Request, key: RequestKey | None, work: Callable[[], OnceAnswer]) -> OnceAnswer:
    """Returns the answer kept for the key, or that of the work.

    Raises:
        Problem: 422, another request came with the key; 409, the first one is still at work.
    """
    try:
        return once(services_of(request).engine, key, work, refusals=(Problem, LivedashError))
    except KeyReusedError as error:
        raise Problem("idempotency_key_reused", error.message, remedy=error.remedy) from None
    except KeyInUseError as error:
        raise Problem("conflict", error.message, remedy=error.remedy, headers={"Retry-After": _RETRY_SECONDS}) from None
