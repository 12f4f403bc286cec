"""Looking at a batch until it is where the clock has moved it: the server's worker may take a moment."""

from threading import Event
from typing import Any

from openai import OpenAI


def until(client: OpenAI, batch_id: str, status: str) -> Any:
    """Look until a batch is there; the worker may hold it for a moment."""
    for _ in range(3000):
        batch = client.batches.retrieve(batch_id)
        if batch.status == status:
            return batch
        Event().wait(0.01)
    raise AssertionError(f"batch is {batch.status}, not {status}")
