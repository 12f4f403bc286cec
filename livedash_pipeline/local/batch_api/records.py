"""What the stand-in remembers about a file and a batch, and the JSON objects that it shows for them.

Add a field when the service has to remember more; every field needs a default that old state on disk can live with.
How a batch moves from state to state is in `runs.py`.
"""

from dataclasses import dataclass, field
from typing import Any

ENDED = ("completed", "failed", "expired", "cancelled")
WINDOW_SECONDS = 86_400


@dataclass
class FileRecord:
    """One stored file; `created_at` in seconds, `expires_at` None where it is kept for ever.

    The rest is for faults: from when it is shown and listed, when it vanishes, how its creation time is written, and whether its
    content outlives its deletion.
    """

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: float
    expires_at: float | None = None
    shown_at: float = 0.0
    listed_at: float = 0.0
    vanishes_at: float | None = None
    time_format: str = "seconds"
    survives: bool = False

    def is_shown(self, now: float) -> bool:
        """Whether somebody who names it gets to see it; it is no longer stored when it has vanished."""
        return self.shown_at <= now

    def document(self) -> dict[str, Any]:
        """Returns the File object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": int(self.created_at),
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "expires_at": _seconds(self.expires_at),
            "status_details": None,
        }


@dataclass
class BatchRecord:
    """One batch: what was asked for, where it stands, and how far its lines have been run.

    `position` counts the lines taken from the run order, whatever became of them; `output_bytes` and `error_bytes` are
    the valid lengths of the two result files, which lie under `output_file` and `error_file` from the start and are
    shown as `output_file_id` and `error_file_id` only at the end. `enqueued_tokens` are the prompt tokens of all lines,
    counted only where a limit asks for them. The rest is for faults: those that struck it, as JSON, from when it is shown
    and listed, when it vanishes, its other name, what is shown of it in place of the truth, and how often it was retrieved.
    """

    id: str
    endpoint: str
    input_file_id: str
    created_at: float
    output_file: str
    error_file: str
    metadata: dict[str, str] | None = None
    output_expires_seconds: int | None = None
    status: str = "validating"
    model: str | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    in_progress_at: float | None = None
    finalizing_at: float | None = None
    completed_at: float | None = None
    failed_at: float | None = None
    expired_at: float | None = None
    cancelling_at: float | None = None
    cancelled_at: float | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    position: int = 0
    output_bytes: int = 0
    error_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    output_file_id: str | None = None
    error_file_id: str | None = None
    enqueued_tokens: int | None = None
    faults: str = ""
    shown_at: float = 0.0
    listed_at: float = 0.0
    vanishes_at: float | None = None
    alias: str | None = None
    snapshot: dict[str, Any] | None = None
    retrieved: int = 0

    def is_shown(self, now: float) -> bool:
        """Whether somebody who names it gets to see it."""
        return self.shown_at <= now and (self.vanishes_at is None or now < self.vanishes_at)

    def document(self) -> dict[str, Any]:
        """Returns the Batch object, with nulls where the service sends them."""
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": int(self.created_at),
            "in_progress_at": _seconds(self.in_progress_at),
            "expires_at": int(self.created_at) + WINDOW_SECONDS,
            "finalizing_at": _seconds(self.finalizing_at),
            "completed_at": _seconds(self.completed_at),
            "failed_at": _seconds(self.failed_at),
            "expired_at": _seconds(self.expired_at),
            "cancelling_at": _seconds(self.cancelling_at),
            "cancelled_at": _seconds(self.cancelled_at),
            "request_counts": {"total": self.total, "completed": self.completed, "failed": self.failed},
            "usage": {
                "input_tokens": self.input_tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": self.output_tokens,
                "output_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
                "total_tokens": self.input_tokens + self.output_tokens,
            },
            "metadata": self.metadata,
        }


def _seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
