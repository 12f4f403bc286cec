"""The steps of the flow as foreground runs, and the servers of this machine, as real processes."""

from __future__ import annotations

import io
import json
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console

from livedash_pipeline.commands.pipeline import (
    ForegroundRun,
    draw_imports,
    draw_ingest,
    draw_poll,
    draw_submit,
    import_run,
    submit_run,
)
from livedash_pipeline.embedded_postgres.server import remove_postgres, running_postgres
from tests.commands.conftest import Run, document_of

LIVEDASH = [str(Path(sys.executable).with_name("livedash"))]


def test_options_become_jobs_partitions_and_configuration() -> None:
    assert import_run("acme") == ForegroundRun("import_sessions", partition="acme")
    assert import_run(None) == ForegroundRun("import_companies", op_config={"all_companies": True})
    assert submit_run(None, unhold=False).op_config == {"ignore_minimum": True, "unhold": False}
    assert submit_run("acme", unhold=True).op_config == {"ignore_minimum": True, "unhold": True, "company": "acme"}


def _drawn(draw: Callable[[Console, Any], None], document: object) -> str:
    shown = io.StringIO()
    draw(Console(file=shown, width=200, markup=False), document)
    return shown.getvalue()


def test_people_are_told_what_happened_and_what_comes_next() -> None:
    submitted = {
        "batches": 2, "requests": 1500, "estimatedCostEur": "0.5", "recovered": 0, "awaitingRecovery": 0,
        "nextRecoveryAt": None, "unansweredBatches": 0, "unansweredRequests": 0, "held": [], "why": [],
    }  # fmt: skip
    assert "Sent 2 batches with 1,500 requests; at most €0.5000. Next: livedash poll" in _drawn(draw_submit, submitted)
    assert "the cost is unknown" in _drawn(draw_submit, submitted | {"estimatedCostEur": None})
    nothing = submitted | {"batches": 0, "requests": 0, "why": ["nothing is left to ask"]}
    assert _drawn(draw_submit, nothing) == "Nothing was sent.\nWhy: nothing is left to ask.\n"
    held = _drawn(draw_submit, submitted | {"held": ["acme is over its cap"]})
    assert held.endswith("Held back: acme is over its cap.\n")
    assert "Of 1 batch it is known now what became of it." in _drawn(draw_submit, submitted | {"recovered": 1})
    polled = {"open": 1, "changed": 1, "finished": 1, "pausedUntil": None}
    assert "livedash ingest" in _drawn(draw_poll, polled)
    assert "livedash ingest" not in _drawn(draw_poll, polled | {"finished": 0})
    assert "Nothing was asked" in _drawn(draw_poll, polled | {"pausedUntil": "2025-05-01T12:00:00+00:00"})
    document = {
        "batches": 1, "outcomes": {"parsed": 3, "refused": 0}, "waiting": 0, "nextLookAt": None, "lateAnswers": 0,
        "pausedUntil": None,
    }  # fmt: skip
    ingested = _drawn(draw_ingest, document)
    assert "Took 1 batch in." in ingested
    assert "refused" not in ingested and "wait" not in ingested
    waiting = _drawn(
        draw_ingest, document | {"waiting": 2, "nextLookAt": "2025-05-01T12:00:00+00:00", "lateAnswers": 1}
    )
    assert "1 request took an answer that shows only now." in waiting
    assert "2 batches wait for whole files; the next look is at 2025-05-01 12:00:00" in waiting.replace("\n", " ")
    assert "The rest is left" in _drawn(draw_ingest, document | {"pausedUntil": "2025-05-01T12:00:00+00:00"})


def test_a_batch_without_an_answer_is_not_said_to_be_sent() -> None:
    asked = {
        "batches": 1, "requests": 3, "estimatedCostEur": "0.5", "recovered": 0, "awaitingRecovery": 1,
        "nextRecoveryAt": "2025-05-01T12:01:30+00:00", "unansweredBatches": 1, "unansweredRequests": 3, "held": [],
        "why": [],
    }  # fmt: skip
    said = _drawn(draw_submit, asked)
    assert "Sent" not in said
    assert "About 1 batch with 3 requests the service has not answered." in said
    assert (
        "took 1 batch: every poll looks for it, and nothing is sent twice; recovery goes on from 2025-05-01 12:01:30 UTC on."
        in said
    )


def test_a_failed_import_is_named_beside_the_others() -> None:
    error = {"code": "source_unavailable", "message": "There is no [b]file[/b].", "remedy": "Add \x1b[31mit."}
    good = {
        "ok": True,
        "company": "acme",
        "rows": 3,
        "new": 3,
        "changed": 0,
        "unchanged": 0,
        "rejected": 0,
        "unread": 1,
        "failedTranscripts": {"host_not_allowed": 2, "timeout": 1},
    }
    text = _drawn(draw_imports, [good, {"ok": False, "company": "beta", "error": error}])
    assert "beta failed: There is no [b]file[/b]." in text
    assert "\x1b" not in text
    assert "acme: 2 transcripts could not be fetched (host_not_allowed); if the host is right: " in text
    assert "livedash company set acme --transcript-host" in text
    assert "acme: 1 transcript could not be fetched (timeout); they are tried again by themselves, five times" in text
    assert "acme: 1 row has a value that could not be read; `session_imports.unread` notes it." in text


