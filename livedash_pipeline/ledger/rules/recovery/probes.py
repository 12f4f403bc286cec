"""Probes: free batches that run no model and show how a service behaves.

The listing must show a listing probe. A fence probe is a create on a deleted input file: if it fails, deleting a file is a fence
against a create that comes late. Add an answer that a service may give to a probe; `ledger.steps.recovery.probe` makes them.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum

from livedash_pipeline.ledger.rules.service.batch_words import EndWord
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind, ValidationClass, validation_class
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, RemoteError, remote_end

_FILENAME = re.compile(r"livedash-probe-([0-9a-f]+)\.jsonl")
PROBE_MODEL = "livedash-probe"
"""No service has a model of this name, so the one line of a probe cannot run."""


class ProbeKind(StrEnum):
    """The behaviour that a probe tests."""

    LISTING = "listing"
    FENCE = "fence"


class ProbeOutcome(StrEnum):
    """The result of a probe; `unknown` where it could not be made or its end says nothing."""

    PROVEN = "proven"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


def probe_line(nonce: str) -> bytes:
    """The one line of a probe's input file."""
    body = {"model": PROBE_MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": "probe"}]}
    line = {"custom_id": nonce, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


def probe_filename(nonce: str) -> str:
    """Name of a probe's input file at the service."""
    return f"livedash-probe-{nonce}.jsonl"


def probe_nonce(filename: str) -> str | None:
    """The nonce of the probe whose input file has a name; None for any other file."""
    found = _FILENAME.fullmatch(filename)
    return None if found is None else found[1]


def judge_refusal(kind: ProbeKind, failure: ApiFailure) -> tuple[ProbeOutcome, str]:
    """Judges a refused create: the fence holds where the service refused the missing file."""
    about_file = failure.status in (400, 404, 422) and "file" in f"{failure.code} {failure.message}".lower()
    if kind is ProbeKind.FENCE and about_file and failure.kind is not FailureKind.MODEL_NOT_FOUND:
        return ProbeOutcome.PROVEN, "A create on a deleted input file is refused."
    return ProbeOutcome.UNKNOWN, f"The service refused the probe: {failure.message}"


def judge_fence(remote: RemoteBatch) -> tuple[ProbeOutcome, str] | None:
    """Judges a fence probe by its end; None while it has not ended."""
    end = remote_end(remote)
    if end is None:
        return None
    if end is EndWord.FAILED and not _ran(remote):
        return _judge_errors(remote.errors)
    if end in (EndWord.EXPIRED, EndWord.CANCELLED) and not _ran(remote):
        return ProbeOutcome.UNKNOWN, f"The probe ended as {remote.status}, which says nothing of its file."
    return ProbeOutcome.REFUTED, "A batch whose input file was deleted before it was created ran all the same."


def _ran(remote: RemoteBatch) -> bool:
    used = remote.usage is not None and remote.usage.total_tokens > 0
    return used or remote.output_file_id is not None or bool(remote.completed)


def _judge_errors(errors: tuple[RemoteError, ...]) -> tuple[ProbeOutcome, str]:
    if any(_blames_line(error) for error in errors):
        return ProbeOutcome.REFUTED, "The service still read the lines of an input file that was deleted before."
    if any(_blames_file(error) for error in errors):
        return ProbeOutcome.PROVEN, "A batch on a deleted input file fails at validation, unbilled."
    return ProbeOutcome.UNKNOWN, "The probe failed and the service does not say that its file was missing."


def _blames_line(error: RemoteError) -> bool:
    return error.line is not None or validation_class(error.code, error.param) is ValidationClass.MODEL


def _blames_file(error: RemoteError) -> bool:
    if validation_class(error.code, error.param) is ValidationClass.INPUT_FILE_MISSING:
        return True
    return "file" in f"{error.code} {error.param} {error.message}".lower()
