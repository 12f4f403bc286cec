"""Input files of the Batch API as anybody writes them, for peers that leave this to their users."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_lines(path: Path, question: dict[str, Any], requests: list[dict[str, str]]) -> None:
    """One line a request, by `json.dumps`."""
    system = {"role": "system", "content": question["instructions"]}
    with path.open("w", encoding="utf-8") as file:
        for request in requests:
            body = {**question["body"], "messages": [system, {"role": "user", "content": request["content"]}]}
            line = {"custom_id": request["custom_id"], "method": "POST", "url": "/v1/chat/completions", "body": body}
            file.write(json.dumps(line) + "\n")
