"""Airflow's `LLMBatchOperator`, deferred between its two moves. It checks `custom_id` and schema of each answer.

Scheduler, metadata database and triggerer, which a task needs beside its operator, are left out: what is measured is the
operator alone, and what its trigger asks once.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.providers.common.ai.operators.llm_batch import LLMBatchOperator
from airflow.providers.common.ai.triggers.llm_batch import LLMBatchTrigger
from airflow.sdk.exceptions import TaskDeferred
from session_answer import session_analysis

_TASK = SimpleNamespace(dag_id="peers", task_id="analyse", run_id="manual", map_index=-1)


def prepare(directory: Path, question: dict[str, Any], requests: list[dict[str, str]]) -> None:
    """From the requests to a batch that was created, and the state that the operator keeps of it."""
    body = dict(question["body"])
    operator = _operator(
        directory,
        requests=[request["content"] for request in requests],
        model_id=f"openai:{body['model']}",
        system_prompt=question["instructions"],
        max_tokens=body["max_completion_tokens"],
    )
    try:
        operator.execute(_context())
    except TaskDeferred as deferred:
        _, arguments = deferred.trigger.serialize()
        (directory / "trigger.json").write_text(json.dumps(arguments))


def collect(directory: Path) -> None:
    """From the batch that has ended to the operator's file of answers and its manifest."""
    trigger = LLMBatchTrigger(**json.loads((directory / "trigger.json").read_text()))
    event = asyncio.run(_first_event(trigger))
    manifest = _operator(directory, requests=["a request"]).execute_complete(_context(), event.payload)
    (directory / "manifest.json").write_text(json.dumps(manifest))


def count(directory: Path) -> int:
    """Answers that have the schema."""
    counts: dict[str, int] = json.loads((directory / "manifest.json").read_text())["counts"]
    return counts["succeeded"]


async def _first_event(trigger: Any) -> Any:
    return await anext(trigger.run())


def _operator(directory: Path, **arguments: Any) -> Any:
    return LLMBatchOperator(
        task_id="analyse",
        llm_conn_id="llm",
        result_path=(directory / "results").as_uri(),
        output_type=session_analysis,
        deferrable=True,
        do_xcom_push=False,
        **arguments,
    )


def _context() -> dict[str, Any]:
    return {"task_instance": _TASK, "ti": _TASK}
