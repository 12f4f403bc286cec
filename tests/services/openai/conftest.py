"""An input file for the tests of the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def input_file(tmp_path: Path) -> Path:
    """Two lines of batch input for a model that the local server knows."""
    lines = [
        {
            "custom_id": f"request-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-5-mini", "messages": [{"role": "user", "content": f"Hello {number}"}]},
        }
        for number in range(2)
    ]
    path = tmp_path / "input.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
