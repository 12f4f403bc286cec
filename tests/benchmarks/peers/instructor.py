"""instructor: its `BatchProcessor`, which makes the schema from a pydantic model and checks each answer by it, in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from instructor.batch import BatchProcessor
from session_answer import session_analysis


def prepare(directory: Path, question: dict[str, Any], requests: list[dict[str, str]]) -> None:
    """From the requests to a batch that was created."""
    system = {"role": "system", "content": question["instructions"]}
    messages = [[system, {"role": "user", "content": request["content"]}] for request in requests]
    processor = _processor(question["body"]["model"])
    # Its defaults for both are refused by models that reason, and a buffer, which has no name, by the service.
    path = str(directory / "input.jsonl")
    lines = processor.create_batch_from_messages(messages, path, max_tokens=None, temperature=None)
    (directory / "batch").write_text(f"{question['body']['model']} {processor.submit_batch(lines)}")


def collect(directory: Path) -> None:
    """From the batch that has ended to a file of answers."""
    model, batch = (directory / "batch").read_text().split()
    results = _processor(model).retrieve_results(batch)
    with (directory / "answers.jsonl").open("w", encoding="utf-8") as file:
        for result in results:
            if result.success:
                file.write(json.dumps({"custom_id": result.custom_id, **result.result.model_dump()}) + "\n")


def count(directory: Path) -> int:
    """Answers that have the schema."""
    with (directory / "answers.jsonl").open("rb") as file:
        return sum(1 for _ in file)


def _processor(model: str) -> Any:
    return BatchProcessor(f"openai/{model}", session_analysis)
