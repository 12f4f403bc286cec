"""Which columns of an asset come from which columns of others, where a value is taken over or plainly made of another one.

Add a column whose origin is plain; a sum comes from everywhere, and is left out. A test looks all names up in the schemas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from livedash_pipeline.intake.rules.csv_layout import CSV_COLUMNS

Origins = Mapping[str, Sequence[tuple[str, str]]]
"""Of each column: asset and column that it comes from."""


def _from(asset: str, **columns: str) -> dict[str, list[tuple[str, str]]]:
    return {name: [(asset, origin)] for name, origin in columns.items()}


def _same(*columns: str) -> dict[str, str]:
    return {name: name for name in columns}


_TEXT = [("transcripts", "content")]
_CSV = {column.name: [("company_csv", column.name)] for column in CSV_COLUMNS}
_CSV |= {column.stored_beside: [("company_csv", column.name)] for column in CSV_COLUMNS if column.stored_beside}

ORIGINS: Mapping[str, Origins] = {
    "session_imports": _CSV,
    "transcripts": _from("session_imports", import_id="id", url="full_transcript_url", row_hash="content_hash"),
    "sessions": {
        **_from(
            "session_imports",
            import_id="id",
            row_hash="content_hash",
            **_same("company_id", "ip_address", "country", "full_transcript_url"),
        ),
        # Messages widen the times and replace the company's own figures.
        "start_time": [("session_imports", "start_time"), *_TEXT],
        "end_time": [("session_imports", "end_time"), *_TEXT],
        "avg_response_time": [("session_imports", "avg_response_time_seconds"), *_TEXT],
        "initial_msg": [("session_imports", "initial_message"), *_TEXT],
        "messages_sent": [("session_imports", "messages_sent"), *_TEXT],
        "transcript_sha256": [("transcripts", "sha256")],
        "transcript_hash": _TEXT,
    },
    "messages": {
        "session_id": [("sessions", "id")],
        **dict.fromkeys(("position", "role", "content", "sent_at"), _TEXT),
    },
    "pending_ai_requests": _from("sessions", session_id="id", **_same("company_id", "transcript_hash")),
    "submitted_batches": _from(
        "pending_ai_requests",
        request_count="id",
        **_same("company_id", "processing_type", "model", "body_bytes", "token_estimate"),
    ),
    "ingested_results": {
        **_from("pending_ai_requests", request_id="id", **_same("transcript_hash")),
        "batch_id": [("submitted_batches", "id")],
    },
    "session_questions": {"session_id": [("sessions", "id")]},
    "chat_results": _from("chat_batches", batch_id="id"),
}


def lineage_of(key: dg.AssetKey) -> dg.TableColumnLineage | None:
    """Returns the lineage of an asset's columns; None where none is plain. The others have the prefix that its own key has."""
    *prefix, name = key.path
    if name not in ORIGINS:
        return None
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(dg.AssetKey([*prefix, asset]), origin) for asset, origin in origins]
            for column, origins in ORIGINS[name].items()
        }
    )