def test_files_of_a_folder_are_told_of_where_somebody_is_needed() -> None:
    counts = {"rows": 1, "new": 1, "changed": 0, "unchanged": 0, "rejected": 0, "unread": 0}
    files = [
        {"name": "s3://b/in/\x1b[31m1.csv", "outcome": "refused", **counts, "error": "It is no CSV."},
        {"name": "s3://b/in/2.csv", "outcome": "waiting", **counts, "error": None},
        {"name": "s3://b/in/3.csv", "outcome": "imported", **counts, "error": None},
    ]
    text = _drawn(draw_imports, [{"ok": True, "company": "acme", **counts, "files": files, "filesLeftOut": 2}])
    assert "acme: 1 file read; 2 not." in text
    assert "1.csv refused: It is no CSV." in text
    assert "acme: s3://b/in/2.csv waiting" in text
    assert "3.csv" not in text
    assert "acme: 2 further files; `import_files` has them all." in text
    assert "\x1b" not in text


def test_a_step_runs_as_a_dagster_run_and_an_interrupt_ends_it_with_130(
    process_env: dict[str, str], tmp_path: Path
) -> None:
    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*LIVEDASH, *arguments], env=process_env, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )  # fmt: skip

    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(600)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/chats.csv"
        added = start("company", "add", "acme", "--csv-url", url, "--json")
        assert json.loads(added.communicate()[0])["ok"] is True
        importing = start("import", "--company", "acme", "--json")
        asked, _ = silent.accept()
        importing.send_signal(signal.SIGINT)
        stdout, stderr = importing.communicate(timeout=600)
        asked.close()
    assert importing.returncode == 130, stderr
    assert json.loads(stdout)["error"]["code"] == "interrupted"
    assert "Traceback" not in stderr
    assert "Warning" not in stderr


def test_the_embedded_server_is_started_described_stopped_and_removed(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        started = document_of(run("db", "start", "--json"))
        assert started["started"] is True
        assert document_of(run("db", "start", "--json"))["started"] is False
        exports = document_of(run("env", "--json"))["environment"]
        assert set(exports) == {"LIVEDASH_HOME", "DAGSTER_HOME", "DATABASE_URL", "LIVEDASH_DAGSTER_URL"}
        lines = run("env").stdout.splitlines()
        assert [shlex.split(line) for line in lines] == [["export", f"{name}={exports[name]}"] for name in exports]
        assert all(line == f"export {name}='{exports[name]}'" for line, name in zip(lines, exports, strict=True))
        assert document_of(run("db", "stop", "--json"))["stopped"] is True
        assert document_of(run("db", "stop", "--json"))["stopped"] is False
        (shown,) = document_of(run("db", "remove", "--json"))["removed"]
        assert Path(shown["path"]).is_dir() and shown["bytes"] > 0 and shown["home"] == str(home)
        assert document_of(run("db", "remove", "--json", "--no-dry-run"))["dryRun"] is False
        assert not Path(shown["path"]).exists()
        assert "nothing to delete" in run("db", "remove").stdout
        assert running_postgres(home) is None
    finally:
        remove_postgres(home)


def test_the_stand_in_serves_until_it_is_interrupted(process_env: dict[str, str], tmp_path: Path) -> None:
    server = subprocess.Popen(
        [*LIVEDASH, "batch-api", "--port", "0", "--state", str(tmp_path / "state"), "--json"],
        env=process_env | {"OPENAI_MODEL": "my-own-model"},
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        document = json.loads(server.stdout.readline())
        with httpx2.Client(trust_env=False) as client:
            answer = client.get(f"{document['baseUrl']}/models/my-own-model", headers={"Authorization": "Bearer x"})
        assert answer.status_code == 200
    finally:
        server.send_signal(signal.SIGINT)
        rest, stderr = server.communicate(timeout=600)
    assert server.returncode == 130, stderr
    assert rest == ""


def test_a_port_in_use_ends_with_2(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("batch-api", "--port", port)
    assert result.exit_code == 2
    assert port in result.stderr
    assert "--port" in result.stderr


def test_a_stand_in_that_other_machines_reach_warns(run: Run) -> None:
    # The port is taken, so that it ends at once.
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = str(taken.getsockname()[1])
        reached = run("batch-api", "--host", "0.0.0.0", "--port", port)
        local = run("batch-api", "--host", "127.0.0.1", "--port", port)
    assert (reached.exit_code, local.exit_code) == (2, 2)
    assert "warning: other machines reach 0.0.0.0" in reached.stderr
    assert "warning" not in local.stderr


def test_a_host_that_is_none_ends_with_2(run: Run) -> None:
    result = run("batch-api", "--host", "::g", "--port", "0")
    assert (result.exit_code, "--host ::g cannot be resolved" in result.stderr) == (2, True)
