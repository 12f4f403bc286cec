"""A chat batch whose workers are killed: `python -m tests.chats.kills [--items 5000] [--every 3] [--workers 3] [--seed 0]`.

Real `livedash chat-batch process` commands work on one batch against the local server, on an embedded Postgres of their own.
One of them is killed every few seconds, the batch is cancelled and resumed twice, and in the end the books are compared: each
question answered once, every call in the ledger, counts that sum at every look. Exit 1: something was violated.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.local.batch_api.server import RunningServer, running_server
from tests.e2e.programs import clean_environ
from tests.kills.processes import Worker, start_command

_LONGEST = 1500.0
# Long enough for an answer under load, short enough that a dead worker's lease (twice this and half a minute) is waited for.
_TIMEOUT = 5
_LOOK = 0.5
_CANCELS = (0.3, 0.6)


@dataclass
class Round:
    """One batch and what happens to it."""

    directory: Path
    environ: Mapping[str, str]
    engine: Engine
    server: RunningServer
    batch_id: str = ""
    started: int = 0
    kills: int = 0
    cancels: int = 0
    workers: list[Worker] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> dict[str, Any]:
        """One command to its end."""
        worker = self.start(*arguments)
        worker.process.wait()
        document = worker.document()
        if document is None:
            raise RuntimeError(f"livedash {' '.join(arguments)}: {worker.stderr.read_text()[-2000:]}")
        if not document["ok"]:
            self.violations.append(f"livedash {' '.join(arguments)}: {document['error']}")
        return document

    def start(self, *arguments: str) -> Worker:
        """A command in the background."""
        self.started += 1
        return start_command(self.directory, self.environ, self.started, arguments)

    def row(self) -> Any:
        """The batch's row; counts that do not sum are a violation."""
        with self.engine.connect() as connection:
            row = connection.execute(text("SELECT * FROM chat_batches WHERE id = :id"), {"id": self.batch_id}).one()
            counted = connection.execute(
                text(
                    "SELECT b.total_items, count(*), count(*) FILTER (WHERE c.state = 'COMPLETED') - b.processed_items,"
                    " count(*) FILTER (WHERE c.state = 'CANCELLED') - b.cancelled_items,"
                    " count(*) FILTER (WHERE c.state = 'FAILED') - b.failed_items"
                    " FROM chat_batches b JOIN chats c ON c.batch_id = b.id WHERE b.id = :id GROUP BY b.id"
                ),
                {"id": self.batch_id},
            ).one()
        if tuple(counted[2:]) != (0, 0, 0) or counted[0] != counted[1]:
            self.violations.append(f"counts do not sum: {tuple(counted)}")
        return row


