"""What a session has to be, as conditions on its row: those of an index, and those that have to be looked at.

Add a filter here and in `overview.rules.session_search`. `overview.store.session_search` decides in which order rows are met.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, or_, select

from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.store.tables import (
    companies,
    questions,
    session_processing_status,
    session_questions,
    sessions,
)
from livedash_pipeline.overview.rules.session_search import NONE, YES, SessionFilter

_status = session_processing_status.c
# The local day of a moment is at most one away from its UTC day, whatever the zone.
_AROUND = timedelta(days=1)


def looked_at(wanted: SessionFilter) -> list[ColumnElement[Any]]:
    """The columns of sessions that a search looks at; summaries only where words are looked for."""
    row = sessions.c
    columns: list[ColumnElement[Any]] = [row.id, row.import_id, row.start_time]
    if wanted.looks:
        columns += [row.language, row.sentiment, row.category, row.escalated, row.forwarded_hr, row.analysed_at]
    return [*columns, row.summary] if wanted.words else columns


def at_stage_rows(wanted: SessionFilter) -> list[ColumnElement[bool]]:
    """The rows at the stage of a search, which an index finds where the status is an unfinished one."""
    # Written into the statement, since the index is one of some statuses and the planner has to see which.
    status: ColumnElement[str] = bindparam("at_status", wanted.status, literal_execute=True)
    return [_status.stage == wanted.stage, _status.status == status]


def in_time(
    wanted: SessionFilter, start: ColumnElement[Any], company_id: ColumnElement[Any]
) -> list[ColumnElement[bool]]:
    """Began between local times: moments around them, by which an index finds the rows, and near them exactly."""
    zone = select(companies.c.time_zone).where(companies.c.id == company_id).scalar_subquery()
    local = func.timezone(zone, start)
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        since = wanted.since.replace(tzinfo=UTC)
        found += [start >= since - _AROUND, or_(start >= since + _AROUND, local >= wanted.since)]
    if wanted.until is not None:
        until = wanted.until.replace(tzinfo=UTC)
        found += [start < until + _AROUND, or_(start < until - _AROUND, local < wanted.until)]
    return found


def conditions(wanted: SessionFilter, row: Any, *, at_stage: bool = True) -> list[ColumnElement[bool]]:
    """Everything that has to be looked at in the row of a session, or beside it."""
    found: list[ColumnElement[bool]] = []
    for column, value in (
        (row.language, wanted.language),
        (row.category, wanted.category and wanted.category.upper()),
        (row.sentiment, wanted.sentiment and wanted.sentiment.upper()),
    ):
        if value is not None:
            found.append(column.is_(None) if value.lower() == NONE else column == value)
    for column, word in ((row.escalated, wanted.escalated), (row.forwarded_hr, wanted.forwarded_hr)):
        if word is not None:
            found.append(column.is_(None) if word == NONE else column.is_(word == YES))
    if wanted.analysed is not None:
        found.append(row.analysed_at.is_not(None) if wanted.analysed == YES else row.analysed_at.is_(None))
    if wanted.question_id is not None:
        found.append(_asks(row, session_questions.c.question_id == wanted.question_id))
    if wanted.stage is not None and at_stage:
        found.append(_stands_at(row, wanted))
    return found + [_says(row, word) for word in wanted.words]


def _asks(row: Any, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    asked = session_questions.c
    joined = session_questions.join(questions, questions.c.id == asked.question_id)
    return select(asked.session_id).select_from(joined).where(asked.session_id == row.id, condition).exists()


def _stands_at(row: Any, wanted: SessionFilter) -> ColumnElement[bool]:
    status = (
        select(_status.status)
        .where(_status.import_id == row.import_id, _status.stage == wanted.stage)
        .scalar_subquery()
    )
    return func.coalesce(status, StageStatus.PENDING.value) == wanted.status


def _says(row: Any, word: str) -> ColumnElement[bool]:
    return or_(
        row.summary.icontains(word, autoescape=True), _asks(row, questions.c.content.icontains(word, autoescape=True))
    )
