"""Requests files that are run whatever they hold: each line is made one that can run.

Used where a fault script switches validation off. Add here what else such a server does not mind.
"""

from pathlib import Path
from typing import Any

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue
from livedash_pipeline.local.batch_api.batches.lines import MAX_LINE_BYTES, iterate_lines, parse_object, write_line

_MESSAGES = [{"role": "user", "content": "nothing"}]


def mend_requests(kept: Path, endpoint: str, catalogue: Catalogue) -> None:
    """Puts in place of a requests file one in which every line passes validation; an empty file gets one line.

    The new file is written beside the old one, whose content may be another file's as well.
    """
    mended = kept.with_suffix(".mended")
    seen: set[str] = set()
    model: str | None = None
    with kept.open("rb") as source, mended.open("wb") as target:
        lines = (line for _, line in iterate_lines(source, MAX_LINE_BYTES) if line is None or line.strip())
        for number, line in enumerate([*lines] or [b"{}"], start=1):
            request = _mended(parse_object(line) if line else None, number, seen)
            body = request["body"]
            if model is None:
                model = body["model"] if catalogue.get(body.get("model")) else next(iter(catalogue.names()))
            target.write(write_line({**request, "url": endpoint, "body": {**body, "model": model}}))
    mended.replace(kept)


def _mended(request: dict[str, Any] | None, number: int, seen: set[str]) -> dict[str, Any]:
    given = request or {}
    custom_id, body = given.get("custom_id"), given.get("body")
    if not isinstance(custom_id, str) or custom_id in seen:
        custom_id = f"request-{number}"
    seen.add(custom_id)
    body = dict(body) if isinstance(body, dict) else {}
    body.pop("stream", None)
    if not isinstance(body.get("messages"), list):
        body["messages"] = _MESSAGES
    return {"custom_id": custom_id, "method": "POST", "body": body}
