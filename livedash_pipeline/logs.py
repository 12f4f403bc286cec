"""Structured logs on stderr, as text or as JSON lines, with ids and counts and never with anybody's words.

Call `configure_logging` once when a process starts; elsewhere `get_logger(__name__)` and keyword arguments. Transcript text,
prompts, answers and secrets are not to be passed to a logger; `FORBIDDEN_FIELDS` catches the obvious names.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import structlog

_PACKAGE = "livedash_pipeline"
# Field names that would carry private text or a secret if somebody logged them by mistake.
FORBIDDEN_FIELDS = frozenset({"content", "prompt", "answer", "transcript", "body", "api_key", "password", "text"})
# Libraries that write the address of each request, or the path of each file, at INFO or below: addresses of transcripts and CSVs
# can hold tokens and ids of people. A Celery worker sets the root logger to INFO and showed every one of them.
_TELLTALES = ("httpx2", "httpcore2", "httpx", "httpcore", "openai", "azure", "asyncssh")


def _refuse_private_fields(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    private = FORBIDDEN_FIELDS & event.keys()
    if private:
        raise ValueError(f"log event {event.get('event')!r} carries private fields: {sorted(private)}")
    return event


def configure_logging(log_format: Literal["text", "json"] = "text", level: int = logging.INFO) -> None:
    """Sends structlog through the standard library, so that Dagster can collect the lines of a run as well."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logger = logging.getLogger(_PACKAGE)
    logger.handlers = [handler]
    logger.setLevel(level)
    quiet_libraries()
    _show_warnings_of_others(formatter)
    structlog.configure(
        processors=[*shared, _refuse_private_fields, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def quiet_libraries() -> None:
    """Silences what libraries say of addresses, whatever level the root logger has or gets from a launcher.

    Whoever assembles definitions calls it, since the process of a run may have been started by anything. A level that is already
    stricter stays.
    """
    for name in _TELLTALES:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))


class _OthersHandler(logging.StreamHandler[TextIO]):
    """Writes warnings of libraries; our own lines have their own handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.name.startswith(_PACKAGE)


def _show_warnings_of_others(formatter: logging.Formatter) -> None:
    """Gives the root logger a handler; otherwise a library's first `logging.warning` adds one that writes our lines once more."""
    handler = _OthersHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.setLevel(logging.WARNING)
    root = logging.getLogger()
    root.handlers = [*(known for known in root.handlers if not isinstance(known, _OthersHandler)), handler]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Returns a logger whose calls take an event in plain words, and ids and counts as keyword arguments."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
