"""50,000 requests prepared and collected: by ours, by a bare script, and by other packages that do OpenAI's batches.

All of them send the same requests to the same local Batch API, which has answered before anybody collects. Ours settles every
line in Postgres; the script writes a file and checks nothing. What each peer checks is in `peer_programs`.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx2

from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.service.gateway import BatchGateway
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.steps.results.ingest import ingest_finished
from livedash_pipeline.ledger.steps.results.poll import poll_batches
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import isolated_settings
from tests.benchmarks.data import BATCH, fill_requests
from tests.benchmarks.figures import Figure
from tests.benchmarks.peer_programs import (
    PEERS,
    SCRIPT,
    Move,
    MoveError,
    NotInstalledError,
    Peer,
    make_move,
    python_of,
)
from tests.benchmarks.servers import batch_api
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down

_PREPARE_GOAL = 2.5
_COLLECT_GOAL = 8.0
_ENDED = ("completed", "failed", "expired", "cancelled")
# The yardstick is short, so that its better time of two counts: before and after all others.
_SCRIPTS = ("script-before", "script-after")


@dataclass(frozen=True)
class Both:
    """Both moves of a program."""

    prepare: Move
    collect: Move


@dataclass(frozen=True)
class Bench:
    """What all programs are given: the requests in a folder, and the service."""

    requests: Path
    url: str
    size: int

    def run(self, peer: Peer, python: Path, name: str) -> Both:
        """Both moves of a peer in a directory of its own, which is gone afterwards.

        Raises:
            MoveError: It failed, or has not collected every answer.
        """
        directory = self.requests.parent / name
        shutil.copytree(self.requests, directory)
        prepared = make_move(peer, python, "prepare", directory, self.url)
        await_answers(self.url)
        collected = make_move(peer, python, "collect", directory, self.url)
        shutil.rmtree(directory)
        if collected.answers != self.size:
            raise MoveError(f"collected {collected.answers:,} of {self.size:,} answers")
        return Both(prepared, collected)


def measure(site: Site, size: int) -> list[Figure]:
    """One batch each; whatever the size, not more than a batch may hold."""
    count = min(size, BATCH)
    fill_requests(site, make_company(site), count, pending=count)
    with batch_api(site, speed=0) as server, connect(server.url, "bench") as gateway:
        ours = _ours(site, server.url, gateway, count)
        settle_down(site)
        bench = Bench(site.scratch / "requests", server.url, count)
        run_script = partial(bench.run, SCRIPT, python_of(SCRIPT))
        scripts = [run_script(_SCRIPTS[0])]
        peers: list[Both | Figure] = []
        if site.apart:
            peers = [_peer(bench, peer, size) for peer in PEERS]
            scripts.append(run_script(_SCRIPTS[1]))
    prepare = min((script.prepare for script in scripts), key=lambda move: move.seconds)
    collect = min((script.collect for script in scripts), key=lambda move: move.seconds)
    yardstick = Both(prepare, collect)
    figures = [
        _figure("peers: prepare", size, count, ours.prepare, prepare, _PREPARE_GOAL),
        _figure("peers: collect", size, count, ours.collect, collect, _COLLECT_GOAL),
        *_told(SCRIPT, size, count, yardstick, yardstick),
    ]
    for peer, found in zip(PEERS, peers, strict=False):
        figures += [found] if isinstance(found, Figure) else _told(peer, size, count, found, yardstick)
    return figures


def _ours(site: Site, url: str, gateway: BatchGateway, count: int) -> Both:
    """Claim, lines, upload, create; then poll, download, settlement. Leaves the requests for the others."""
    settings = isolated_settings({}, openai_base_url=url, openai_api_key="bench")
    context = BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch / "spool")
    preparing, collecting = Stopwatch(), Stopwatch()
    settle_down(site)
    with preparing.running():
        (sent,) = submit_pending(context, ignore_minimum=True).submitted
    require(sent.requests == count, str(sent))
    _write_requests(gateway, sent.remote_batch_id or "", site.scratch / "requests")
    await_answers(url)
    settle_down(site)
    with collecting.running():
        poll_batches(context)
        report = ingest_finished(context)
    require(report.outcomes["parsed"] == count, str(report))
    return Both(
        Move(preparing.seconds, 0, preparing.peak_mb, 0),
        Move(collecting.seconds, 0, collecting.peak_mb, report.outcomes["parsed"]),
    )


def _write_requests(gateway: BatchGateway, batch: str, directory: Path) -> None:
    """What we have sent, taken apart: the transcripts, and what all lines have in common."""
    directory.mkdir()
    lines = directory / "input.jsonl"
    gateway.download(gateway.retrieve_batch(batch).input_file_id, lines)
    with lines.open("rb") as file, (directory / "requests.jsonl").open("w", encoding="utf-8") as target:
        for line in map(json.loads, file):
            body = line["body"]
            system, user = body.pop("messages")
            target.write(json.dumps({"custom_id": line["custom_id"], "content": user["content"]}) + "\n")
    question = {"instructions": system["content"], "body": body}
    (directory / "question.json").write_text(json.dumps(question), encoding="utf-8")
    lines.unlink()


def await_answers(url: str) -> None:
    """Waits until the local Batch API has answered every batch; it answers while it is asked."""
    with httpx2.Client(trust_env=False, timeout=None, headers={"Authorization": "Bearer bench"}) as client:
        while any(batch["status"] not in _ENDED for batch in client.get(f"{url}/batches?limit=100").json()["data"]):
            time.sleep(0.1)


def _peer(bench: Bench, peer: Peer, size: int) -> Both | Figure:
    """What a peer took, or a line that says why it took nothing."""
    try:
        return bench.run(peer, python_of(peer), peer.name)
    except NotInstalledError as error:
        return Figure(f"peers: {peer.name}", size, bench.size, 0, 0, note=f"not installed: {error}")
    except MoveError as error:
        return Figure(f"peers: {peer.name}", size, bench.size, 0, 0, note=str(error))


def _told(peer: Peer, size: int, count: int, both: Both, script: Both) -> list[Figure]:
    seconds = min(both.prepare.start_up, both.collect.start_up)
    start_up = Figure(f"peers: {peer.name}, start-up", size, count, seconds, both.prepare.peak_mb, unit="s")
    return [
        _figure(f"peers: {peer.name}, prepare", size, count, both.prepare, script.prepare),
        _figure(f"peers: {peer.name}, collect ({peer.checks})", size, count, both.collect, script.collect),
        start_up,
    ]


def _figure(name: str, size: int, count: int, move: Move, script: Move, goal: float | None = None) -> Figure:
    return Figure(name, size, count, move.seconds, move.peak_mb, yardstick=script.seconds, goal=goal)
