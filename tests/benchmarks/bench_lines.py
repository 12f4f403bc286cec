"""Requests claimed in batches, and the lines of their input files, against `json.dumps` of the same bodies to disk."""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.rules.admission.admission import Budget
from livedash_pipeline.ledger.rules.admission.limits import MAX_FILE_BYTES
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.send import write_input_file
from livedash_pipeline.ledger.store.batches.claims import Claim, ClaimLimits, claim_batch, pending_groups
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import isolated_settings
from tests.benchmarks.data import BATCH, IN_FLIGHT, fill_requests
from tests.benchmarks.figures import Figure
from tests.benchmarks.site import Site, Stopwatch, make_company, require, settle_down

_NOBODY = "http://127.0.0.1:9/v1"
_CHUNK = 1_000


def measure(site: Site, size: int) -> list[Figure]:
    """Batch after batch, as a submit does it: claim, then build the file."""
    pending = min(size, IN_FLIGHT)
    fill_requests(site, make_company(site), size, pending=pending)
    settle_down(site)
    claiming, building, dumping, lines = Stopwatch(), Stopwatch(), 0.0, 0
    settings = isolated_settings({}, openai_base_url=_NOBODY, openai_api_key="bench")
    with connect(_NOBODY, "bench") as gateway:
        context = BatchContext(site.engine, gateway, KINDS, settings, spool_dir=site.scratch)
        while True:
            with claiming.running():
                claim = in_transaction(site.engine, lambda connection: _claim(connection, context))
            if claim is None:
                break
            path = site.scratch / claim.filename
            with building.running():
                lines += write_input_file(context, claim.batch_id, path)
            dumping += _dump_again(path)
    require(lines == pending, f"{lines} lines of {pending}")
    # The last claim found nothing.
    slowest = max(claiming.parts[:-1])
    largest = min(pending, BATCH)
    return [
        Figure("lines", size, pending, building.seconds, building.peak_mb, yardstick=dumping, goal=1.2),
        Figure("lines: claim of a batch", size, largest, slowest, claiming.peak_mb, unit="s"),
    ]


def _claim(connection: Connection, context: BatchContext) -> Claim | None:
    groups = pending_groups(connection)
    if not groups:
        return None
    return claim_batch(
        connection,
        groups[0],
        ClaimLimits(BATCH, MAX_FILE_BYTES, None, Budget(None)),
        endpoint=context.endpoint,
        key_fingerprint=context.key_fingerprint,
        kind=SESSION_ANALYSIS,
        lease=900,
        now=database_now(connection),
        dagster_run_id=None,
    )


def _dump_again(path: Path) -> float:
    """Seconds in which the bodies of a file, read a chunk at a time, are dumped to another one; both are removed."""
    seconds = 0.0
    again = path.with_suffix(".again")
    with path.open("rb") as source, again.open("wb") as target:
        while chunk := [json.loads(line) for line in islice(source, _CHUNK)]:
            begun = time.perf_counter()
            for body in chunk:
                target.write(json.dumps(body, ensure_ascii=False).encode() + b"\n")
            seconds += time.perf_counter() - begun
    require(path.stat().st_size == again.stat().st_size, "the bodies differ in length")
    path.unlink()
    again.unlink()
    return seconds
