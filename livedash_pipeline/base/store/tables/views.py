"""Comments of the views and their columns; the views themselves stand in the migrations.

Add a view with the columns that it shows, in their order. A column that a view shows as a table has it keeps the table's comment.
A migration writes them to the database, and a test compares the two: a view that is made anew loses its comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table

from livedash_pipeline.base.store.tables.imports import session_imports
from livedash_pipeline.base.store.tables.sessions import session_processing_status, sessions


@dataclass(frozen=True)
class View:
    """What a view shows, and what each of its columns means."""

    comment: str
    columns: Mapping[str, str]


def _as_in(table: Table, *names: str) -> dict[str, str]:
    return {name: str(table.c[name].comment) for name in names}


_COMPANY = {"company": "Slug of the company.", "company_id": "Id of the company."}
_DAY = _COMPANY | {"day": "Day on which the sessions began, in the company's time zone, daylight saving included."}
_SESSIONS = {"sessions": "Sessions that began on that day."}
_SUBJECT = {
    "subject_id": "Id of the subject.",
    "current_hash": "Hash of what would be asked about now; null: there is nothing to ask about.",
    "is_claimable": "Its requests may be claimed.",
    "is_requeueable": "Its failed requests may be requeued.",
    "is_erased": "Its texts were deleted on request.",
}

VIEWS: Mapping[str, View] = {
    "cost_entries": View(
        "All that costs money, one row each.",
        {
            "entry": "`line`, `call`, `taken_back`, `taken_over`, `unattributed` or `surplus`.",
            "entry_id": "Id of the try, the addition or the surplus batch.",
            "company_id": "Company that is charged.",
            "batch_id": "Batch of the entry; null: it is of none.",
            "request_id": "Request of the entry; null: it is of none.",
            "model": "Model that was asked.",
            "processing_type": "Kind of request.",
            "outcome": "How the try ended; null: in flight, or no try.",
            "is_call": "The entry is a single call.",
            "is_late": "The entry is an answer that showed after its try was settled.",
            "service_tier": "Tier that the service says it charged; null: it does not say.",
            "priced_at": "When what was bought was submitted: the price of then counts.",
            "incurred_at": "Which month and day it counts in; null: in flight.",
            "is_in_flight": "It has not ended.",
            "is_open": "It was charged, or perhaps charged, and nobody knows how much.",
            "reserved_eur": "Euro that count against caps while it is in flight or open; null: not known.",
            "prompt_tokens": "Tokens of the input, cached ones included; null: not stated.",
            "cached_tokens": "Input tokens that were read from the cache; null: not stated.",
            "cache_write_tokens": "Input tokens that were written to the cache; null: not stated.",
            "completion_tokens": "Tokens of the output, reasoning included; null: not stated.",
            "reasoning_tokens": "Output tokens that are reasoning; null: not stated.",
            "total_tokens": "Tokens of input and output; null: not stated.",
            "pricing_id": "Price that was used; null: not priced.",
            "cost_usd": "US dollars, with what was filled in later; null: not known.",
            "cost_eur": "Euro, with what was filled in later; null: not known.",
        },
    ),
    "session_analysis": View(
        "What people want to read of each session.",
        {
            "company": _COMPANY["company"],
            **_as_in(session_imports, "external_session_id"),
            "session_id": "Id of the session.",
            **_as_in(sessions, "start_time", "end_time", "duration_seconds", "country", "messages_sent"),
            **_as_in(sessions, "avg_response_time", "initial_msg", "language", "sentiment", "escalated"),
            **_as_in(sessions, "forwarded_hr", "category", "summary"),
            "questions": "Questions that the user asked, the most important first; empty: none, or not analysed.",
            **_as_in(sessions, "analysed_at"),
            "analysis_status": "Status of the stage AI_ANALYSIS.",
            "total_cost_eur": "Euro over all tries; null: nothing was tried, or a part of it is not known.",
        },
    ),
    "session_analysis_subjects": View("What the ledger looks at of each session.", _SUBJECT),
    "chat_turn_subjects": View("What the ledger looks at of each turn of a chat batch.", _SUBJECT),
    "chat_judgement_subjects": View("What the ledger looks at of each pair of answers.", _SUBJECT),
    "session_stages": View(
        "One row per import and stage, absent rows as PENDING.",
        {
            "import_id": "Row of the session that passes the stage.",
            "company_id": _COMPANY["company_id"],
            "session_id": "Id of the session; null: not derived yet.",
            "stage": "Stage that it is about.",
            "position": "Order of the stages: a stage waits for all with a lower position.",
            **_as_in(session_processing_status, "status", "error_message", "retry_count", "started_at"),
            **_as_in(session_processing_status, "completed_at", "metadata"),
        },
    ),
    "session_results": View(
        "One row per session: what can be counted of it, without texts.",
        _COMPANY
        | {
            "session_id": "Id of the session.",
            **_as_in(sessions, "start_time"),
            "local_start_time": "When the chat began, in the company's time zone.",
            "day": "Day on which it began, in the company's time zone, daylight saving included.",
            **_as_in(sessions, "duration_seconds"),
            "messages": sessions.c.messages_sent.comment or "",
            "is_analysed": "It has an analysis, be it an older one that waits to be renewed.",
            **_as_in(sessions, "language", "sentiment", "category", "escalated", "forwarded_hr"),
        },
    ),
    "daily_results": View(
        "One row per company and day: sessions, sentiment, rates, messages, durations.",
        _DAY
        | _SESSIONS
        | {
            "analysed": "Of these, sessions with an analysis, be it an older one that waits to be renewed.",
            "sentiment_known": "Sessions whose sentiment is known.",
            "positive": "Sessions with a positive sentiment, of those where it is known.",
            "neutral": "Sessions with a neutral sentiment, of those where it is known.",
            "negative": "Sessions with a negative sentiment, of those where it is known.",
            "escalation_known": "Sessions of which it is known if they were escalated.",
            "escalated": "Sessions that were escalated.",
            "escalation_rate": "Share of escalated sessions, from 0 to 1, of those where it is known; null: of none.",
            "forwarding_known": "Sessions of which it is known if HR was involved.",
            "forwarded_hr": "Sessions in which HR was involved.",
            "forwarding_rate": "Share of sessions with HR, from 0 to 1, of those where it is known; null: of none.",
            "messages_known": "Sessions whose number of messages is known.",
            "messages": "Messages of users, over those sessions.",
            "average_messages": "Mean of messages a session, over those sessions; null: there is none.",
            "duration_seconds": "Seconds from start to end, over all sessions.",
            "average_duration_seconds": "Mean of these seconds a session.",
            "median_duration_seconds": "Median of these seconds a session.",
        },
    ),
    "daily_categories": View(
        "One row per company, day and category; sessions without one are left out.",
        _DAY | {"category": "Subject of the sessions."} | _SESSIONS,
    ),
    "daily_languages": View(
        "One row per company, day and language; sessions without one are left out.",
        _DAY | {"language": "ISO 639 code of the language of the sessions."} | _SESSIONS,
    ),
    "daily_questions": View(
        "One row per company, day and question.",
        _DAY
        | {
            "question_id": "Id of the question.",
            "question": "The question, as the analysis words it.",
            "sessions": "Sessions of that day in which it was asked; a session asks a question once at most.",
            "asked_first": "Of these, sessions in which it was the most important question.",
        },
    ),
}
