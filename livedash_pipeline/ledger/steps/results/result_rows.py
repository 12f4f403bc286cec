"""Turns the lines of a batch's result files into rows for the settlement, in the order of `copy_scratch_results.sql`.

Add a column here and there. What a line means is read in `ledger.rules.results`: nearly all lines are as the Batch API documents
them and are read at once; every other one is read and judged with care.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.text import storable
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.ledger.rules.results.answers import AnswerReader, UsableAnswer
from livedash_pipeline.ledger.rules.results.judgement import USABLE_PRECEDENCE, is_success, judge_line
from livedash_pipeline.ledger.rules.results.result_lines import ResultLine, read_result_lines, split_lines
from livedash_pipeline.ledger.rules.results.usual_lines import read_usual_line
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.steps.results.result_files import ResultFiles, Tariff
from livedash_pipeline.money.rules.pricing import BATCH, Cost, charged_tier

_CHUNK = 1024 * 1024

OTHER_TIER = "other_tier"
"""The flag of an answer that the service charged by another tier than that of batches."""


@dataclass
class LineCounts:
    """Counts over the lines; `hold_codes` has the service's first message for each code."""

    lines: int = 0
    succeeded: int = 0
    unreadable: int = 0
    unknown: int = 0
    hold_codes: dict[FailureKind, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LineReader:
    """What lines of a batch are read with.

    Attributes:
        subjects: Request id → subject id of everything whose lines are wanted, as lower-case text.
        tariff: The prices of answers.
        read_answer: The reader of the batch's kind of request.
    """

    subjects: Mapping[str, str]
    tariff: Tariff
    read_answer: AnswerReader

    def __contains__(self, request_id: object) -> bool:
        """Whether lines about a request are wanted."""
        return str(request_id) in self.subjects


def result_rows(
    files: ResultFiles, reader: LineReader, counts: LineCounts, *, unreadable: bool = True
) -> Iterator[tuple[Any, ...]]:
    """Yields a row for each line about one of our requests, counts all other lines, and adds to each file's evidence.

    An unreadable line of the output file is about the requests whose ids stand in it, since it may be a paid answer; without
    `unreadable` it is about none.
    """
    for name, path in files.paths.items():
        evidence = files.evidence[name]
        evidence.lines = evidence.unreadable = evidence.ours = 0
        known = reader if unreadable and name == "output" else ()
        with path.open("rb") as source:
            for raw in split_lines(iter(lambda source=source: source.read(_CHUNK), b"")):  # type: ignore[misc]
                usual = usual_row(raw, reader, counts)
                if usual is not None:
                    evidence.lines += 1
                    evidence.ours += 1
                    yield usual
                    continue
                for line in read_result_lines(raw, known):
                    counts.lines += 1
                    evidence.lines += 1
                    evidence.unreadable += line.unreadable
                    evidence.ours += _request_id(line.custom_id) in reader
                    yield from _row(line, reader, counts)


def usual_row(raw: bytes, reader: LineReader, counts: LineCounts) -> tuple[Any, ...] | None:
    """The row of a line as the service documents it, with a usable answer to one of our requests; None for any other line."""
    line = read_usual_line(raw)
    if line is None:
        return None
    subject_id = reader.subjects.get(line.custom_id)
    if subject_id is None:
        return None
    answer = reader.read_answer(line.content, subject_id)
    if not isinstance(answer, UsableAnswer):
        return None
    counts.lines += 1
    counts.succeeded += 1
    return (
        counts.lines,
        USABLE_PRECEDENCE,
        line.custom_id,
        Outcome.PARSED.value,
        True,
        False,
        None,
        None,
        200,
        "stop",
        storable(line.remote_request_id),
        storable(line.model),
        storable(line.service_tier),
        storable(line.system_fingerprint),
        *_usage_columns(line.usage),
        *_cost_columns(*reader.tariff.cost_of(line.usage, line.service_tier)),
        None,
        [*sorted({*answer.flags}), *_tier_flags(line.service_tier)],
        answer.document,
    )


def _request_id(custom_id: str | None) -> UUID | None:
    try:
        return UUID(custom_id) if custom_id else None
    except ValueError:
        return None


def _tier_flags(service_tier: str | None) -> tuple[str, ...]:
    """A line that was not answered as a batch's lines are costs what its tier costs, and people are told."""
    return () if charged_tier(service_tier, batch=True) == BATCH else (OTHER_TIER,)


def _row(line: ResultLine, reader: LineReader, counts: LineCounts) -> Iterator[tuple[Any, ...]]:
    request_id = _request_id(line.custom_id)
    counts.unreadable += line.unreadable
    if request_id is None or request_id not in reader:
        counts.unknown += not line.unreadable
        return
    judged = judge_line(line, reader.subjects[str(request_id)], reader.read_answer)
    if judged is None:
        return
    if line.hold_code is not None:
        counts.hold_codes.setdefault(line.hold_code, judged.error_message or line.hold_code)
    succeeded = is_success(line, judged)
    counts.succeeded += succeeded
    yield (
        counts.lines,
        judged.precedence,
        str(request_id),
        judged.outcome.value,
        succeeded,
        line.counted_release,
        storable(judged.error_code),
        judged.error_message,
        line.http_status,
        storable(line.finish_reason),
        storable(line.remote_request_id),
        storable(line.model),
        storable(line.service_tier),
        storable(line.system_fingerprint),
        *_usage_columns(line.usage),
        *_cost_columns(*reader.tariff.cost(line)),
        judged.raw_answer,
        [*judged.flags, *_tier_flags(line.service_tier)],
        judged.parsed_answer,
    )


def _usage_columns(usage: TokenUsage) -> tuple[int | None, ...]:
    return (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.audio_tokens_prompt,
        usage.reasoning_tokens,
        usage.audio_tokens_completion,
        usage.accepted_prediction_tokens,
        usage.rejected_prediction_tokens,
    )


def _cost_columns(cost: Cost | None, eur: Decimal | None) -> tuple[Decimal | None, ...]:
    return (None, None, None, eur) if cost is None else (cost.prompt_usd, cost.completion_usd, cost.total_usd, eur)