def main() -> int:
    """Read arguments, play the round, say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chats.kills", description=__doc__)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between kills")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started = time.monotonic()
    with _world() as world:
        _make(world, asked.items)
        _play(world, random.Random(asked.seed), every=asked.every, workers=asked.workers)
        _judge(world, asked.items)
        calls = len(_bill(world))
    _say(
        f"{asked.items} items, {world.kills} workers killed, {world.cancels} cancels, {calls} calls billed,"
        f" {time.monotonic() - started:.0f} s, {len(world.violations)} violations"
    )
    for violation in world.violations[:20]:
        _say(violation)
    return int(bool(world.violations))


@contextmanager
def _world() -> Iterator[Round]:
    directory = Path(tempfile.mkdtemp(prefix="livedash-chat-kills-"))
    try:
        with running_server(directory / "batch-api", speed=0) as server:
            providers = directory / "providers.toml"
            providers.write_text(
                f'[providers.openai]\nbase_url = "{server.base_url}"\nmodel = "gpt-5-mini"\nconcurrency = 12\n'
                f"timeout_seconds = {_TIMEOUT}\n",
                encoding="utf-8",
            )
            environ = clean_environ(
                directory / "home",
                OPENAI_BASE_URL=server.base_url,
                OPENAI_API_KEY="test-key",
                LIVEDASH_USD_EUR="0.9",
                LIVEDASH_CHAT_PROVIDERS=str(providers),
                # Each lost worker uses up a try, and they are killed all the time.
                LIVEDASH_MAX_ATTEMPTS="100",
                LIVEDASH_LOG_FORMAT="json",
            )
            yield from _with_database(directory, environ, server)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _with_database(directory: Path, environ: Mapping[str, str], server: RunningServer) -> Iterator[Round]:
    starter = start_command(directory, environ, 0, ("db", "start"))
    starter.process.wait()
    shown = start_command(directory, environ, 0, ("env",))
    shown.process.wait()
    document = shown.document()
    if document is None:
        raise RuntimeError(f"no database: {starter.stderr.read_text()[-2000:]}")
    engine = make_engine(document["environment"]["DATABASE_URL"])
    world = Round(directory, environ, engine, server)
    try:
        yield world
    finally:
        for worker in world.workers:
            worker.kill()
        engine.dispose()
        for arguments in (("db", "stop"), ("db", "remove", "--no-dry-run")):
            start_command(directory, environ, 0, arguments).process.wait()


def _make(world: Round, items: int) -> None:
    world.run("company", "add", "acme", "--no-csv")
    questions = world.directory / "questions.json"
    questions.write_text(json.dumps([f"What is {each} + {each + 1}?" for each in range(items)]), encoding="utf-8")
    world.batch_id = world.run("chat-batch", "create", str(questions), "--company", "acme")["batchId"]


def _play(world: Round, rng: random.Random, *, every: float, workers: int) -> None:
    """Keeps workers at work, kills one now and then, cancels and resumes, until the batch has ended."""
    ends_at = time.monotonic() + _LONGEST
    next_kill = time.monotonic() + every
    while True:
        row = world.row()
        if row.ended_at is not None and row.status != "CANCELLED":
            return
        if time.monotonic() > ends_at:
            world.violations.append(f"the batch is still {row.status} after {_LONGEST:.0f} s")
            return
        world.workers = [worker for worker in world.workers if worker.alive]
        while len(world.workers) < workers:
            world.workers.append(
                world.start("chat-batch", "process", world.batch_id, "--seconds", "300", "--until-done")
            )
        if time.monotonic() >= next_kill:
            world.kills += rng.choice(world.workers).kill()
            next_kill = time.monotonic() + every * rng.uniform(0.5, 1.5)
        over = row.processed_items / row.total_items
        if world.cancels < len(_CANCELS) and over >= _CANCELS[world.cancels]:
            _cancel(world)
        time.sleep(_LOOK)


def _cancel(world: Round) -> None:
    """Cancels, waits until what is under way is over, and takes the batch up again; nothing is asked between."""
    world.cancels += 1
    world.run("chat-batch", "cancel", world.batch_id)
    until = time.monotonic() + 120
    while world.row().status != "CANCELLED":
        if time.monotonic() > until:
            world.violations.append(f"a cancelled batch did not end: it is {world.row().status}")
            return
        # A killed worker's lease passes only while somebody looks.
        world.run("chat-batch", "process", world.batch_id, "--seconds", "1")
        time.sleep(1)
    before = len(_bill(world))
    time.sleep(2)
    if len(_bill(world)) != before:
        world.violations.append("questions were asked after a cancel")
    world.run("chat-batch", "resume", world.batch_id)


def _judge(world: Round, items: int) -> None:
    with world.engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM chat_batches")).one()
        if (row.status, row.processed_items) != ("COMPLETED", items):
            world.violations.append(f"the batch ends {row.status} with {row.processed_items} answers")
        for name, query in _QUERIES.items():
            found = connection.execute(text(query)).scalar_one()
            if found:
                world.violations.append(f"{found} {name}")
        charged = connection.execute(
            text("SELECT count(*) FROM ai_request_attempts WHERE outcome IN ('parsed', 'artifact_unavailable')")
        ).scalar_one()
    billed = len(_bill(world))
    if billed > charged:
        world.violations.append(f"{billed} calls were billed, and the ledger knows {charged}")


_QUERIES = {
    "turns without an answer": "SELECT count(*) FROM chat_interactions WHERE outcome_code IS DISTINCT FROM 'answered'",
    "turns with two answers": (
        "SELECT count(*) FROM (SELECT r.chat_interaction_id FROM ai_request_attempts a JOIN ai_processing_requests r"
        " ON r.id = a.request_id WHERE a.outcome = 'parsed' GROUP BY 1 HAVING count(*) > 1) AS twice"
    ),
    "tries without an end": "SELECT count(*) FROM ai_request_attempts WHERE outcome IS NULL",
    "open requests": "SELECT count(*) FROM ai_processing_requests WHERE processing_status LIKE '%ING'",
    "leases": "SELECT count(*) FROM chats WHERE lease_until IS NOT NULL",
}


def _bill(world: Round) -> list[dict[str, Any]]:
    return [line for line in world.server.service.journal()["bill"] if line.get("completion_id")]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
