"""Ctrl-C and SIGTERM end a step with one line and 130, whatever it waits for, and what it had begun can go on."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import companies
from tests.api.world import add_batch
from tests.support.rows import insert_requests

_AT_CLICK = """
import os, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
from livedash_pipeline.launch import main
sys.argv = ["livedash", "summary"]
main()
"""


def test_a_command_that_is_interrupted_while_it_loads_ends_with_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", _AT_CLICK], capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: Interrupted. Run it again to go on.\n"


@pytest.fixture
def silent() -> socket.socket:
    """A service and a source that accept and never answer."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.5)
    return server


def _asked_by(step: subprocess.Popen[str], server: socket.socket) -> socket.socket:
    """The first connection that a step makes; a step that ends without one fails the test with what it said."""
    while step.poll() is None:
        try:
            return server.accept()[0]
        except TimeoutError:
            continue
    pytest.fail(f"{step.args!r} ended with {step.returncode}: {step.communicate()}")


@pytest.mark.longest
def test_a_signal_ends_every_step_with_one_line_and_130(
    engine: Engine, company: Company, process_env: dict[str, str], silent: socket.socket, tmp_path: Path
) -> None:
    origin = f"127.0.0.1:{silent.getsockname()[1]}"
    environ = process_env | {"OPENAI_BASE_URL": f"http://{origin}/v1", "OPENAI_API_KEY": "key"}
    endpoint = endpoint_of(environ["OPENAI_BASE_URL"])
    with engine.begin() as connection:
        connection.execute(update(companies).values(csv_url=f"http://{origin}/chats.csv"))
        insert_requests(connection, company)
        add_batch(connection, company.id, endpoint=endpoint, remote_batch_id="batch_1")
        ended = {"status": "COMPLETED", "remote_status": "completed", "output_file_id": "file_1"}
        add_batch(connection, company.id, endpoint=endpoint, remote_batch_id="batch_2", **ended)
    steps = [
        (["import", "--company", "acme"], signal.SIGTERM),
        (["submit", "--json"], signal.SIGINT),
        (["poll"], signal.SIGINT),
        (["ingest"], signal.SIGTERM),
    ]
    with silent:
        for arguments, number in steps:
            step = subprocess.Popen(
                [sys.executable, "-m", "livedash_pipeline.cli", *arguments],
                env=environ, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip
            try:
                asked = _asked_by(step, silent)
                step.send_signal(number)
                stdout, stderr = step.communicate(timeout=6000)
                asked.close()
            finally:
                step.kill()
                step.communicate()
            assert step.returncode == 130, (arguments, stderr)
            assert "Traceback" not in stderr, (arguments, stderr)
            if "--json" in arguments:
                assert json.loads(stdout)["error"]["code"] == "interrupted"
            else:
                assert stdout == ""
                said = [line for line in stderr.splitlines() if line.startswith("error: ")]
                assert said == ["error: Interrupted. Run it again to go on."], (arguments, stderr)
