"""A Batch API in memory, at the HTTP client's edge: it keeps files and batches, and fails where a test tells it to.

Batches end when a test says how (`end`), with files that hold exactly the lines that the test gives.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2

from livedash_pipeline.ledger.rules.service.gateway import BatchGateway
from livedash_pipeline.services.openai.gateway import connect

BASE_URL = "https://api.example.org/v1"
KEY = "sk-test-0123456789"
Answer = httpx2.Response | Exception | Callable[[httpx2.Request], httpx2.Response]


class BatchService:
    """`on` maps an operation to what it does instead: a response, an exception, or a function of the request."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.stated_bytes: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.uploads = 0
        self.probes = 0
        self.batches: dict[str, dict[str, Any]] = {}
        self.on: dict[str, Answer] = {}
        self.calls: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        operation = self._operation(request)
        self.calls.append(operation)
        scripted = self.on.get(operation)
        if isinstance(scripted, Exception):
            raise scripted
        if isinstance(scripted, httpx2.Response):
            return httpx2.Response(scripted.status_code, headers=scripted.headers, content=scripted.content)
        return scripted(request) if scripted is not None else self.proceed(request)

    def proceed(self, request: httpx2.Request) -> httpx2.Response:
        """What the operation does if nothing is scripted."""
        named = request.url.path.split("/")[3:]
        return {
            "model": lambda: ok({"id": named[0], "object": "model"}),
            "upload": lambda: self._upload(request),
            "create": lambda: self._create(json.loads(request.content), f"batch_{len(self._bought())}"),
            "probe_upload": lambda: self._upload(request),
            "probe": lambda: self._create(json.loads(request.content), f"probe_{self.probes}"),
            "list": lambda: self._list(request),
            "retrieve": lambda: self._one(self.batches.get(named[0])),
            "cancel": lambda: self._cancel(named[0]),
            "delete": lambda: self._delete(named[0]),
            "files": lambda: self._files(),
            "file": lambda: self._file(named[0]),
            "content": lambda: (
                httpx2.Response(200, content=self.files[named[0]]) if named[0] in self.files else refusal(404)
            ),
        }[self._operation(request)]()

    @contextmanager
    def gateway(self, key: str = KEY) -> Iterator[BatchGateway]:
        client = httpx2.Client(transport=httpx2.MockTransport(self), follow_redirects=True)
        with connect(BASE_URL, key, http_client=client, sleep=lambda _: None) as gateway:
            yield gateway

    def requests_of(self, batch: str) -> list[str]:
        """The custom ids of a batch, in the order of its file."""
        content = self.files[self.batches[batch]["input_file_id"]]
        return [json.loads(line)["custom_id"] for line in content.splitlines()]

    def sessions_of(self, batch: str) -> dict[str, str]:
        """custom id → session id, as the model sees them."""
        content = self.files[self.batches[batch]["input_file_id"]]
        lines = [json.loads(line) for line in content.splitlines()]
        return {line["custom_id"]: json.loads(line["body"]["messages"][1]["content"])["session_id"] for line in lines}

    def end(
        self,
        batch: str,
        status: str = "completed",
        *,
        output: Iterable[Mapping[str, Any] | bytes] | None = None,
        error: Iterable[Mapping[str, Any] | bytes] | None = None,
        **fields: Any,
    ) -> None:
        """Lets a batch end with the given lines; bytes are taken as they are."""
        found = self.batches[batch]
        found |= {"status": status, f"{status}_at": int(time.time()), **fields}
        for name, lines in (("output", output), ("error", error)):
            if lines is not None:
                found[f"{name}_file_id"] = f"file-{name}-{batch}"
                self.files[f"file-{name}-{batch}"] = b"".join(
                    (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
                )

    def _operation(self, request: httpx2.Request) -> str:
        parts = request.url.path.split("/")[2:]
        if request.method == "POST" and (b"livedash-probe-" in request.content or b"livedash_probe" in request.content):
            return "probe_upload" if parts[0] == "files" else "probe"
        return {
            ("GET", "models", 2): "model",
            ("POST", "files", 1): "upload",
            ("GET", "files", 2): "file",
            ("GET", "files", 3): "content",
            ("POST", "batches", 1): "create",
            ("GET", "batches", 1): "list",
            ("GET", "batches", 2): "retrieve",
            ("POST", "batches", 3): "cancel",
            ("DELETE", "files", 2): "delete",
            ("GET", "files", 1): "files",
        }[(request.method, parts[0], len(parts))]

    def _upload(self, request: httpx2.Request) -> httpx2.Response:
        is_probe = self._operation(request) == "probe_upload"
        name = f"file-probe-{self.probes}" if is_probe else f"file-in-{self.uploads}"
        self.uploads += not is_probe
        self.probes += is_probe
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        part = next(part for part in request.content.split(b"--" + boundary) if b'name="file"' in part)
        self.files[name] = part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        self.names[name] = part.partition(b'filename="')[2].partition(b'"')[0].decode()
        return ok({"id": name, "object": "file", "bytes": len(self.files[name]), "purpose": "batch", "filename": "x"})

    def _bought(self) -> list[str]:
        return [name for name in self.batches if not name.startswith("probe_")]

    def _create(self, asked: dict[str, Any], name: str) -> httpx2.Response:
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "status": "validating",
            "created_at": int(time.time()),
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": None,
            "errors": None,
            "usage": None,
            **asked,
        }
        answer = ok(self.batches[name])
        if asked["input_file_id"] not in self.files:
            gone = {
                "code": "invalid_request",
                "param": "file_id",
                "message": "The input file is missing.",
                "line": None,
            }
            self.batches[name] |= {"status": "failed", "errors": {"data": [gone]}}
        return answer

    def _list(self, request: httpx2.Request) -> httpx2.Response:
        newest_first = list(reversed(self.batches.values()))
        after = request.url.params.get("after")
        start = [batch["id"] for batch in newest_first].index(after) + 1 if after else 0
        page = newest_first[start : start + int(request.url.params.get("limit", 20))]
        return ok({"object": "list", "data": page, "has_more": start + len(page) < len(newest_first)})

    def _cancel(self, name: str) -> httpx2.Response:
        found = self.batches.get(name)
        if found is not None and found["status"] in ("completed", "failed", "expired"):
            return refusal(409, message="It has ended.")
        if found is not None and found["status"] != "cancelled":
            found["status"] = "cancelling"
        return self._one(found)

    def _delete(self, name: str) -> httpx2.Response:
        if self.files.pop(name, None) is None:
            return refusal(404, message="No such file.")
        return ok({"id": name, "object": "file", "deleted": True})

    def _files(self) -> httpx2.Response:
        data = [{"id": name, "object": "file", "filename": self.names.get(name, "x")} for name in self.files]
        return ok({"object": "list", "data": data, "has_more": False})

    def _one(self, found: Mapping[str, Any] | None) -> httpx2.Response:
        return refusal(404, message="No such batch.") if found is None else ok(found)

    def _file(self, name: str) -> httpx2.Response:
        if name not in self.files:
            return refusal(404, message="No such file.")
        size = self.stated_bytes.get(name, len(self.files[name]))
        return ok({"id": name, "object": "file", "bytes": size, "purpose": "batch_output", "filename": "x"})


