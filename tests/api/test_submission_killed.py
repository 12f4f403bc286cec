"""A server that is killed in the middle of a batch leaves chunks, and the same batch sent again leaves each session once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
from sqlalchemy import Engine, text

from livedash_pipeline.api.app import create_app
from livedash_pipeline.base.store.tables import session_imports
from livedash_pipeline.local.ports import free_port
from livedash_pipeline.local.server_thread import AppServer, serving
from livedash_pipeline.sockets import listening, listening_origin
from tests.api.submission_site import KEY, NDJSON, add_companies, make_token, site_settings
from tests.e2e.programs import clean_environ
from tests.support.imported import count
from tests.support.submitted import submission

BATCH = "/api/v1/sessions/batch"
SESSIONS = 4_000
CHUNK = 1_000
PATIENCE = 600.0


@contextmanager
def _server(database_url: str, home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The application in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "livedash_pipeline.api.app:create_app"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--log-level", "warning"],
        env=clean_environ(home, DATABASE_URL=database_url, LIVEDASH_TOKEN_KEY=KEY),
        cwd=home,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx2.Client(base_url=address, trust_env=False) as client:
            _wait(lambda: _is_up(client))
        yield process, address
    finally:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()


def _is_up(client: httpx2.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _stored(engine: Engine) -> tuple[int, int]:
    """Imports, and distinct ids among them that have their messages and stages."""
    with engine.connect() as connection:
        stored, distinct = connection.execute(
            text("""
                SELECT count(*), count(DISTINCT external_session_id) FROM session_imports AS imports
                JOIN transcripts ON transcripts.import_id = imports.id
                WHERE (SELECT count(*) FROM session_processing_status AS s WHERE s.import_id = imports.id) = 4
            """)
        ).one()
        return stored, distinct


def _send(address: str, token: str, body: bytes) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": NDJSON, "Idempotency-Key": "nightly"}
    return httpx2.post(f"{address}{BATCH}", content=body, headers=headers, timeout=PATIENCE, trust_env=False)


def test_a_batch_that_was_cut_off_by_a_kill_is_finished_by_sending_it_again(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    add_companies(engine)
    token = make_token(engine, "acme")
    body = b"\n".join(json.dumps(submission(f"chat-{n}")).encode() for n in range(SESSIONS))
    failures: list[Exception] = []

    def send_and_lose() -> None:
        try:
            _send(address, token, body)
        except httpx2.TransportError as error:
            failures.append(error)

    with _server(database_url, tmp_path) as (process, address):
        sender = threading.Thread(target=send_and_lose)
        sender.start()
        _wait(lambda: count(engine, session_imports) >= CHUNK)
        os.kill(process.pid, signal.SIGKILL)
        sender.join()
    assert failures, "the batch was over before the kill"
    # The server of the database may still be ending what the killed process had begun.
    _wait(lambda: not _others(engine))
    kept = _stored(engine)[0]
    assert 0 < kept < SESSIONS
    assert kept % CHUNK == 0
    app = create_app(site_settings(), engine=engine)
    with listening("127.0.0.1", 0) as listener, serving(AppServer(app), listener, name="api"):
        again, repeated = (_send(listening_origin(listener), token, body) for _ in range(2))
    assert again.status_code == 202
    document = again.json()
    assert (document["created"], document["unchanged"], document["rejected"]) == (SESSIONS - kept, kept, 0)
    assert _stored(engine) == (SESSIONS, SESSIONS)
    assert repeated.json() == document


def _others(engine: Engine) -> int:
    with engine.connect() as connection:
        count: int = connection.execute(
            text("""
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'livedash serve'
            """)
        ).scalar_one()
        return count
