"""Columns of the archive's files: names, kinds, and which of them hold few different words.

Add a column here and to its statement `archive/read_*`, in the same order; then `archive.rules.manifest.SCHEMA_VERSION` is
another one. Ids are text, moments UTC to the microsecond, money decimal.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from livedash_pipeline.archive.rules.manifest import FileName


class Kind(Enum):
    """What a column holds."""

    TEXT = "text"
    WORD = "word"
    """A text that many rows share."""
    WORDS = "words"
    NUMBER = "number"
    TRUTH = "truth"
    MOMENT = "moment"
    SECONDS = "numeric(12, 3)"
    MONEY = "numeric(20, 12)"
    RATE = "numeric(18, 9)"


def _columns(**kinds: str) -> Mapping[str, Kind]:
    """Columns in their order: of each kind's word in lower case, the names."""
    return MappingProxyType({name: Kind[kind.upper()] for name, kind in kinds.items()})


COLUMNS: Mapping[FileName, Mapping[str, Kind]] = MappingProxyType(
    {
        "sessions.parquet": _columns(
            import_id="text",
            session_id="text",
            company="word",
            external_session_id="text",
            source="word",
            start_time="moment",
            end_time="moment",
            duration_seconds="number",
            messages_sent="number",
            avg_response_time="seconds",
            country="word",
            language="word",
            sentiment="word",
            escalated="truth",
            forwarded_hr="truth",
            category="word",
            summary="text",
            analysed_at="moment",
            row_hash="text",
            derived_row_hash="text",
            transcript_hash="text",
            derived_transcript_sha256="text",
            transcript_sha256="text",
            transcript_status="word",
            transcript="text",
            initial_msg="text",
            initial_message="text",
            unread="text",
            extra="text",
        ),
        "messages.parquet": _columns(
            session_id="text", position="number", role="word", content="text", sent_at="moment"
        ),
        "requests.parquet": _columns(
            request_id="text",
            session_id="text",
            processing_type="word",
            model="word",
            processing_status="word",
            batch_id="word",
            prompt_version="word",
            transcript_hash="text",
            input_hash="text",
            body_bytes="number",
            token_estimate="number",  # noqa: S106 - a column
            max_output_tokens="number",
            attempts="number",
            releases="number",
            error_code="word",
            answer_flags="words",
            requested_at="moment",
            completed_at="moment",
            raw_answer="text",
            parsed_answer="text",
        ),
        "attempts.parquet": _columns(
            attempt_id="text",
            request_id="text",
            session_id="text",
            batch_id="word",
            is_call="truth",
            is_late="truth",
            outcome="word",
            error_code="word",
            http_status="number",
            finish_reason="word",
            model="word",
            service_tier="word",
            created_at="moment",
            settled_at="moment",
            prompt_tokens="number",
            completion_tokens="number",
            total_tokens="number",
            cached_tokens="number",
            cache_write_tokens="number",
            reasoning_tokens="number",
            prompt_cost_usd="money",
            completion_cost_usd="money",
            total_cost_usd="money",
            usd_eur="rate",
            total_cost_eur="money",
        ),
        "questions.parquet": _columns(session_id="text", position="number", question_id="text", content="word"),
    }
)
