"""The bare script, which is the yardstick: writes lines, uploads, creates; downloads, parses, writes a file; checks nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from input_lines import write_lines
from openai import OpenAI


def prepare(directory: Path, question: dict[str, Any], requests: list[dict[str, str]]) -> None:
    """From the requests to a batch that was created."""
    path = directory / "input.jsonl"
    write_lines(path, question, requests)
    client = OpenAI()
    with path.open("rb") as file:
        uploaded = client.files.create(file=file, purpose="batch")
    batch = client.batches.create(input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h")
    (directory / "batch").write_text(batch.id)


def collect(directory: Path) -> None:
    """From the batch that has ended to a file of answers."""
    client = OpenAI()
    batch = client.batches.retrieve((directory / "batch").read_text())
    downloaded = directory / "output.jsonl"
    with client.files.with_streaming_response.content(batch.output_file_id or "") as response:
        response.stream_to_file(downloaded)
    with downloaded.open(encoding="utf-8") as lines, (directory / "answers.jsonl").open("w", encoding="utf-8") as file:
        for line in lines:
            result = json.loads(line)
            answer = json.loads(result["response"]["body"]["choices"][0]["message"]["content"])
            file.write(json.dumps({"custom_id": result["custom_id"], **answer}) + "\n")


def count(directory: Path) -> int:
    """Answers in the file."""
    with (directory / "answers.jsonl").open("rb") as file:
        return sum(1 for _ in file)
