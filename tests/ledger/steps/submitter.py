"""A process that submits again and again, for tests of what several of them may do together.

`python -m tests.ledger.steps.submitter SETTINGS COMPANY`: settings as JSON. It says `ready`, waits for a line, and submits until
a second one; then it says, as JSON, how many batches it made and every reason for which requests were held back.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import threading
from pathlib import Path

from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.logs import configure_logging
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.settings import make_settings


def main() -> None:
    """Submits until it is told to end."""
    settings = make_settings(**json.loads(sys.argv[1]))
    configure_logging("text", logging.CRITICAL)
    engine = make_engine(settings.database_url or "")
    with engine.connect() as connection:
        company_id = get_company(connection, sys.argv[2]).id
    over = threading.Event()
    batches, held = 0, set()
    with (
        tempfile.TemporaryDirectory() as spool,
        connect(settings.openai_base_url, settings.openai_api_key or "") as gateway,
    ):
        context = BatchContext(engine, gateway, KINDS, settings, spool_dir=Path(spool))
        _say("ready")
        sys.stdin.readline()
        threading.Thread(target=_wait, args=(over,), daemon=True).start()
        while not over.is_set():
            report = submit_pending(context, ignore_minimum=True, company_id=company_id)
            batches += len(report.submitted)
            held |= set(report.held)
            over.wait(0.05)
    _say(json.dumps({"batches": batches, "held": sorted(held)}))
    engine.dispose()


def _wait(over: threading.Event) -> None:
    sys.stdin.readline()
    over.set()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
