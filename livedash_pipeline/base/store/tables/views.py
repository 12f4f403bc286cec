"""Comments of the views and their columns; the views themselves stand in the migrations.

Add a view with the columns that it shows, in their order. A column that a view shows as a table has it keeps the table's comment.
A migration writes them to the database, and a test compares the two: a view that is made anew loses its comments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Column, Table
from sqlalchemy.dialects import postgresql

from livedash_pipeline.base.store.tables.imports import session_imports
from livedash_pipeline.base.store.tables.sessions import session_processing_status, sessions

_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


class ViewColumn(NamedTuple):
    """The type of a view's column, as Postgres names it, and what it means."""

    type: str
    comment: str


@dataclass(frozen=True)
class View:
    """What a view shows, and its columns by name, in their order."""

    comment: str
    columns: Mapping[str, ViewColumn]


def type_of(column: Column[Any]) -> str:
    """Returns the type of a table's column, as Postgres names it."""
    return column.type.compile(_POSTGRES).lower()


def _as_in(table: Table, *names: str) -> dict[str, ViewColumn]:
    return {name: ViewColumn(type_of(table.c[name]), str(table.c[name].comment)) for name in names}


_text = partial(ViewColumn, "text")
_uuid = partial(ViewColumn, "uuid")
_bool = partial(ViewColumn, "boolean")
_date = partial(ViewColumn, "date")
_moment = partial(ViewColumn, "timestamp with time zone")
_count = partial(ViewColumn, "bigint")
_amount = partial(ViewColumn, "numeric")

_COMPANY = {"company": _text("Slug of the company."), "company_id": _uuid("Id of the company.")}
_DAY = _COMPANY | {
    "day": _date("Day on which the sessions began, in the company's time zone, daylight saving included.")
}
_SESSIONS = {"sessions": _count("Sessions that began on that day.")}
_SUBJECT = {
    "subject_id": _uuid("Id of the subject."),
    "current_hash": _text("Hash of what would be asked about now; null: there is nothing to ask about."),
    "is_claimable": _bool("Its requests may be claimed."),
    "is_requeueable": _bool("Its failed requests may be requeued."),
    "is_erased": _bool("Its texts were deleted on request."),
}

