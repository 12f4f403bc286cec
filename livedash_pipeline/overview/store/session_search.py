"""Finds sessions for people: a page at a time, newest first, by what an index serves and by looking at a bounded number of rows.

First the keys of a page are found, by a walk of `overview.rules.session_search`; then what is shown of these few is read.
Add a filter in
`overview.store.session_conditions`. Summaries are texts: they are read for callers who may read texts, and for nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    func,
    literal,
    select,
    true,
    tuple_,
)

from livedash_pipeline.base.rules.ids import read_id
from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    companies,
    session_imports,
    session_processing_status,
    session_questions,
    sessions,
)
from livedash_pipeline.overview.rules.session_search import RARE, SessionFilter, Walk
from livedash_pipeline.overview.store.session_conditions import at_stage_rows, conditions, in_time, looked_at

_status = session_processing_status.c
_imports = session_imports.c


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the time of a session and its id, or an import alone."""

    id: UUID
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundKeys:
    """The imports of a page in their order.

    Attributes:
        imports: Their ids and places; one more than a page has where there is a next one.
        stopped_at: The last row that was looked at, where the search stopped before the end.
    """

    imports: Sequence[tuple[UUID, Place]]
    stopped_at: Place | None = None


@dataclass(frozen=True, slots=True)
class FoundSession:
    """What a list shows of a session; before SESSION_CREATION there is only its import. `summary` is None for most callers."""

    import_id: UUID
    session_id: UUID | None
    company: str
    time_zone: str
    external_session_id: str
    start_time: datetime
    duration_seconds: int | None
    messages: int | None
    language: str | None
    sentiment: str | None
    category: str | None
    escalated: bool | None
    forwarded_hr: bool | None
    analysed_at: datetime | None
    erased_at: datetime | None
    summary: str | None


def is_rare(connection: Connection, wanted: SessionFilter, walk: Walk) -> bool:
    """Whether at most `RARE` sessions ask a question, or stand at a stage, whatever their company."""
    if walk is Walk.QUESTION:
        rows = select(session_questions.c.session_id).where(session_questions.c.question_id == wanted.question_id)
    else:
        rows = select(_status.import_id).where(*at_stage_rows(wanted))
    counted = select(func.count()).select_from(rows.limit(RARE + 1).subquery())
    return int(connection.execute(counted).scalar_one()) <= RARE


def find_keys(
    connection: Connection,
    wanted: SessionFilter,
    walk: Walk,
    *,
    company_id: UUID | None,
    after: Place | None,
    limit: int,
) -> FoundKeys:
    """Finds the sessions of a page.

    Args:
        connection: To our database, in a transaction that does nothing else.
        wanted: What a session has to be.
        walk: The order, as `choose_walk` chose it.
        company_id: Only this company's.
        after: Where the page before ended.
        limit: The most that are returned.
    """
    if walk in (Walk.TIME, Walk.STAGE):
        connection.execute(statement("overview/walk_by_index"))
    find = {Walk.NAME: _by_name, Walk.QUESTION: _by_question, Walk.STAGE: _by_stage, Walk.TIME: _by_time}[walk]
    return find(connection, wanted, company_id, after, limit)


def read_found(connection: Connection, import_ids: Sequence[UUID], *, show_text: bool) -> list[FoundSession]:
    """Reads what is shown of some sessions, in the order of the ids."""
    row = sessions.c
    query = (
        select(
            _imports.id.label("import_id"),
            row.id.label("session_id"),
            companies.c.slug.label("company"),
            companies.c.time_zone,
            _imports.external_session_id,
            func.coalesce(row.start_time, _imports.start_time).label("start_time"),
            row.duration_seconds,
            row.messages_sent.label("messages"),
            row.language,
            row.sentiment,
            row.category,
            row.escalated,
            row.forwarded_hr,
            row.analysed_at,
            _imports.erased_at,
            (row.summary if show_text else literal(None)).label("summary"),
        )
        .join(companies, companies.c.id == _imports.company_id)
        .outerjoin(sessions, row.import_id == _imports.id)
        .where(_imports.id.in_(import_ids))
    )
    found = {each["import_id"]: FoundSession(**each) for each in connection.execute(query).mappings()}
    # One that was deleted since its key was found is left out.
    return [found[each] for each in import_ids if each in found]


def stage_statuses(connection: Connection, import_ids: Sequence[UUID]) -> dict[UUID, dict[str, StageStatus]]:
    """Statuses of some imports by stage, as far as there are rows."""
    query = select(_status.import_id, _status.stage, _status.status).where(_status.import_id.in_(import_ids))
    found: dict[UUID, dict[str, StageStatus]] = {each: {} for each in import_ids}
    for import_id, stage, status in connection.execute(query):
        found[import_id][stage] = StageStatus(status)
    return found


def _by_time(
    connection: Connection, wanted: SessionFilter, company_id: UUID | None, after: Place | None, limit: int
) -> FoundKeys:
    """Walks the sessions from the newest on; only so many of them are looked at, where looking is needed."""
    row = sessions.c
    query = _from_newest(company_id, after, looked_at(wanted)).where(*in_time(wanted, row.start_time, row.company_id))
    if not wanted.looks:
        return FoundKeys(_placed(connection, query.limit(limit)))
    walked = query.limit(wanted.look_through).subquery("walked")
    order = (walked.c.start_time.desc(), walked.c.id.desc())
    found = _placed(connection, _keys(walked).where(*conditions(wanted, walked.c)).order_by(*order).limit(limit))
    if len(found) == limit:
        return FoundKeys(found)
    last = query.with_only_columns(row.start_time, row.id).offset(wanted.look_through - 1).limit(1)
    stopped = connection.execute(last).one_or_none()
    return FoundKeys(found, None if stopped is None else Place(stopped.id, stopped.start_time))


