"""What the sample companies publish, over HTTP: CSVs with validators, transcripts, Basic auth per company.

Add behaviour of a vendor's server here. What is published comes from `files.SampleSource`; nothing here knows the
pipeline.
"""

import secrets
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from threading import Lock

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from livedash_pipeline.local.sample_data.files import SampleSource
from livedash_pipeline.local.sample_data.generate import SampleCompany
from livedash_pipeline.local.server_thread import AppServer, serving
from livedash_pipeline.sockets import listening, listening_origin

_GRACE_SECONDS = 2


class Published:
    """The sources by their companies' slugs, and how often each path was asked for."""

    def __init__(self, *sources: SampleSource) -> None:
        self._sources = {source.company.slug: source for source in sources}
        self._requests: Counter[str] = Counter()
        self._lock = Lock()

    @property
    def requests_by_path(self) -> Mapping[str, int]:
        """How many requests came for each path so far, refused ones included."""
        with self._lock:
            return dict(self._requests)

    def publish(self, source: SampleSource) -> None:
        """Puts a source in the place of its company's former one, or beside the others."""
        with self._lock:
            self._sources = {**self._sources, source.company.slug: source}

    def find(self, slug: str) -> SampleSource | None:
        """Returns the source of a company."""
        return self._sources.get(slug)

    def count(self, path: str) -> None:
        """Notes one request."""
        with self._lock:
            self._requests[path] += 1


def create_source_app(published: Published) -> FastAPI:
    """Returns the application with `/<slug>/sessions.csv` and `/<slug>/chats/<id>.txt`.

    The CSV is streamed with ETag and Last-Modified and answers a conditional GET with 304; its transcript addresses
    begin with the address by which the CSV was asked for.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/{slug}/sessions.csv")
    def sessions_csv(slug: str, request: Request) -> Response:
        source, refusal = _admit(published, slug, request)
        return refusal if source is None else _csv_response(source, request)

    @app.get("/{slug}/chats/{external_id}.txt")
    def transcript(slug: str, external_id: str, request: Request) -> Response:
        source, refusal = _admit(published, slug, request)
        if source is None:
            return refusal
        text = source.transcript(external_id)
        return _not_found() if text is None else PlainTextResponse(text)

    return app


@dataclass(frozen=True, slots=True)
class RunningSource:
    """A source server that is up."""

    base_url: str
    published: Published = field(repr=False)

    def csv_url(self, slug: str) -> str:
        """Returns the address of a company's CSV."""
        return f"{self.base_url}/{slug}/sessions.csv"

    def transcript_url(self, slug: str, external_id: str) -> str:
        """Returns the address of a session's transcript."""
        return f"{self.base_url}/{slug}/chats/{external_id}.txt"

    def publish(self, source: SampleSource) -> None:
        """Puts a source in the place of its company's former one."""
        self.published.publish(source)

    @property
    def requests_by_path(self) -> Mapping[str, int]:
        """How many requests came for each path so far, refused ones included."""
        return self.published.requests_by_path


@contextmanager
def running_source(*sources: SampleSource, port: int = 0) -> Iterator[RunningSource]:
    """Serves sources on 127.0.0.1 from a thread of this process, on a free port unless one is named.

    Raises:
        OSError: The port is taken.
        RuntimeError: The server does not start.
    """
    published = Published(*sources)
    server = AppServer(create_source_app(published), grace=_GRACE_SECONDS)
    with listening("127.0.0.1", port) as listener, serving(server, listener, name="sample-source"):
        yield RunningSource(listening_origin(listener), published)


def _admit(published: Published, slug: str, request: Request) -> tuple[SampleSource | None, Response]:
    """Returns the source, or None and the answer that refuses the request."""
    published.count(request.url.path)
    source = published.find(slug)
    if source is None:
        return None, _not_found()
    if not _authorized(source.company, request.headers.get("authorization", "")):
        challenge = {"WWW-Authenticate": f'Basic realm="{slug}", charset="UTF-8"'}
        return None, PlainTextResponse("Unauthorized\n", 401, headers=challenge)
    return source, Response()


def _authorized(company: SampleCompany, header: str) -> bool:
    if company.password is None:
        return True
    scheme, _, encoded = header.partition(" ")
    try:
        given = b64decode(encoded.strip(), validate=True)
    except ValueError:
        return False
    wanted = f"{company.username}:{company.password}".encode()
    return scheme.lower() == "basic" and secrets.compare_digest(given, wanted)


def _csv_response(source: SampleSource, request: Request) -> Response:
    base_url = f"{str(request.base_url).rstrip('/')}/{source.company.slug}/chats"
    etag = f'"{sha256(f"{base_url} {source.version}".encode()).hexdigest()[:32]}"'
    modified = source.last_modified.astimezone(UTC).replace(microsecond=0)
    headers = {"ETag": etag, "Last-Modified": format_datetime(modified, usegmt=True)}
    if _is_unchanged(request, etag, headers["Last-Modified"]):
        return Response(status_code=304, headers=headers)
    return StreamingResponse(source.csv_chunks(base_url), media_type="text/csv; charset=utf-8", headers=headers)


def _is_unchanged(request: Request, etag: str, last_modified: str) -> bool:
    # RFC 9110, 13.2.2: If-Modified-Since counts only without If-None-Match.
    if (known := request.headers.get("if-none-match")) is not None:
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return etag in tags or "*" in tags
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return parsedate_to_datetime(last_modified) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def _not_found() -> Response:
    return PlainTextResponse("Not Found\n", 404)