VIEWS: Mapping[str, View] = {
    "cost_entries": View(
        "All that costs money, one row each.",
        {
            "entry": _text("`line`, `call`, `taken_back`, `taken_over`, `unattributed` or `surplus`."),
            "entry_id": _uuid("Id of the try, the addition or the surplus batch."),
            "company_id": _uuid("Company that is charged."),
            "batch_id": _uuid("Batch of the entry; null: it is of none."),
            "request_id": _uuid("Request of the entry; null: it is of none."),
            "model": _text("Model that was asked."),
            "processing_type": _text("Kind of request."),
            "outcome": _text("How the try ended; null: in flight, or no try."),
            "is_call": _bool("The entry is a single call."),
            "is_late": _bool("The entry is an answer that showed after its try was settled."),
            "service_tier": _text("Tier that the service says it charged; null: it does not say."),
            "priced_at": _moment("When what was bought was submitted: the price of then counts."),
            "incurred_at": _moment("Which month and day it counts in; null: in flight."),
            "is_in_flight": _bool("It has not ended."),
            "is_open": _bool("It was charged, or perhaps charged, and nobody knows how much."),
            "reserved_eur": _amount("Euro that count against caps while it is in flight or open; null: not known."),
            "prompt_tokens": _count("Tokens of the input, cached ones included; null: not stated."),
            "cached_tokens": _count("Input tokens that were read from the cache; null: not stated."),
            "cache_write_tokens": _count("Input tokens that were written to the cache; null: not stated."),
            "completion_tokens": _count("Tokens of the output, reasoning included; null: not stated."),
            "reasoning_tokens": _count("Output tokens that are reasoning; null: not stated."),
            "total_tokens": _count("Tokens of input and output; null: not stated."),
            "pricing_id": _uuid("Price that was used; null: not priced."),
            "cost_usd": _amount("US dollars, with what was filled in later; null: not known."),
            "cost_eur": _amount("Euro, with what was filled in later; null: not known."),
        },
    ),
    "session_analysis": View(
        "What people want to read of each session.",
        {
            "company": _COMPANY["company"],
            **_as_in(session_imports, "external_session_id"),
            "session_id": _uuid("Id of the session."),
            **_as_in(sessions, "start_time", "end_time", "duration_seconds", "country", "messages_sent"),
            **_as_in(sessions, "avg_response_time", "initial_msg", "language", "sentiment", "escalated"),
            **_as_in(sessions, "forwarded_hr", "category", "summary"),
            "questions": ViewColumn(
                "text[]", "Questions that the user asked, the most important first; empty: none, or not analysed."
            ),
            **_as_in(sessions, "analysed_at"),
            "analysis_status": _text("Status of the stage AI_ANALYSIS."),
            "total_cost_eur": _amount("Euro over all tries; null: nothing was tried, or a part of it is not known."),
        },
    ),
    "session_analysis_subjects": View("What the ledger looks at of each session.", _SUBJECT),
    "chat_turn_subjects": View("What the ledger looks at of each turn of a chat batch.", _SUBJECT),
    "chat_judgement_subjects": View("What the ledger looks at of each pair of answers.", _SUBJECT),
    "session_stages": View(
        "One row per import and stage, absent rows as PENDING.",
        {
            "import_id": _uuid("Row of the session that passes the stage."),
            "company_id": _COMPANY["company_id"],
            "session_id": _uuid("Id of the session; null: not derived yet."),
            "stage": _text("Stage that it is about."),
            "position": ViewColumn("integer", "Order of the stages: a stage waits for all with a lower position."),
            **_as_in(session_processing_status, "status", "error_message", "retry_count", "started_at"),
            **_as_in(session_processing_status, "completed_at", "metadata"),
        },
    ),
    "session_results": View(
        "One row per session: what can be counted of it, without texts.",
        _COMPANY
        | {
            "session_id": _uuid("Id of the session."),
            **_as_in(sessions, "start_time"),
            "local_start_time": ViewColumn(
                "timestamp without time zone", "When the chat began, in the company's time zone."
            ),
            "day": _date("Day on which it began, in the company's time zone, daylight saving included."),
            **_as_in(sessions, "duration_seconds"),
            "messages": _as_in(sessions, "messages_sent")["messages_sent"],
            "is_analysed": _bool("It has an analysis, be it an older one that waits to be renewed."),
            **_as_in(sessions, "language", "sentiment", "category", "escalated", "forwarded_hr"),
        },
    ),
    "daily_results": View(
        "One row per company and day: sessions, sentiment, rates, messages, durations.",
        _DAY
        | _SESSIONS
        | {
            "analysed": _count("Of these, sessions with an analysis, be it an older one that waits to be renewed."),
            "sentiment_known": _count("Sessions whose sentiment is known."),
            "positive": _count("Sessions with a positive sentiment, of those where it is known."),
            "neutral": _count("Sessions with a neutral sentiment, of those where it is known."),
            "negative": _count("Sessions with a negative sentiment, of those where it is known."),
            "escalation_known": _count("Sessions of which it is known if they were escalated."),
            "escalated": _count("Sessions that were escalated."),
            "escalation_rate": _amount(
                "Share of escalated sessions, from 0 to 1, of those where it is known; null: of none."
            ),
            "forwarding_known": _count("Sessions of which it is known if HR was involved."),
            "forwarded_hr": _count("Sessions in which HR was involved."),
            "forwarding_rate": _amount(
                "Share of sessions with HR, from 0 to 1, of those where it is known; null: of none."
            ),
            "messages_known": _count("Sessions whose number of messages is known."),
            "messages": _count("Messages of users, over those sessions."),
            "average_messages": _amount("Mean of messages a session, over those sessions; null: there is none."),
            "duration_seconds": _count("Seconds from start to end, over all sessions."),
            "average_duration_seconds": _amount("Mean of these seconds a session."),
            "median_duration_seconds": ViewColumn("double precision", "Median of these seconds a session."),
        },
    ),
    "daily_categories": View(
        "One row per company, day and category; sessions without one are left out.",
        _DAY | {"category": _text("Subject of the sessions.")} | _SESSIONS,
    ),
    "daily_languages": View(
        "One row per company, day and language; sessions without one are left out.",
        _DAY | {"language": _text("ISO 639 code of the language of the sessions.")} | _SESSIONS,
    ),
    "daily_questions": View(
        "One row per company, day and question.",
        _DAY
        | {
            "question_id": _uuid("Id of the question."),
            "question": _text("The question, as the analysis words it."),
            "sessions": _count("Sessions of that day in which it was asked; a session asks a question once at most."),
            "asked_first": _count("Of these, sessions in which it was the most important question."),
        },
    ),
}
