"""Reads the batch and file objects of any vendor's Batch API into one shape.

Add a field here when a decision needs it, and a tolerance when a server is seen to write one differently.
`services.openai.gateway` makes the calls, `ledger.rules.service.failures` classifies their failures, and
`ledger.rules.results.result_lines` reads result lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.rules.token_usage import read_usage
from livedash_pipeline.ledger.rules.service.batch_words import Beside, EndWord, end_of, status_of
from livedash_pipeline.ledger.rules.service.remote_values import (
    LARGEST_TOKENS,
    read_count,
    read_mapping,
    read_moment,
    read_text,
    tidy_message,
)

METADATA_BATCH_ID = "livedash_batch_id"
"""Metadata key under which every batch of ours carries the id of its row."""

METADATA_NONCE = "livedash_create"
"""Metadata key under which every create carries a name of its own."""

METADATA_PROBE = "livedash_probe"
"""Metadata key of probes: batches that run no model and only show how a service behaves."""


@dataclass(frozen=True, slots=True)
class RemoteError:
    """One entry of `errors.data`: why a batch failed at validation, with the input line where there is one."""

    code: str | None
    message: str
    param: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class RemoteUsage:
    """Tokens of a whole batch. Reasoning tokens are inside `output_tokens`, cached ones inside `input_tokens`.

    Input and output are both None where the service states nothing but their total, and cached ones where it states none: that is
    not the same as a statement that none came from the cache.
    """

    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as a server describes it. Times are UTC; whatever the server left out or garbled is None.

    `status` is the server's word in lower case, unknown words included; `status_word` is the word as sent. `input_file_id`
    and `endpoint` are "" where absent. `completed` counts lines answered with success, `failed` the others: neither can be
    trusted to judge a line.
    """

    id: str
    status: str
    status_word: str
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    created_at: datetime | None
    in_progress_at: datetime | None
    expires_at: datetime | None
    finalizing_at: datetime | None
    completed_at: datetime | None
    failed_at: datetime | None
    expired_at: datetime | None
    cancelling_at: datetime | None
    cancelled_at: datetime | None
    total: int | None
    completed: int | None
    failed: int | None
    errors: tuple[RemoteError, ...]
    usage: RemoteUsage | None
    model: str | None
    endpoint: str
    metadata: dict[str, str]

    @property
    def ended_at(self) -> datetime | None:
        """When the batch ended, if the server says so."""
        end = remote_end(self)
        if end is None:
            return None
        own = {
            EndWord.COMPLETED: self.completed_at,
            EndWord.FAILED: self.failed_at,
            EndWord.EXPIRED: self.expired_at,
            EndWord.CANCELLED: self.cancelled_at,
        }[end]
        return own or self.completed_at or self.failed_at or self.expired_at or self.cancelled_at

    @property
    def our_batch_id(self) -> UUID | None:
        """The id of our row from the metadata; None where it is absent or no UUID."""
        try:
            return UUID(self.metadata.get(METADATA_BATCH_ID, ""))
        except ValueError:
            return None

    @property
    def our_nonce(self) -> str | None:
        """The name of the create that made it, from the metadata; None where it is absent or cut off.

        Some gateways cut values off, and the rest of a name names nothing; the input file identifies the batch then.
        """
        try:
            return UUID(self.metadata.get(METADATA_NONCE, "")).hex
        except ValueError:
            return None

    @property
    def is_nameless(self) -> bool:
        """Whether nothing shows its owner: it has no input file, no whole name of ours, and no metadata of anybody else."""
        marked = any(key in self.metadata for key in (METADATA_BATCH_ID, METADATA_NONCE))
        return not self.input_file_id and self.our_nonce is None and (marked or not self.metadata)

    @property
    def is_probe(self) -> bool:
        """Whether it is a probe, which runs no model."""
        return METADATA_PROBE in self.metadata


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file object. `bytes` is the size the server states, None where it states none."""

    id: str
    bytes: int | None
    created_at: datetime | None
    filename: str
    purpose: str
    expires_at: datetime | None


def read_remote_batch(document: Mapping[str, Any]) -> RemoteBatch:
    """Reads a batch object of any vendor; odd values count as absent.

    Raises:
        ValueError: The document has no id, so it is no batch.
    """
    counts = read_mapping(document.get("request_counts"))
    word = read_text(document.get("status")) or ""
    return RemoteBatch(
        id=_require_id(document, "batch"),
        status=word.lower(),
        status_word=word,
        input_file_id=read_text(document.get("input_file_id")) or "",
        output_file_id=read_text(document.get("output_file_id")),
        error_file_id=read_text(document.get("error_file_id")),
        created_at=read_moment(document.get("created_at")),
        in_progress_at=read_moment(document.get("in_progress_at")),
        expires_at=read_moment(document.get("expires_at")),
        finalizing_at=read_moment(document.get("finalizing_at")),
        completed_at=read_moment(document.get("completed_at")),
        failed_at=read_moment(document.get("failed_at")),
        expired_at=read_moment(document.get("expired_at")),
        cancelling_at=read_moment(document.get("cancelling_at")),
        cancelled_at=read_moment(document.get("cancelled_at")),
        total=read_count(counts.get("total")),
        completed=read_count(counts.get("completed")),
        failed=read_count(counts.get("failed")),
        errors=_read_errors(document.get("errors")),
        usage=_read_usage(read_mapping(document.get("usage"))),
        model=read_text(document.get("model")),
        endpoint=read_text(document.get("endpoint")) or "",
        metadata=_read_metadata(read_mapping(document.get("metadata"))),
    )


def read_remote_file(document: Mapping[str, Any]) -> RemoteFile:
    """Reads a file object of any vendor; odd values count as absent.

    Raises:
        ValueError: The document has no id, so it is no file.
    """
    return RemoteFile(
        id=_require_id(document, "file"),
        bytes=read_count(document.get("bytes"), LARGEST_TOKENS),
        created_at=read_moment(document.get("created_at")),
        filename=read_text(document.get("filename")) or "",
        purpose=read_text(document.get("purpose")) or "",
        expires_at=read_moment(document.get("expires_at")),
    )


def local_status(remote: RemoteBatch) -> BatchStatus | None:
    """Returns our status for a batch; None while it is cancelling and for unknown words, since the row then keeps its status."""
    return status_of(remote.status, _beside(remote))


def remote_end(remote: RemoteBatch) -> EndWord | None:
    """Returns how a batch ended; None while it has not."""
    return end_of(remote.status, _beside(remote))


def _beside(remote: RemoteBatch) -> Beside:
    counted = (remote.completed or 0) + (remote.failed or 0)
    return Beside(
        completed=remote.completed_at is not None,
        failed=remote.failed_at is not None,
        expired=remote.expired_at is not None,
        cancelled=remote.cancelled_at is not None,
        has_output=remote.output_file_id is not None,
        all_counted=bool(remote.total) and counted >= (remote.total or 0),
    )


def end_reason(remote: RemoteBatch) -> tuple[str, str] | None:
    """Returns code and message for a batch that ended without running all its requests; None for any other.

    Codes: `batch_expired`, `batch_cancelled`, and for a failed batch its first error's code, else `validation_failed`.
    """
    done = f"{remote.completed} of {remote.total} requests" if remote.total else "an unknown number of requests"
    match remote_end(remote):
        case EndWord.CANCELLED:
            return "batch_cancelled", f"The batch was cancelled after {done} had been answered."
        case EndWord.EXPIRED:
            return "batch_expired", f"The batch ran out of time after {done} had been answered."
        case EndWord.FAILED:
            return _validation_reason(remote.errors)
    return None


def _validation_reason(errors: tuple[RemoteError, ...]) -> tuple[str, str]:
    if not errors:
        return "validation_failed", "The service refused the batch without giving a reason."
    first = errors[0]
    place = f" (line {first.line})" if first.line is not None else ""
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    code = first.code or "validation_failed"
    return code, tidy_message(f"{first.message or code}{place}{more}")


def _require_id(document: Mapping[str, Any], kind: str) -> str:
    found = read_text(document.get("id"))
    if found is None:
        raise ValueError(f"the document is no {kind}: it has no id, only the fields {sorted(map(str, document))[:10]}")
    return found


def _read_errors(value: object) -> tuple[RemoteError, ...]:
    """`{"data": [...]}` as OpenAI sends it; also a bare list, a single error, or only its message."""
    if isinstance(value, Mapping):
        entries = value["data"] if "data" in value else [value] if value.get("code") or value.get("message") else []
    else:
        entries = value
    if isinstance(entries, str):
        entries = [entries]
    return tuple(map(_read_error, entries)) if isinstance(entries, list | tuple) else ()


def _read_error(value: object) -> RemoteError:
    entry = read_mapping(value)
    return RemoteError(
        code=read_text(entry.get("code")),
        message=tidy_message(entry.get("message") if entry else value),
        param=read_text(entry.get("param")),
        line=read_count(entry.get("line")),
    )


def _read_usage(document: Mapping[str, Any]) -> RemoteUsage | None:
    """None unless input, output or their total is stated; a part that is not stated beside the other is 0."""
    usage = read_usage(document)
    given, made, total = usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    if given is None and made is None:
        return None if total is None else RemoteUsage(None, usage.cached_tokens, None, 0, total)
    return RemoteUsage(
        input_tokens=given or 0,
        cached_tokens=usage.cached_tokens,
        output_tokens=made or 0,
        reasoning_tokens=usage.reasoning_tokens or 0,
        total_tokens=(given or 0) + (made or 0) if total is None else total,
    )


def _read_metadata(metadata: Mapping[str, Any]) -> dict[str, str]:
    pairs = ((read_text(key), read_text(value)) for key, value in metadata.items())
    return {key: value for key, value in pairs if key is not None and value is not None}
