"""What the files of deploy/ start does start: a code server over gRPC, and what Celery's workers and launcher read."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster_celery.launcher import CeleryRunLauncher

from livedash_pipeline.local.ports import free_port
from livedash_pipeline.settings import Settings
from tests.deploy.files import DEPLOY, MANIFESTS, ROOT, load, named_settings

BIN = Path(sys.executable).parent
BROKER = {"CELERY_BROKER_URL": "redis://127.0.0.1:1/0", "CELERY_RESULT_BACKEND": "redis://127.0.0.1:1/1"}


@contextmanager
def _code_server(environ: dict[str, str], port: int, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The code server of compose.yaml, on this host and on another port."""
    command: list[str] = load(DEPLOY / "compose.yaml")["services"]["code"]["command"][1:]
    changed = {"0.0.0.0": "127.0.0.1", "4000": str(port)}
    # In a session of its own, with Python's own handler of SIGINT, as a container's first process has it.
    server = subprocess.Popen(
        [BIN / "dagster", *(changed.get(word, word) for word in command)],
        env=environ,
        cwd=directory,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield server
    finally:
        if server.poll() is None:
            for child in psutil.Process(server.pid).children(recursive=True):
                child.kill()
            server.kill()
            server.wait()


def _listens(port: int) -> bool:
    """Whether somebody listens; the server does once it has loaded the definitions."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_code_server_answers_over_grpc_and_leaves_nothing_behind(tmp_path: Path) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DAGSTER_HOME": str(dagster_home),
        "LIVEDASH_HOME": str(tmp_path),
        # Nobody asks the database while definitions are loaded.
        "DATABASE_URL": "postgresql://127.0.0.1:1/livedash",
        "LIVEDASH_DAGSTER_URL": "postgresql+psycopg2://127.0.0.1:1/dagster",
    }
    port = free_port()
    with _code_server(environ, port, tmp_path) as server:
        while not _listens(port):
            assert server.poll() is None, "the code server has ended"
            time.sleep(0.1)
        # The probe of compose.yaml and of the chart.
        subprocess.run([BIN / "dagster", "api", "grpc-health-check", "--port", str(port)], env=environ, check=True)
        loaded = psutil.Process(server.pid).children(recursive=True)
        assert loaded, "the process that loads the definitions is a child, which a reload replaces"
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        assert [process.pid for process in loaded if process.is_running()] == []


def test_the_instance_with_celery_launches_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BROKER.items():
        monkeypatch.setenv(name, value)
    # Its storage needs a server; what is read here is the launcher.
    text = (DEPLOY / "celery/dagster.yaml").read_text(encoding="utf-8")
    begin, end = text.index("\nrun_launcher:"), text.index("\nconcurrency:")
    (tmp_path / "dagster.yaml").write_text(text[begin:end], encoding="utf-8")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, CeleryRunLauncher)
        assert launcher.celery.conf.broker_url == BROKER["CELERY_BROKER_URL"]
        assert launcher.supports_check_run_worker_health


def test_workers_read_broker_and_results_that_the_launcher_uses() -> None:
    ask = "from dagster_celery.app import app; c = app.conf; print(c.broker_url, c.result_backend, c.worker_max_tasks_per_child)"
    environ = {**os.environ, **BROKER, "PYTHONPATH": str(DEPLOY / "celery")}
    done = subprocess.run([sys.executable, "-c", ask], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*BROKER.values(), "1"]


def test_the_instance_with_celery_is_dagster_yaml_and_a_launcher() -> None:
    ours, celery = load(ROOT / "dagster.yaml"), load(DEPLOY / "celery/dagster.yaml")
    assert celery.pop("run_launcher")["module"] == "dagster_celery.launcher"
    assert celery == ours


def test_every_setting_that_the_files_name_exists() -> None:
    known = {name.upper() for name in Settings.model_fields}
    # Read by compose.yaml itself: which image, and which instance file.
    known |= {"LIVEDASH_IMAGE", "LIVEDASH_INSTANCE"}
    files = [DEPLOY / "compose.yaml", DEPLOY / "Dockerfile", DEPLOY / "values.yaml", *MANIFESTS]
    named = {name for path in files for name in named_settings(path)}
    assert {"DATABASE_URL", "LIVEDASH_TOKEN_KEY_FILE"} <= named
    assert named - known == set()