def _from_newest(company_id: UUID | None, after: Place | None, columns: list[ColumnElement[Any]]) -> Select[Any]:
    """Sessions from the newest on, or from a place on.

    A company is given as a range of one value: with an equality the planner may walk all sessions and leave out those of other
    companies, of which there can be a million before the first of this one.
    """
    row = sessions.c
    query = select(*columns)
    if company_id is None:
        if after is not None and after.at is not None:
            query = query.where(tuple_(row.start_time, row.id) < tuple_(literal(after.at), literal(after.id)))
        return query.order_by(row.start_time.desc(), row.id.desc())
    query = query.where(row.company_id >= company_id, row.company_id <= company_id)
    if after is not None and after.at is not None:
        place = tuple_(literal(company_id), literal(after.at), literal(after.id))
        query = query.where(tuple_(row.company_id, row.start_time, row.id) < place)
    return query.order_by(row.company_id.desc(), row.start_time.desc(), row.id.desc())


def _by_question(
    connection: Connection, wanted: SessionFilter, company_id: UUID | None, after: Place | None, limit: int
) -> FoundKeys:
    """Finds the few sessions of a question, and sorts them."""
    row = sessions.c
    query = (
        _keys(sessions)
        .join(session_questions, session_questions.c.session_id == row.id)
        .where(session_questions.c.question_id == wanted.question_id)
        .where(*in_time(wanted, row.start_time, row.company_id), *conditions(replace(wanted, question_id=None), row))
        .order_by(row.start_time.desc(), row.id.desc())
        .limit(limit)
    )
    if company_id is not None:
        query = query.where(row.company_id == company_id)
    if after is not None and after.at is not None:
        query = query.where(tuple_(row.start_time, row.id) < tuple_(literal(after.at), literal(after.id)))
    return FoundKeys(_placed(connection, query))


def _by_stage(
    connection: Connection, wanted: SessionFilter, company_id: UUID | None, after: Place | None, limit: int
) -> FoundKeys:
    """Walks the rows at a stage, from the newest import on, whether there is a session yet or not."""
    query = select(_status.import_id).where(*at_stage_rows(wanted)).order_by(_status.import_id.desc())
    if after is not None:
        query = query.where(_status.import_id < after.id)
    walked = query.limit(wanted.look_through).subquery("walked")
    # One by one, in the order of the walk: joined as a whole, all imports would be read. OFFSET keeps it so.
    imported = select(session_imports).where(_imports.id == walked.c.import_id).offset(0).lateral("imported")
    session = select(sessions).where(sessions.c.import_id == walked.c.import_id).offset(0).lateral("session")
    start = func.coalesce(session.c.start_time, imported.c.start_time)
    keys = (
        select(walked.c.import_id)
        .select_from(walked.join(imported, true()).outerjoin(session, true()))
        .where(*in_time(wanted, start, imported.c.company_id), *conditions(wanted, session.c, at_stage=False))
        .order_by(walked.c.import_id.desc())
        .limit(limit)
    )
    if company_id is not None:
        keys = keys.where(imported.c.company_id == company_id)
    found = [(each, Place(each)) for each in connection.execute(keys).scalars()]
    if len(found) == limit:
        return FoundKeys(found)
    stopped = connection.execute(query.offset(wanted.look_through - 1).limit(1)).scalar_one_or_none()
    return FoundKeys(found, None if stopped is None else Place(stopped))


def _by_name(
    connection: Connection, wanted: SessionFilter, company_id: UUID | None, after: Place | None, limit: int
) -> FoundKeys:
    """Finds the sessions that a text names, and those of them that fit."""
    start = func.coalesce(sessions.c.start_time, _imports.start_time)
    keys = (
        select(_imports.id)
        .outerjoin(sessions, sessions.c.import_id == _imports.id)
        .where(_imports.id.in_(_named(connection, wanted.name or "", company_id)))
        .where(*in_time(wanted, start, _imports.company_id), *conditions(wanted, sessions.c))
        .order_by(_imports.id.desc())
        .limit(limit)
    )
    if company_id is not None:
        keys = keys.where(_imports.company_id == company_id)
    if after is not None:
        keys = keys.where(_imports.id < after.id)
    return FoundKeys([(each, Place(each)) for each in connection.execute(keys).scalars()])


def _named(connection: Connection, name: str, company_id: UUID | None) -> list[UUID]:
    """Imports that a text names: by our ids, or by those of companies, each of which is asked by an index of its own."""
    of_company = (
        select(_imports.id)
        .where(_imports.company_id == companies.c.id, _imports.external_session_id == name)
        .offset(0)
        .lateral("of_company")
    )
    query = select(of_company.c.id).select_from(companies.join(of_company, true()))
    if company_id is not None:
        query = query.where(companies.c.id == company_id)
    found = list(connection.execute(query).scalars())
    some_id = read_id(name)
    if some_id is not None:
        found.append(some_id)
        found += connection.execute(select(sessions.c.import_id).where(sessions.c.id == some_id)).scalars()
    return found


def _keys(walked: FromClause) -> Select[Any]:
    return select(walked.c.id, walked.c.import_id, walked.c.start_time)


def _placed(connection: Connection, query: Select[Any]) -> list[tuple[UUID, Place]]:
    return [(row.import_id, Place(row.id, row.start_time)) for row in connection.execute(query)]
