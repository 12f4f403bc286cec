"""Log lines are written once, in the form that was asked for, whoever writes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_LINES = """
import logging
from livedash_pipeline.logs import configure_logging, get_logger
configure_logging("json")
configure_logging("json")
logging.warning("a library speaks through the root logger")
logging.getLogger("library").info("not worth a line")
get_logger("livedash_pipeline.somewhere").info("ours", batches=2)
"""


def test_a_library_that_uses_the_root_logger_neither_repeats_our_lines_nor_writes_another_form() -> None:
    # In a process of its own: pytest has handlers at the root logger.
    done = subprocess.run([sys.executable, "-c", _LINES], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["a library speaks through the root logger", "ours"]
    assert lines[1]["batches"] == 2


def test_a_log_that_cannot_be_written_ends_no_work() -> None:
    script = _LINES + "print('done')"
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=full, text=True, check=False
        )
    assert done.stdout == "done\n"


_FETCH = """
import logging, sys
import httpx2
from livedash_pipeline.defs.build import build_defs
from livedash_pipeline.settings import isolated_settings

def fetch(level):
    # As a launcher does, a Celery worker among them: everything that reaches the root logger is written.
    logging.basicConfig(level=level, stream=sys.stderr, format="%(name)s %(message)s", force=True)
    with httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200))) as client:
        client.get("https://transcripts.example/chats/secret-of-a-person")

fetch(logging.INFO)
logging.getLogger("between").info("the definitions are loaded")
build_defs(isolated_settings({}), database_url=lambda: "never asked for")
fetch(logging.INFO)
fetch(logging.DEBUG)
logging.getLogger("httpx2").warning("still heard")
"""


def test_no_launcher_makes_libraries_log_the_addresses_of_transcripts() -> None:
    done = subprocess.run([sys.executable, "-c", _FETCH], capture_output=True, text=True, check=True)
    before, _, after = done.stderr.partition("between the definitions are loaded")
    assert "secret-of-a-person" in before, "httpx2 tells addresses at INFO; otherwise this test shows nothing"
    assert "secret-of-a-person" not in after
    assert "httpx2 still heard" in after