def ok(document: Any) -> httpx2.Response:
    return httpx2.Response(200, json=document)


def refusal(status: int, code: str | None = None, message: str = "No.") -> httpx2.Response:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return httpx2.Response(status, json={"error": error})


def analysis(session_id: str, **changes: Any) -> dict[str, Any]:
    """An answer of the model."""
    return {
        "language": "en",
        "sentiment": "NEUTRAL",
        "escalated": False,
        "forwarded_hr": False,
        "category": "SCHEDULE_HOURS",
        "questions": ["Where is my roster?"],
        "summary": "The user asked for the roster and was told.",
        "session_id": session_id,
        **changes,
    }


def answered(
    custom_id: str,
    content: str | Mapping[str, Any] | None,
    *,
    finish_reason: str = "stop",
    refusal_text: str | None = None,
    tokens: tuple[int, int] | None = (1000, 100),
    **body: Any,
) -> dict[str, Any]:
    """A line of an output file."""
    text = json.dumps(content) if isinstance(content, Mapping) else content
    message = {"role": "assistant", "content": text, "refusal": refusal_text}
    usage = tokens and {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return {
        "id": "batch_req_1",
        "custom_id": custom_id,
        "response": {
            "status_code": 200,
            "request_id": "req_1",
            "body": {
                "model": "gpt-5-mini-2025-08-07",
                "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
                "usage": usage,
                **body,
            },
        },
        "error": None,
    }


def refused(custom_id: str, status: int, code: str | None = None, message: str = "No.") -> dict[str, Any]:
    """A line of an error file about a request that the service answered with an error."""
    body = {"error": {"message": message, "type": "x", "param": None, "code": code}}
    return {
        "id": "r",
        "custom_id": custom_id,
        "response": {"status_code": status, "request_id": "", "body": body},
        "error": None,
    }


def not_run(custom_id: str, code: str = "batch_expired") -> dict[str, Any]:
    """A line of an error file about a request that never ran."""
    return {"id": "r", "custom_id": custom_id, "response": None, "error": {"code": code, "message": "Never ran."}}
