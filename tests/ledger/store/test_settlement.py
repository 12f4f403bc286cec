"""Settling in SQL: equal to the rule in `base.rules.outcomes`, once per batch, and final for the ledger."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES, Disposition, Outcome, settle
from livedash_pipeline.base.rules.states import LIVE_BATCHES, RequestStatus
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.migrate import alembic_config, upgrade
from livedash_pipeline.base.store.statements import statement
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    ai_request_attempts,
    session_imports,
    session_processing_status,
    sessions,
)
from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.store.results import settlement
from livedash_pipeline.ledger.store.results.settlement import Allowances
from tests.conftest import NOW
from tests.ledger.store.test_states_in_database import insert_batch
from tests.support.rows import insert_company, insert_requests, rows_of, stage_counts

LATER = NOW + timedelta(hours=1)
STATUS = {
    Disposition.COMPLETE: RequestStatus.PROCESSING_COMPLETE,
    Disposition.FAILED: RequestStatus.PROCESSING_FAILED,
    Disposition.RELEASED: RequestStatus.PENDING_BATCHING,
}


@pytest.fixture
def company(engine: Engine) -> Company:
    with engine.begin() as connection:
        return insert_company(connection)


def batch_of(engine: Engine, company: Company, count: int, **values: Any) -> tuple[UUID, list[UUID]]:
    """A batch that has ended, with requests in flight; ids in order."""
    batch_id = insert_batch(engine, company, None, status="COMPLETED", remote_status="completed", **values)
    with engine.begin() as connection:
        ids = insert_requests(connection, company, count, processing_status="BATCHING_IN_PROGRESS", batch_id=batch_id)
        connection.execute(
            insert(ai_request_attempts),
            [{"request_id": each, "batch_id": batch_id, "created_at": NOW} for each in ids],
        )
        connection.execute(
            text(
                "INSERT INTO session_processing_status (import_id, stage, status, started_at)"
                " SELECT id, 'AI_ANALYSIS', 'IN_PROGRESS', :now FROM session_imports ON CONFLICT DO NOTHING"
            ),
            {"now": NOW},
        )
    return batch_id, ids


def stage(connection: Connection, rows: list[dict[str, Any]]) -> None:
    settlement.open_scratch(connection)
    columns = ("error_message", "prompt_tokens", "total_cost_usd", "raw_answer")
    for place, row in enumerate(rows):
        values = {"counted_release": False, "precedence": 0} | dict.fromkeys(columns) | row
        connection.execute(
            text(
                "INSERT INTO scratch_results (line_order, precedence, request_id, outcome, counted_release, error_message,"
                " prompt_tokens, total_cost_usd, total_cost_eur, raw_answer) VALUES (:place, :precedence, :request_id, :outcome,"
                " :counted_release, :error_message, :prompt_tokens, :total_cost_usd, :total_cost_usd, :raw_answer)"
            ),
            {"place": place} | values,
        )


def settle_rows(engine: Engine, batch_id: UUID, rows: list[dict[str, Any]]) -> dict[str, int]:
    with engine.begin() as connection:
        return settle_in(connection, batch_id, rows)


def settle_in(
    connection: Connection, batch_id: UUID, rows: list[dict[str, Any]], *, missing_is_failure: bool = False
) -> dict[str, int]:
    locked = settlement.lock_batch(connection, batch_id, KINDS)
    assert locked is not None
    stage(connection, rows)
    return settlement.settle(
        connection,
        locked,
        allowances=Allowances(3, 3),
        now=LATER,
        missing_is_failure=missing_is_failure,
    )


def test_the_statement_settles_as_the_rule_says(engine: Engine, company: Company) -> None:
    cases = list(product(Outcome, range(4), range(4), (False, True), (False, True)))
    batch_id, ids = batch_of(engine, company, len(cases))
    befores = [(attempts + releases) % 2 * 5 for _, attempts, releases, _, _ in cases]
    _count_tries(engine, ids, cases, befores)
    rows = [
        {"request_id": each, "outcome": outcome, "counted_release": counted}
        for each, (outcome, _, _, counted, _) in zip(ids, cases, strict=True)
    ]
    for maybe_paid, choice in product((False, True), (None, "pending", "failed")):
        stored = _settled(engine, batch_id, rows, missing_is_failure=maybe_paid, cancel=choice)
        for request_id, case, before in zip(ids, cases, befores, strict=True):
            outcome, attempts, releases, counted, is_erased = case
            expected = settle(
                outcome,
                attempts_used=attempts,
                releases_used=releases,
                counted_release=counted,
                max_attempts=3,
                max_releases=3,
                maybe_paid=maybe_paid,
                fails_unfinished=choice == "failed",
                is_erased=is_erased,
            )
            row, is_released = stored[request_id], expected.disposition is Disposition.RELEASED
            assert row.processing_status == STATUS[expected.disposition], (case, choice)
            assert row.attempts == before + attempts + expected.attempts_delta, case
            assert row.releases == before + releases + expected.releases_delta, case
            assert row.error_code == expected.error_code, (case, choice)
            assert (row.batch_id is None, row.completed_at is None) == (is_released, is_released), case


def _count_tries(engine: Engine, ids: list[UUID], cases: list[Any], befores: list[int]) -> None:
    requests = ai_processing_requests
    with engine.begin() as connection:
        for request_id, (_, attempts, releases, _, is_erased), before in zip(ids, cases, befores, strict=True):
            counts = {
                "attempts": attempts + before,
                "attempts_before_requeue": before,
                "releases": releases + before,
                "releases_before_requeue": before,
            }
            query = (
                update(requests).where(requests.c.id == request_id).values(**counts).returning(requests.c.session_id)
            )
            session_id = connection.execute(query).scalar_one()
            if is_erased:
                its_import = select(sessions.c.import_id).where(sessions.c.id == session_id).scalar_subquery()
                connection.execute(
                    update(session_imports).where(session_imports.c.id == its_import).values(erased_at=NOW)
                )


def _settled(
    engine: Engine, batch_id: UUID, rows: list[dict[str, Any]], *, missing_is_failure: bool, cancel: str | None
) -> dict[UUID, Any]:
    """All requests as a settlement leaves them, which is taken back."""
    with engine.connect() as connection:
        if cancel is not None:
            wish = update(ai_batch_requests).values(cancel_requested_at=NOW, cancel_unfinished=cancel)
            connection.execute(wish.where(ai_batch_requests.c.id == batch_id))
        counted = settle_in(connection, batch_id, rows, missing_is_failure=missing_is_failure)
        assert sum(counted.values()) == len(rows) and set(counted) == set(Outcome)
        return {row.id: row for row in connection.execute(select(ai_processing_requests))}


def test_a_choice_without_a_wish_to_cancel_means_nothing(engine: Engine, company: Company) -> None:
    batch_id, (request_id,) = batch_of(engine, company, 1, cancel_unfinished="failed")
    settle_rows(engine, batch_id, [{"request_id": request_id, "outcome": "not_run"}])
    assert rows_of(engine, ai_processing_requests)[0].processing_status == "PENDING_BATCHING"


def test_stages_follow_their_requests(engine: Engine, company: Company) -> None:
    batch_id, ids = batch_of(engine, company, 2)
    settle_rows(
        engine,
        batch_id,
        [
            {"request_id": ids[0], "outcome": "refused", "error_message": "I cannot."},
            {"request_id": ids[1], "outcome": "not_run"},
        ],
    )
    with engine.connect() as connection:
        assert stage_counts(connection, "AI_ANALYSIS") == {"FAILED": 1, "PENDING": 1}
        failed = connection.execute(
            select(session_processing_status).where(session_processing_status.c.status == "FAILED")
        ).one()
    assert (failed.error_message, failed.retry_count) == ("refused: I cannot.", 1)


def test_a_settled_attempt_never_changes(engine: Engine, company: Company) -> None:
    batch_id, (request_id,) = batch_of(engine, company, 1)
    settle_rows(engine, batch_id, [{"request_id": request_id, "outcome": "refused"}])
    for change in ({"outcome": "parsed"}, {"total_cost_eur": 1}, {"outcome": None, "settled_at": None}):
        with pytest.raises(DBAPIError, match="a settled attempt never changes"), engine.begin() as connection:
            connection.execute(update(ai_request_attempts).values(**change))
    (attempt,) = rows_of(engine, ai_request_attempts)
    assert (attempt.outcome, attempt.settled_at) == ("refused", LATER)


def test_the_former_schema_keeps_the_message_and_an_upgrade_erases_it(engine: Engine, company: Company) -> None:
    batch_id, (request_id,) = batch_of(engine, company, 1)
    settle_rows(engine, batch_id, [{"request_id": request_id, "outcome": "refused", "error_message": "I cannot."}])
    clear = text("UPDATE ai_request_attempts SET error_message = NULL")
    for erased, left in (("NULL", "I cannot."), ("now()", None)):
        with engine.connect() as connection:
            command.downgrade(alembic_config(connection), "0006_audit_retention")
        with pytest.raises(DBAPIError, match="a settled attempt never changes"), engine.begin() as connection:
            connection.execute(clear)
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE session_imports SET erased_at = {erased}"))
        upgrade(engine)
        assert rows_of(engine, ai_request_attempts)[0].error_message == left


def test_a_settled_attempt_may_lose_its_message_and_nothing_else(engine: Engine, company: Company) -> None:
    batch_id, (request_id,) = batch_of(engine, company, 1)
    settle_rows(engine, batch_id, [{"request_id": request_id, "outcome": "refused", "error_message": "I cannot."}])
    (before,) = rows_of(engine, ai_request_attempts)
    for change in (
        {"error_message": "Another."},
        {"error_message": ""},
        {"error_message": None, "outcome": "parsed"},
        {"error_message": None, "total_cost_eur": 1},
        {"error_message": None, "error_code": "x"},
    ):
        with pytest.raises(DBAPIError, match="a settled attempt never changes"), engine.begin() as connection:
            connection.execute(update(ai_request_attempts).values(**change))
    for _ in range(2):
        with engine.begin() as connection:
            connection.execute(update(ai_request_attempts).values(error_message=None))
    (after,) = rows_of(engine, ai_request_attempts)
    assert before.error_message == "I cannot."
    assert after._mapping == {**before._mapping, "error_message": None}


def test_a_settled_batch_is_not_settled_again(engine: Engine, company: Company) -> None:
    batch_id, (request_id,) = batch_of(engine, company, 1)
    settle_rows(engine, batch_id, [{"request_id": request_id, "outcome": "refused"}])
    with engine.begin() as connection:
        assert settlement.lock_batch(connection, batch_id, KINDS) is None
    (batch,) = rows_of(engine, ai_batch_requests)
    assert (batch.status, batch.processed_at) == ("PROCESSED", LATER)


def test_a_batch_that_goes_on_cannot_be_settled(engine: Engine, company: Company) -> None:
    for status in LIVE_BATCHES:
        batch_id = insert_batch(engine, company, None, status=status)
        with engine.begin() as connection:
            assert settlement.lock_batch(connection, batch_id, KINDS) is None


def test_a_batch_that_somebody_settles_is_passed_over(engine: Engine, company: Company) -> None:
    batch_id, _ = batch_of(engine, company, 1)
    with engine.begin() as first, engine.begin() as second:
        assert settlement.lock_batch(first, batch_id, KINDS) is not None
        assert settlement.lock_batch(second, batch_id, KINDS) is None


def test_of_several_lines_about_a_request_the_first_of_the_highest_precedence_counts(
    engine: Engine, company: Company
) -> None:
    batch_id, (request_id,) = batch_of(engine, company, 1)
    stranger = UUID(int=5)
    rows = [
        {"request_id": request_id, "outcome": "transient"},
        {"request_id": request_id, "outcome": "invalid_output", "precedence": 2},
        {"request_id": stranger, "outcome": "parsed", "precedence": 3},
        {"request_id": request_id, "outcome": "parsed", "precedence": 3},
        {"request_id": request_id, "outcome": "parsed", "precedence": 3},
    ]
    with engine.begin() as connection:
        stage(connection, rows)
        assert settlement.drop_repeated(connection, batch_id) == (1, 3)
        kept = connection.execute(text("SELECT line_order, request_id FROM scratch_results")).all()
    assert [tuple(row) for row in kept] == [(3, request_id)]


def test_every_request_without_a_line_gets_the_outcome_of_the_batch(engine: Engine, company: Company) -> None:
    batch_id, ids = batch_of(engine, company, 3)
    with engine.begin() as connection:
        stage(connection, [{"request_id": ids[1], "outcome": "parsed"}])
        staged = settlement.add_unanswered(
            connection, batch_id, Outcome.MISSING, error_code="missing", error_message=None
        )
        rows = connection.execute(text("SELECT request_id, outcome FROM scratch_results"))
        found = {row.request_id: row.outcome for row in rows}
    assert staged == 2
    assert found == {ids[0]: "missing", ids[1]: "parsed", ids[2]: "missing"}


def test_the_cost_of_a_batch_is_unknown_if_that_of_a_paid_answer_is(engine: Engine, company: Company) -> None:
    batch_id, ids = batch_of(engine, company, 2)
    cost = {"total_cost_usd": Decimal("0.5"), "prompt_tokens": 10}
    settle_rows(
        engine,
        batch_id,
        [{"request_id": ids[0], "outcome": "parsed"} | cost, {"request_id": ids[1], "outcome": "rejected"}],
    )
    other, (request_id,) = batch_of(engine, company, 1)
    # Without a count of tokens as well: the answer was charged all the same.
    settle_rows(engine, other, [{"request_id": request_id, "outcome": "truncated"}])
    with engine.connect() as connection:
        assert settlement.batch_cost(connection, batch_id) == Decimal("0.5")
        assert settlement.batch_cost(connection, other) is None
    assert Outcome.TRUNCATED in PAID_OUTCOMES


def test_refusals_in_as_many_words_as_lines_are_not_compared_one_by_one(engine: Engine) -> None:
    said = [f"No. (req_{number})" for number in range(2000)]
    release = statement("ledger/release_scratch_refusals")
    with engine.begin() as connection:
        settlement.open_scratch(connection)
        connection.execute(
            text(
                "INSERT INTO scratch_results (line_order, request_id, outcome, counted_release, error_message, http_status)"
                " SELECT 1, gen_random_uuid(), 'rejected', false, said, 400 FROM unnest(CAST(:said AS text[])) AS said"
            ),
            {"said": said},
        )
        connection.execute(text("ANALYZE scratch_results"))
        values = {"codes": [None] * len(said), "messages": said}
        plan = "\n".join(connection.execute(text(f"EXPLAIN {release.text}"), values).scalars())
        assert "Update on scratch_results" in plan and "Nested Loop" not in plan
        assert connection.execute(release, values).rowcount == len(said)
