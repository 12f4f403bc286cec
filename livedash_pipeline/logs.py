"""Structured logs on stderr, as text or as JSON lines, with ids and counts and never with anybody's words.

Call `configure_logging` once when a process starts; elsewhere `get_logger(__name__)` and keyword arguments. Transcript text,
prompts, answers and secrets are not to be passed to a logger; `FORBIDDEN_FIELDS` catches the obvious names.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

# Field names that would carry private text or a secret if somebody logged them by mistake.
FORBIDDEN_FIELDS = frozenset({"content", "prompt", "answer", "transcript", "body", "api_key", "password", "text"})


def _refuse_private_fields(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    private = FORBIDDEN_FIELDS & event.keys()
    if private:
        raise ValueError(f"log event {event.get('event')!r} carries private fields: {sorted(private)}")
    return event


def configure_logging(log_format: Literal["text", "json"] = "text", level: int = logging.INFO) -> None:
    """Send structlog through the standard library, so that Dagster can collect the lines of a run as well."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logger = logging.getLogger("livedash_pipeline")
    logger.handlers = [handler]
    logger.setLevel(level)
    structlog.configure(
        processors=[*shared, _refuse_private_fields, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose calls take an event in plain words and ids and counts as keyword arguments."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
