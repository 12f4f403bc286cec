"""Searches of sessions, against a filter in Python over random sessions; every page of every walk."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, update

from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.tables import session_imports, session_processing_status, sessions
from livedash_pipeline.overview.rules.session_search import SessionFilter, Walk, choose_walk, read_search
from livedash_pipeline.overview.store import session_search as search
from livedash_pipeline.overview.store.session_search import Place
from tests.conftest import NOW
from tests.support.drawn_sessions import ZONES, Made, draw_sessions, have_companies, store
from tests.support.rows import CHAT, insert_company, insert_sessions


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection


def walk_all(
    connection: Connection,
    given: Mapping[str, str],
    *,
    company_id: UUID | None = None,
    walk: Walk | None = None,
    limit: int = 3,
    look_through: int | None = None,
) -> list[UUID]:
    """Ids of the imports of all pages."""
    wanted, faults = read_search(given)
    assert faults == []
    if look_through is not None:
        wanted = _Impatient(**{name: getattr(wanted, name) for name in wanted.__slots__})
    chosen = walk or choose_walk(wanted, is_rare=lambda each: search.is_rare(connection, wanted, each))
    found: list[UUID] = []
    after: Place | None = None
    for _ in range(200):
        keys = search.find_keys(connection, wanted, chosen, company_id=company_id, after=after, limit=limit + 1)
        page = keys.imports[:limit]
        found += [import_id for import_id, _ in page]
        if len(keys.imports) > limit:
            after = page[-1][1]
        elif keys.stopped_at is not None:
            after = keys.stopped_at
        else:
            return found
    raise AssertionError("the search never ends")


class _Impatient(SessionFilter):
    """Stops after four rows."""

    @property
    def look_through(self) -> int:
        return 4


def _options(draw: random.Random, made: list[Made]) -> dict[str, str]:
    """A random search."""
    day = draw.choice(made).day.isoformat() if made else "2024-10-01"
    possible = {
        "from": f"{day}T{draw.randint(0, 23):02}:30",
        "to": draw.choice(made).day.isoformat() if made else "2024-12-31",
        "language": draw.choice(("nl", "fil", "none")),
        "category": draw.choice(("onboarding", "none")),
        "sentiment": draw.choice(("positive", "none")),
        "escalated": draw.choice(("yes", "no", "none")),
        "hr": draw.choice(("yes", "no", "none")),
        "analysed": draw.choice(("yes", "no")),
    }
    chosen = {name: possible[name] for name in draw.sample(list(possible), draw.randint(0, 2))}
    if chosen.get("from", "") > chosen.get("to", "9999"):
        del chosen["to"]
    return chosen


def _fits(made: Made, wanted: SessionFilter, question: int | None) -> bool:
    local = made.start.astimezone(ZoneInfo(made.zone)).replace(tzinfo=None)
    flags = {True: "yes", False: "no", None: "none"}
    return (
        (wanted.since is None or local >= wanted.since)
        and (wanted.until is None or local < wanted.until)
        and wanted.language in (None, made.language or "none")
        and wanted.category in (None, (made.category or "none").lower())
        and wanted.sentiment in (None, (made.sentiment or "none").lower())
        and wanted.escalated in (None, flags[made.escalated])
        and wanted.forwarded_hr in (None, flags[made.forwarded_hr])
        and wanted.analysed in (None, flags[made.analysed])
        and (question is None or question in made.questions)
    )


# One database for all examples: each is rolled back.
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), chosen=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3))
def test_a_search_finds_what_python_filters(connection: Connection, seed: int, chosen: list[str]) -> None:
    draw = random.Random(seed)
    connection.rollback()
    zones = {f"company-{number}": zone for number, zone in enumerate(chosen)}
    owners = have_companies(connection, zones)
    made = draw_sessions(draw, zones, draw.randint(0, 40))
    asked = store(connection, made, owners)
    imports = {row.id: row.import_id for row in connection.execute(sessions.select())}
    for _ in range(6):
        given, slug = _options(draw, made), draw.choice((None, *zones))
        question = draw.choice((None, 0, 1)) if slug else None
        wanted = given | ({"question": str(asked[slug, question])} if slug and question is not None else {})
        read, _ = read_search(given)
        fitting = [each for each in made if slug in (None, each.company) and _fits(each, read, question)]
        fitting.sort(key=lambda each: (each.start, each.id), reverse=True)
        company_id = None if slug is None else owners[slug].id
        expected = [imports[each.id] for each in fitting]
        for walk in {Walk.TIME, Walk.QUESTION if question is not None else Walk.TIME}:
            assert walk_all(connection, wanted, company_id=company_id, walk=walk) == expected
            assert walk_all(connection, wanted, company_id=company_id, walk=walk, look_through=4) == expected
    connection.rollback()


@pytest.fixture
def acme(connection: Connection) -> Company:
    return insert_company(connection)


def add(connection: Connection, company: Company, count: int, **values: Any) -> list[UUID]:
    """Sessions with some columns set; ids of their imports."""
    made = insert_sessions(connection, company, [CHAT] * count)
    if values:
        connection.execute(update(sessions).where(sessions.c.id.in_(made)).values(**values))
    rows = connection.execute(sessions.select().where(sessions.c.id.in_(made)))
    found = {row.id: row.import_id for row in rows}
    return [found[each] for each in made]


def stand(connection: Connection, import_id: UUID, stage: Stage, status: StageStatus) -> None:
    row = {"import_id": import_id, "stage": stage.value}
    table = session_processing_status
    deleted = table.delete().where(table.c.import_id == import_id, table.c.stage == stage.value)
    connection.execute(deleted)
    connection.execute(insert(table), row | {"status": status.value})


def add_import(connection: Connection, company: Company, external_id: str) -> UUID:
    """An import without a session."""
    row = {
        "company_id": company.id, "external_session_id": external_id, "start_time_raw": "", "start_time": NOW,
        "end_time": NOW, "content_hash": "row", "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    made: UUID = connection.execute(insert(session_imports).values(**row).returning(session_imports.c.id)).scalar_one()
    return made


@pytest.mark.parametrize("look_through", [None, 4])
def test_a_stage_finds_sessions_that_were_never_created(
    connection: Connection, acme: Company, look_through: int | None
) -> None:
    globex = insert_company(connection, "globex")
    made = [add_import(connection, acme, f"a-{number}") for number in range(6)]
    others = [add_import(connection, globex, f"b-{number}") for number in range(7)]
    for each in (*made, *others):
        stand(connection, each, Stage.TRANSCRIPT_FETCH, StageStatus.FAILED)
    given = {"stage": "transcript_fetch", "status": "failed"}
    everything = walk_all(connection, given, look_through=look_through)
    assert everything == sorted([*made, *others], reverse=True)
    found = walk_all(connection, given, company_id=acme.id, look_through=look_through)
    assert found == sorted(made, reverse=True)
    assert walk_all(connection, given | {"language": "nl"}, look_through=look_through) == []
    assert walk_all(connection, given | {"language": "none", "from": "2025-05-02"}, look_through=look_through) == []


@pytest.mark.parametrize("walk", [Walk.TIME, Walk.STAGE])
def test_a_stage_after_the_session_is_found_by_both_walks(connection: Connection, acme: Company, walk: Walk) -> None:
    made = add(connection, acme, 5)
    for each in made[:3]:
        stand(connection, each, Stage.AI_ANALYSIS, StageStatus.FAILED)
    found = walk_all(connection, {"stage": "ai_analysis", "status": "failed"}, walk=walk)
    assert sorted(found) == sorted(made[:3])


def test_a_stage_without_a_row_is_pending(connection: Connection, acme: Company) -> None:
    made = add(connection, acme, 3)
    stand(connection, made[0], Stage.AI_ANALYSIS, StageStatus.COMPLETED)
    assert sorted(walk_all(connection, {"stage": "ai_analysis", "status": "pending"})) == sorted(made[1:])
    assert walk_all(connection, {"stage": "ai_analysis", "status": "completed"}) == made[:1]


def test_an_id_is_ours_or_the_companys(connection: Connection, acme: Company) -> None:
    globex = insert_company(connection, "globex")
    (one,) = add(connection, acme, 1)
    session_id = connection.execute(sessions.select().where(sessions.c.import_id == one)).one().id
    same = [add_import(connection, owner, "chat-4711") for owner in (acme, globex)]
    for name in (str(one), str(session_id), session_id.hex.upper()):
        assert walk_all(connection, {"id": name}) == [one]
        assert walk_all(connection, {"id": name}, company_id=globex.id) == []
    assert walk_all(connection, {"id": "chat-4711"}, limit=1) == sorted(same, reverse=True)
    assert walk_all(connection, {"id": "chat-4711"}, company_id=globex.id) == [same[1]]
    assert walk_all(connection, {"id": "chat-471"}) == []
    assert walk_all(connection, {"id": "chat-4711", "language": "nl"}) == []


def test_words_are_found_in_summaries_and_questions(connection: Connection, acme: Company) -> None:
    (summarised,) = add(connection, acme, 1, summary="About 100% of the ROSTER_plan.")
    (asking, *_) = add(connection, acme, 2)
    question = store(connection, [], {"acme": acme})["acme", 1]
    session_id = connection.execute(sessions.select().where(sessions.c.import_id == asking)).one().id
    from livedash_pipeline.base.store.tables import session_questions

    connection.execute(insert(session_questions).values(session_id=session_id, position=0, question_id=question))
    assert walk_all(connection, {"words": "roster_PLAN 100%"}) == [summarised]
    assert walk_all(connection, {"words": "rosterxplan"}) == []
    assert walk_all(connection, {"words": "question 1?"}) == [asking]
    assert walk_all(connection, {"words": "question roster"}) == []


def test_a_page_shows_summaries_only_where_it_may(connection: Connection, acme: Company) -> None:
    (with_summary,) = add(connection, acme, 1, summary="A summary.")
    without = add_import(connection, acme, "x")
    for show_text, summary in ((True, "A summary."), (False, None)):
        first, second = search.read_found(connection, [with_summary, without], show_text=show_text)
        assert (first.summary, second.summary) == (summary, None)
        assert (second.session_id, second.start_time, second.company) == (None, NOW, "acme")
    statuses = search.stage_statuses(connection, [with_summary, without])
    assert statuses[with_summary]["CSV_IMPORT"] is StageStatus.COMPLETED
    assert statuses[without] == {}


def test_what_is_rare_is_counted_to_a_limit(
    connection: Connection, acme: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in add(connection, acme, 3):
        stand(connection, each, Stage.AI_ANALYSIS, StageStatus.FAILED)
    wanted, _ = read_search({"stage": "ai_analysis", "status": "failed"})
    asking = replace(wanted, question_id=UUID(int=1))
    assert search.is_rare(connection, wanted, Walk.STAGE)
    assert search.is_rare(connection, asking, Walk.QUESTION)
    monkeypatch.setattr(search, "RARE", 2)
    assert not search.is_rare(connection, wanted, Walk.STAGE)


def test_times_are_those_of_each_company(connection: Connection) -> None:
    owners = have_companies(connection, {"acme": "Pacific/Kiritimati", "globex": "Etc/GMT+12"})
    late = add(connection, owners["acme"], 1, start_time=datetime.fromisoformat("2025-05-01T10:30:00Z"))
    early = add(connection, owners["globex"], 1, start_time=datetime.fromisoformat("2025-05-01T11:30:00Z"))
    assert walk_all(connection, {"from": "2025-05-02"}) == late
    assert walk_all(connection, {"to": "2025-04-30"}) == early
