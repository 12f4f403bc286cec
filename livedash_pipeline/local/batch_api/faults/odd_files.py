"""Result files that are not what they should be: the bytes that are served, and the size that is stated, as faults want them.

Add a shape in `_SHAPES` when a service or a proxy is seen to serve one. The faults are bound to the batch of the file.
"""

import gzip
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid5

from livedash_pipeline.local.batch_api.batches.batch_views import show_file
from livedash_pipeline.local.batch_api.batches.lines import write_line
from livedash_pipeline.local.batch_api.faults.batch_faults import faults_of
from livedash_pipeline.local.batch_api.faults.fault_kinds import OddFile, OtherSize
from livedash_pipeline.local.batch_api.records import BatchRecord, FileRecord

_PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Your session has expired.</body></html>\n"
_ERROR = {"error": {"message": "The upstream did not answer.", "type": "server_error", "code": None}}
_F = TypeVar("_F", OddFile, OtherSize)


def _other_ids(content: bytes) -> bytes:
    lines = [json.loads(line) for line in content.split(b"\n") if line]
    return b"".join(
        write_line({**line, "custom_id": str(uuid5(NAMESPACE_OID, str(line.get("custom_id"))))}) for line in lines
    )


_SHAPES: Mapping[str, Callable[[bytes], bytes]] = {
    "html_page": lambda _content: _PAGE,
    "json_error": lambda _content: json.dumps(_ERROR).encode(),
    "plain_text": lambda _content: b"upstream timed out\n",
    "empty_body": lambda _content: b"",
    "binary_body": lambda content: bytes(range(256)) * (1 + len(content) // 256),
    "gzip_bytes": lambda content: gzip.compress(content, mtime=0),
    "utf16_body": lambda content: content.decode().encode("utf-16"),
    "longer_body": lambda content: content + _PAGE,
    "other_batch": _other_ids,
}


def odd_content(file: FileRecord, batch: BatchRecord, content: Callable[[], bytes], now: float) -> bytes | None:
    """Returns the content that is served instead of a result file's own; None where that is served."""
    found = _striking(OddFile, file, batch, now)
    return None if found is None else _SHAPES[found.kind](content())


def show_result_file(file: FileRecord, batch: BatchRecord, content: Callable[[], bytes], now: float) -> dict[str, Any]:
    """Returns the File object of a result file, with the size that the faults of its batch want stated."""
    document = show_file(file)
    odd = _striking(OddFile, file, batch, now)
    if odd is not None and odd.sized:
        document["bytes"] = len(_SHAPES[odd.kind](content()))
    size = _striking(OtherSize, file, batch, now)
    if size is not None:
        stated = document["bytes"] + size.by if size.bytes is None else size.bytes
        document["bytes"] = None if size.unknown else max(stated, 0)
    return document


def _striking(kind: type[_F], file: FileRecord, batch: BatchRecord, now: float) -> _F | None:
    """Returns the first fault of a kind that strikes a file now; a file is created when its batch ends."""
    name = "output" if file.id == batch.output_file else "error"
    for fault in faults_of(batch).all(kind):
        lasts = math.inf if fault.seconds is None else fault.seconds
        if fault.file in (name, "both") and now < file.created_at + lasts:
            return fault
    return None
