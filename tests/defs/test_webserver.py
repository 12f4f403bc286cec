"""Dagster's own web application behind the layer, as a process: it works for its pages and programs, and for nobody else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from livedash_pipeline.local.ports import free_port
from livedash_pipeline.local.processes import StartedProcess, started

QUERY = {"query": "{ version }"}
SUBSCRIPTION = {
    "id": "1",
    "type": "start",
    "payload": {"query": "subscription { locationStateChangeEvents { __typename } }"},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a webserver without code locations, in a process of its own."""
    with _serving(tmp_path_factory.mktemp("dagster")) as url:
        yield url


@contextmanager
def _serving(home: Path, *options: str) -> Iterator[str]:
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    (home / "workspace.yaml").write_text("load_from: []\n")
    port = free_port()
    module, workspace = "livedash_pipeline.defs.webserver", str(home / "workspace.yaml")
    arguments = (module, "--workspace", workspace, "--port", str(port), *options)
    environ = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    with started("webserver", arguments, environ=environ, directory=home, log=home / "log") as process:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(process, url)
        yield url


def _wait_until_it_answers(process: StartedProcess, url: str) -> None:
    while True:
        process.check_alive()
        try:
            httpx2.get(f"{url}/server_info", trust_env=False)
            return
        except httpx2.TransportError:
            time.sleep(0.1)


def test_a_page_and_a_program_get_their_answers(served: str) -> None:
    with httpx2.Client(base_url=served, trust_env=False) as client:
        assert "<html" in client.get("/runs").text
        for headers in ({}, {"Origin": served, "Sec-Fetch-Site": "same-origin"}):
            assert client.post("/graphql", json=QUERY, headers=headers).json()["data"]["version"]


def test_a_request_that_another_page_could_send_reaches_nothing(served: str) -> None:
    with httpx2.Client(base_url=served, trust_env=False) as client:
        assert client.get("/graphql", params=QUERY).status_code == 405
        assert client.get("/graphql", params={"query": "mutation { launchRun }"}).status_code == 405
        assert client.post("/graphql", params=QUERY).status_code == 415
        assert client.post("/graphql", data=QUERY).status_code == 415
        assert client.post("/graphql", json=QUERY, headers={"Origin": "http://evil.example"}).status_code == 403
        assert client.post("/graphql", json=QUERY, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
        assert client.post("/graphql", json=QUERY, headers={"Host": "evil.example"}).status_code == 421


def test_no_answer_is_shown_in_a_frame(served: str) -> None:
    with httpx2.Client(base_url=served, trust_env=False) as client:
        own = client.get("/runs")
        refused = client.get("/runs", headers={"Host": "evil.example"})
        for answer in (own, refused, client.get("/server_info"), client.post("/graphql", json=QUERY)):
            assert answer.headers.get_list("X-Frame-Options") == ["DENY"]
            assert answer.headers.get_list("Content-Security-Policy")[-1] == "frame-ancestors 'none'"
        assert "script-src" in own.headers.get_list("Content-Security-Policy")[0], "Dagster's own policy stays"


def test_a_load_balancer_sees_by_address_that_the_server_lives(served: str) -> None:
    assert httpx2.get(f"{served}/server_info", headers={"Host": "10.1.2.3"}, trust_env=False).status_code == 200


def test_subscriptions_pass_for_its_own_pages_only(served: str) -> None:
    address = served.replace("http", "ws") + "/graphql"
    protocols = [Subprotocol("graphql-ws")]
    with connect(address, origin=Origin(served), subprotocols=protocols, proxy=None) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv()) == {"type": "connection_ack"}
        socket.send(json.dumps(SUBSCRIPTION))
        socket.send(json.dumps({"id": "1", "type": "stop"}))
    with (
        pytest.raises(InvalidStatus, match="403"),
        connect(address, origin=Origin("http://evil.example"), subprotocols=protocols, proxy=None),
    ):
        pass


def test_a_read_only_webserver_may_launch_and_switch_nothing(tmp_path: Path, served: str) -> None:
    asked = {"query": "{ permissions { permission value } }"}
    with _serving(tmp_path, "--read-only") as shown, httpx2.Client(trust_env=False) as client:
        of_each = [
            {
                row["permission"]: row["value"]
                for row in client.post(f"{url}/graphql", json=asked).json()["data"]["permissions"]
            }
            for url in (served, shown)
        ]
    for name in ("launch_pipeline_execution", "terminate_pipeline_execution", "edit_sensor"):
        assert [permissions[name] for permissions in of_each] == [True, False], name
    assert not any(of_each[1].values())


def test_an_origin_that_is_none_is_refused_when_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from livedash_pipeline.defs.webserver import main

    with pytest.raises(SystemExit):
        main(["--origin", "dagster.example.com"])
    assert "'dagster.example.com' is no origin" in capsys.readouterr().err
