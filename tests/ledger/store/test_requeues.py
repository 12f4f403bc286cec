"""The statement that requeues takes the requests that `requeue_obstacle` lets pass, over all that either looks at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, insert, select, text

from livedash_pipeline.base.rules.states import OPEN_REQUESTS, RequestStatus
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import ai_processing_requests
from livedash_pipeline.ledger.rules.admission.requeue import AskedRequest, RequeueObstacle, requeue_obstacle
from tests.conftest import NOW
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.rows import insert_company, insert_sessions

KIND, ANOTHER_KIND = "session_analysis", "chat_turn"
# By how many seconds the other request was made later, and whether its id is the greater one.
PLACES = tuple(product((-1, 0, 1), (False, True)))


@dataclass(frozen=True)
class Case:
    """A request, what its subject is, and another request about it; `other` is its status, None without one."""

    status: RequestStatus
    is_requeueable: bool
    other: RequestStatus | None
    place: tuple[int, bool] = (0, False)
    other_kind: str = KIND

    def requests(self) -> tuple[AskedRequest, AskedRequest | None]:
        later, is_greater = self.place
        low, high = sorted((uuid4(), uuid4()))
        own, others = (low, high) if is_greater else (high, low)
        asked = AskedRequest(own, NOW, self.status)
        if self.other is None:
            return asked, None
        return asked, AskedRequest(others, NOW + timedelta(seconds=later), self.other)


def cases() -> Iterator[Case]:
    for status, is_requeueable in product(RequestStatus, (False, True)):
        yield Case(status, is_requeueable, None)
        for other, place, kind in product(RequestStatus, PLACES, (KIND, ANOTHER_KIND)):
            # An index lets one request of a subject be open at most.
            if not (kind == KIND and {status, other} <= set(OPEN_REQUESTS)):
                yield Case(status, is_requeueable, other, place, kind)


def row_of(request: AskedRequest, session_id: UUID, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    in_batch = request.status is RequestStatus.BATCHING_IN_PROGRESS
    return given | {
        "id": request.id,
        "session_id": session_id,
        "processing_type": kind,
        "processing_status": request.status,
        "requested_at": request.requested_at,
        "batch_id": given["batch_id"] if in_batch else None,
        "completed_at": None if request.status in OPEN_REQUESTS else NOW + timedelta(seconds=2),
    }


def analysed(connection: Connection, session_ids: list[UUID]) -> None:
    """Their analysis is complete, so that nobody waits for another answer."""
    connection.execute(
        text(
            "INSERT INTO session_processing_status (import_id, stage, status)"
            " SELECT import_id, 'AI_ANALYSIS', 'COMPLETED' FROM sessions WHERE id = ANY(:ids)"
        ),
        {"ids": session_ids},
    )


def test_the_statement_is_the_rule(engine: Engine) -> None:
    with engine.begin() as connection:
        company = insert_company(connection)
    batch_id = insert_batch(engine, company, None)
    given = {"company_id": company.id, "model": "m", "prompt_version": "p", "transcript_hash": "t", "input_hash": "i"}
    given |= {"body_bytes": 1, "token_estimate": 1, "max_output_tokens": 1, "updated_at": NOW, "batch_id": batch_id}
    expected: dict[UUID, RequeueObstacle | None] = {}
    rows = []
    with engine.begin() as connection:
        every = list(cases())
        session_ids = insert_sessions(connection, company, [()] * len(every))
        analysed(connection, [each for each, case in zip(session_ids, every, strict=True) if not case.is_requeueable])
        for session_id, case in zip(session_ids, every, strict=True):
            asked, other = case.requests()
            rows.append(row_of(asked, session_id, KIND, given))
            if other is not None:
                rows.append(row_of(other, session_id, case.other_kind, given))
            of_kind = [other] if other is not None and case.other_kind == KIND else []
            expected[asked.id] = requeue_obstacle(asked, of_kind, subject_is_requeueable=case.is_requeueable)
        connection.execute(insert(ai_processing_requests), rows)
        values = {"request_ids": list(expected), "now": NOW, "dry_run": False, "company_id": None}
        found = connection.execute(statement("ledger/requeue_requests"), values).one()
    free = {each for each, obstacle in expected.items() if obstacle is None}
    assert set(expected.values()) == {None, *RequeueObstacle}
    assert (found.asked, found.found) == (len(every), len(every))
    assert {UUID(each) for each in found.eligible[KIND]} == free
    with engine.connect() as connection:
        table = ai_processing_requests.c
        after = {row.id: row.processing_status for row in connection.execute(select(table.id, table.processing_status))}
    waiting = {row["id"] for row in rows if row["processing_status"] is RequestStatus.PENDING_BATCHING} | free
    assert {each for each, status in after.items() if status == RequestStatus.PENDING_BATCHING} == waiting
