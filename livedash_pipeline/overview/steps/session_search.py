"""Searches sessions for people: checks what is asked, finds a page, and says where each session stands.

Add nothing that reads texts beyond summaries; `overview.steps.session_report` describes one session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.cursors import make_cursor, make_moment_cursor, read_cursor, read_moment_cursor
from livedash_pipeline.base.rules.states import StageStatus
from livedash_pipeline.base.steps.pages import cut_page, page_start
from livedash_pipeline.base.store.companies import optional_company_id
from livedash_pipeline.base.store.stages import stage_names
from livedash_pipeline.overview.rules.session_search import (
    SearchFault,
    SessionFilter,
    Walk,
    choose_walk,
    first_open,
    read_search,
    search_key,
)
from livedash_pipeline.overview.store import session_search as store
from livedash_pipeline.overview.store.session_search import FoundSession, Place


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session of a page, and the first of its stages that is not over, or the last one."""

    found: FoundSession
    stage: str
    status: StageStatus


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of sessions.

    Attributes:
        sessions: In the order of the walk.
        next_cursor: Where the next page begins; None on the last one.
        looked_through: Rows that were looked at, where the search stopped before it had a page; it goes on at `next_cursor`.
        walk: The order.
        stages: All stages in their order.
        faults: What of the search was not understood; it counts as not given.
    """

    sessions: list[ListedSession]
    next_cursor: str | None
    looked_through: int | None
    walk: Walk
    stages: tuple[str, ...]
    faults: list[SearchFault]


def search_sessions(
    engine: Engine,
    given: Mapping[str, str],
    *,
    company: str | None,
    cursor: str | None,
    limit: int,
    show_text: bool = False,
) -> SessionPage:
    """Searches sessions.

    Args:
        engine: Our database.
        given: Texts by the names of `overview.rules.session_search.PARAMETERS`.
        company: Only this company's.
        cursor: `next_cursor` of the page before.
        limit: The most sessions of a page.
        show_text: With summaries, and with words that are looked for in texts.

    Raises:
        UsageError: Unknown company, or a cursor of another search.
    """
    wanted, faults = read_search(given)
    if not show_text:
        wanted = replace(wanted, words=())
    with engine.connect() as connection:
        company_id = optional_company_id(connection, company)
        stages = tuple(stage_names(connection))
        wanted = _known_stage(wanted, stages, faults)
        if faults:
            return SessionPage([], None, None, Walk.TIME, stages, faults)
        walk = choose_walk(wanted, is_rare=lambda walk: store.is_rare(connection, wanted, walk))
        after = _place(wanted, walk, company, cursor, limit)
        keys = store.find_keys(connection, wanted, walk, company_id=company_id, after=after, limit=limit + 1)
        page, following = cut_page(keys.imports, limit, lambda key: _cursor(key[1], wanted, walk, company))
        listed = _listed(connection, [import_id for import_id, _ in page], stages, show_text=show_text)
    stopped = keys.stopped_at
    if stopped is not None:
        following = _cursor(stopped, wanted, walk, company)
    return SessionPage(listed, following, None if stopped is None else wanted.look_through, walk, stages, faults)


def _known_stage(wanted: SessionFilter, stages: tuple[str, ...], faults: list[SearchFault]) -> SessionFilter:
    if wanted.stage is None or wanted.stage in stages:
        return wanted
    known = ", ".join(stages).lower()
    faults.append(SearchFault("stage", f"stage: {wanted.stage.lower()[:60]!r} is not one of {known}."))
    return replace(wanted, stage=None, status=None)


def _listed(
    connection: Connection, import_ids: list[UUID], stages: tuple[str, ...], *, show_text: bool
) -> list[ListedSession]:
    statuses = store.stage_statuses(connection, import_ids)
    found = store.read_found(connection, import_ids, show_text=show_text)
    return [ListedSession(each, *first_open(statuses[each.import_id], stages)) for each in found]


def _place(wanted: SessionFilter, walk: Walk, company: str | None, cursor: str | None, limit: int) -> Place | None:
    key = search_key(wanted, walk, company)
    if walk in (Walk.NAME, Walk.STAGE):
        only_id = page_start(cursor, key, limit=limit, read=read_cursor)
        return None if only_id is None else Place(only_id)
    found = page_start(cursor, key, limit=limit, read=read_moment_cursor)
    return None if found is None else Place(found[1], found[0])


def _cursor(place: Place, wanted: SessionFilter, walk: Walk, company: str | None) -> str:
    key = search_key(wanted, walk, company)
    return make_cursor(place.id, key) if place.at is None else make_moment_cursor(place.at, place.id, key)
