"""The view of sessions that a claim and a requeue look at does what its rules specify, over all that they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from itertools import product
from uuid import UUID

from sqlalchemy import Connection, Engine, insert, select, text, update

from livedash_pipeline.analysis.rules import subjects
from livedash_pipeline.base.rules.states import Stage, StageStatus
from livedash_pipeline.base.store.tables import messages, session_imports, session_processing_status, sessions
from tests.conftest import NOW
from tests.support.rows import insert_company, insert_sessions

# None: there is no row.
_ROWS: tuple[StageStatus | None, ...] = (None, *StageStatus)
_EARLIER = (Stage.TRANSCRIPT_FETCH, Stage.SESSION_CREATION)


@dataclass(frozen=True)
class Case:
    """The rows of a session's stages, in the order of `STAGES`, and what became of its texts."""

    statuses: tuple[StageStatus | None, ...]
    is_stale: bool = False
    is_erased: bool = False
    # Whether the first message has kept its text; None without messages.
    keeps_first: bool | None = True

    STAGES = (*_EARLIER, Stage.AI_ANALYSIS, Stage.QUESTION_EXTRACTION)

    @property
    def earlier(self) -> list[StageStatus]:
        return [status for status in self.statuses[: len(_EARLIER)] if status is not None]

    @property
    def analysis(self) -> StageStatus:
        return self.statuses[len(_EARLIER)] or StageStatus.PENDING


def cases() -> Iterator[Case]:
    for statuses in product(_ROWS, repeat=len(Case.STAGES)):
        yield Case(statuses)
    texts = tuple(product((False, True), (False, True), (None, False, True)))
    for fetched, analysis, (is_stale, is_erased, keeps_first) in product(_ROWS, _ROWS, texts):
        yield Case((fetched, StageStatus.COMPLETED, analysis, None), is_stale, is_erased, keeps_first)


def store(connection: Connection, session_ids: list[UUID], every: list[Case]) -> None:
    of = {row.id: row.import_id for row in connection.execute(select(sessions.c.id, sessions.c.import_id))}
    connection.execute(session_processing_status.delete())
    connection.execute(messages.delete())
    rows: dict[str, list[dict[str, object]]] = {"stages": [], "messages": []}
    for session_id, case in zip(session_ids, every, strict=True):
        rows["stages"] += [
            {"import_id": of[session_id], "stage": stage, "status": status}
            for stage, status in zip(Case.STAGES, case.statuses, strict=True)
            if status is not None
        ]
        if case.keeps_first is not None:
            # Only the first message tells: ages are those of sessions, and all messages of one are pruned together.
            contents = ("Hello" if case.keeps_first else None, "Good day")
            rows["messages"] += [
                {"session_id": session_id, "position": place, "role": "user", "content": content}
                for place, content in enumerate(contents)
            ]
    connection.execute(insert(session_processing_status), rows["stages"])
    connection.execute(insert(messages), rows["messages"])
    erased = [of[each] for each, case in zip(session_ids, every, strict=True) if case.is_erased]
    stale = [each for each, case in zip(session_ids, every, strict=True) if case.is_stale]
    connection.execute(update(session_imports).where(session_imports.c.id.in_(erased)).values(erased_at=NOW))
    connection.execute(update(sessions).where(sessions.c.id.in_(stale)).values(stale=True))


def test_the_view_is_the_rules(engine: Engine) -> None:
    every = list(cases())
    with engine.connect() as connection:
        session_ids = insert_sessions(connection, insert_company(connection), [()] * len(every))
        store(connection, session_ids, every)

        def found(flag: str) -> Set[UUID]:
            query = text(f"SELECT subject_id FROM session_analysis_subjects WHERE {flag}")
            return set(connection.execute(query).scalars())

        def expected(rule: Callable[[Case], bool]) -> Set[UUID]:
            return {each for each, case in zip(session_ids, every, strict=True) if rule(case)}

        assert found("is_claimable") == expected(
            lambda case: subjects.is_claimable(case.earlier, is_stale=case.is_stale)
        )
        assert found("is_requeueable") == expected(
            lambda case: subjects.is_requeueable(
                case.earlier, case.analysis, is_erased=case.is_erased, is_pruned=case.keeps_first is False
            )
        )
        assert found("is_erased") == expected(lambda case: case.is_erased)
