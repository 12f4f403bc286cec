"""The stand-in on a full disk: calls are put off with 503, nothing half is kept, and batches go on once there is room."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from livedash_pipeline.local.batch_api.server import running_server
from tests.machine_limits import small_files


@pytest.fixture(autouse=True)
def _logs_in_memory(capsys: pytest.CaptureFixture[str]) -> None:
    """What pytest captures otherwise goes to a file, whose size would count."""


def test_a_full_disk_puts_calls_off_and_batches_go_on_later(tmp_path: Path, requests: Any) -> None:
    content = requests.file(300)
    with (
        running_server(tmp_path, speed=0) as server,
        httpx2.Client(base_url=server.base_url, headers={"Authorization": "Bearer k"}, trust_env=False) as client,
    ):

        def upload() -> httpx2.Response:
            return client.post("/files", files={"file": ("a.jsonl", content)}, data={"purpose": "batch"})

        kept = upload().json()
        before = client.get("/files").json()["data"]
        with small_files(1000):
            refused = upload()
            asked = {"input_file_id": kept["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
            also = client.post("/batches", json=asked)
        for answer in (refused, also):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5"), answer.text
            assert "disk" in answer.json()["error"]["message"]
        assert client.get("/files").json()["data"] == before
        assert client.get("/batches").json()["data"] == []
        batch = client.post("/batches", json=asked).json()
        with small_files(1000):
            stuck = client.get(f"/batches/{batch['id']}")
        assert stuck.status_code in (200, 503)
        while client.get(f"/batches/{batch['id']}").json()["status"] != "completed":
            pass
        done = client.get(f"/batches/{batch['id']}").json()
        assert done["request_counts"]["completed"] == 300
        assert client.get(f"/files/{done['output_file_id']}/content").content.count(b"\n") == 300
