"""Kept sums of spending against the entries that they are of: the same after whatever happens, in whichever order."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.statements import statement, with_lists
from livedash_pipeline.ledger.steps.costs.spend_sums import bring_sums_up_to_date
from livedash_pipeline.ledger.store.admission.committed import committed_eur
from livedash_pipeline.ledger.store.costs.spend_sums import Summed, sum_changed_spend
from livedash_pipeline.overview.store.spend import differing_sums
from tests.conftest import NOW
from tests.support.rows import insert_company, insert_requests

_COLUMNS = """
    batch_id, company_id, model, processing_type, entry, outcome, part, incurred_at, is_in_flight, is_open, is_late, entries,
    requests, input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_usd, cost_eur, synchronous_usd, compared_usd,
    without_synchronous, reserved_eur, unlimited, set_aside_eur, charged_eur, unpriced
"""


# Both ways: a row too many in either is a difference.
_DIFFERENCES = with_lists(f"""
    WITH kept AS (SELECT {_COLUMNS} FROM ({statement("ledger/find_spend_sums").text}) AS sums),
    counted AS (SELECT {_COLUMNS} FROM ({statement("ledger/sum_spend_entries").text}) AS sums)
    (SELECT 'kept alone', * FROM (SELECT * FROM kept EXCEPT ALL SELECT * FROM counted) AS more)
    UNION ALL
    (SELECT 'counted alone', * FROM (SELECT * FROM counted EXCEPT ALL SELECT * FROM kept) AS less)
""")
_THERE = "SELECT id FROM ai_batch_requests UNION SELECT id FROM ai_processing_requests"
_CALLS_LATER = timedelta(hours=2)


def differences(connection: Connection) -> list[Any]:
    """Sums that are kept and not counted, or counted and not kept."""
    return list(connection.execute(_DIFFERENCES))


@pytest.fixture
def company(engine: Engine) -> Company:
    """A company without sessions."""
    with engine.begin() as connection:
        return insert_company(connection)


@dataclass
class History:
    """Random events of a ledger, each as the statements of the ledger write it."""

    connection: Connection
    company: Company
    draw: random.Random
    now: datetime = NOW
    batches: list[uuid.UUID] = field(default_factory=list)
    requests: list[uuid.UUID] = field(default_factory=list)

    def run(self, sql: str, **values: object) -> list[Any]:
        found = self.connection.execute(text(sql), {"now": self.now, "company": self.company.id, **values})
        return list(found) if found.returns_rows else []

    def one(self, sql: str) -> Any:
        """One of the rows of a query, or None."""
        rows = self.run(sql)
        return self.draw.choice(rows) if rows else None

    def cost(self) -> Decimal | None:
        return self.draw.choice([None, Decimal(0), Decimal(self.draw.randint(1, 99)).scaleb(-6)])

    def request(self) -> None:
        self.requests += insert_requests(self.connection, self.company, self.draw.randint(1, 3))

    def claim(self) -> None:
        """A batch with some requests, also some that were tried before."""
        (row,) = self.run("""
            INSERT INTO ai_batch_requests (
                company_id, model, endpoint, key_fingerprint, request_count, body_bytes, token_estimate, created_at,
                status_changed_at
            ) VALUES (:company, 'gpt-5-mini', 'e', 'k', 1, 1, 1, :now, :now) RETURNING id
        """)
        self.batches.append(row.id)
        for request in self.draw.sample(self.requests, min(len(self.requests), 3)):
            self.run(
                "INSERT INTO ai_request_attempts (request_id, batch_id, created_at, reserved_eur)"
                " VALUES (:request, :batch, :now, :reserved)",
                request=request,
                batch=row.id,
                reserved=self.cost(),
            )

    def settle(self) -> None:
        """All of a batch, or one call, with outcomes of their own."""
        batch = self.one("SELECT DISTINCT batch_id FROM ai_request_attempts WHERE outcome IS NULL")
        if batch is not None:
            self.run(
                """
                UPDATE ai_request_attempts SET
                    outcome = (ARRAY['parsed', 'truncated', 'missing', 'not_run', 'refused'])[1 + mod(seed, 5)],
                    settled_at = :now, prompt_tokens = CASE WHEN mod(seed, 3) > 0 THEN 9 END, total_cost_usd = :cost,
                    total_cost_eur = CASE WHEN mod(seed, 7) > 0 THEN CAST(:cost AS numeric) END
                FROM (SELECT id AS numbered, row_number() OVER () + :seed AS seed FROM ai_request_attempts) AS seeds
                WHERE numbered = id AND outcome IS NULL AND batch_id IS NOT DISTINCT FROM :batch
                """,
                batch=batch.batch_id,
                cost=self.cost(),
                seed=self.draw.randint(0, 99),
            )

    def late(self) -> None:
        found = self.one("""
            SELECT request_id, batch_id FROM ai_request_attempts AS tries WHERE outcome IS NOT NULL AND batch_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM ai_request_attempts AS late WHERE late.request_id = tries.request_id
                AND late.batch_id = tries.batch_id AND late.is_late)
        """)
        if found is not None:
            self.run(
                "INSERT INTO ai_request_attempts"
                " (request_id, batch_id, is_late, created_at, settled_at, outcome, total_cost_usd, total_cost_eur)"
                " VALUES (:request, :batch, true, :now, :now, 'parsed', :cost, :cost)",
                request=found.request_id,
                batch=found.batch_id,
                cost=self.cost(),
            )

    def call(self) -> None:
        if self.requests:
            self.run(
                "INSERT INTO ai_request_attempts (request_id, is_call, created_at, reserved_eur)"
                " VALUES (:request, true, :now, :reserved)",
                request=self.draw.choice(self.requests),
                reserved=self.cost(),
            )

    def adjust(self) -> None:
        """A backfill of what is open, what no line states, or what is taken back."""
        kind = self.draw.choice(["attempt", "batch", "back"])
        column, query = {
            "attempt": ("attempt_id", "SELECT entry_id FROM cost_entries WHERE is_open AND entry IN ('line', 'call')"),
            "batch": ("batch_id", "SELECT id AS entry_id FROM ai_batch_requests"),
            "back": (
                "adjustment_id",
                "SELECT id AS entry_id FROM ai_cost_adjustments AS a WHERE kind = 'backfill'"
                " AND attempt_id IN (SELECT id FROM ai_request_attempts WHERE batch_id IS NOT NULL)"
                " AND NOT EXISTS (SELECT FROM ai_cost_adjustments AS b WHERE b.adjustment_id = a.id)",
            ),
        }[kind]
        found = self.one(query)
        if found is not None:
            word = {"attempt": "backfill", "batch": "unattributed", "back": "taken_back"}[kind]
            self.run(
                "INSERT INTO ai_cost_adjustments"
                f" (kind, company_id, {column}, cost_usd, cost_eur, reason, incurred_at, created_at)"
                " VALUES (:kind, :company, :about, :cost, :cost, 'test', :now, :now)",
                kind=word,
                about=found.entry_id,
                cost=self.cost() if kind == "batch" else Decimal("0.5"),
            )

    def judge(self) -> None:
        """A failed answer that is judged again, and taken."""
        if self.requests:
            self.run(
                "UPDATE ai_processing_requests SET processing_status = :status, completed_at = :now WHERE id = :request",
                request=self.draw.choice(self.requests),
                status=self.draw.choice(["PROCESSING_COMPLETE", "PROCESSING_FAILED"]),
            )

    def submit(self) -> None:
        if self.batches:
            self.run(
                "UPDATE ai_batch_requests SET submitted_at = :now, processed_at = :now WHERE id = :batch",
                batch=self.draw.choice(self.batches),
            )

    def surplus(self) -> None:
        if self.batches:
            self.run(
                "INSERT INTO ai_surplus_batches (openai_batch_id, batch_id, endpoint, openai_status, found_at, ended_at,"
                " total_cost_usd, total_cost_eur) VALUES (:name, :batch, 'e', 'x', :now, :now, :cost, :cost)",
                name=str(self.draw.random()),
                batch=self.draw.choice(self.batches),
                cost=self.cost(),
            )

    def sum_up(self) -> None:
        sum_changed_spend(self.connection, now=self.now, most_entries=self.draw.choice([1, 100]))

    def pass_time(self) -> None:
        self.now += timedelta(minutes=self.draw.randint(1, 90))

    def step(self) -> None:
        """Something happens; a third of it is taken back."""
        events: list[Callable[[], None]] = [self.request, self.claim, self.settle, self.settle, self.late, self.call]
        events += [self.adjust, self.judge, self.submit, self.surplus, self.sum_up, self.sum_up, self.pass_time]
        with self.connection.begin_nested() as savepoint:
            for _ in range(self.draw.randint(1, 3)):
                self.draw.choice(events)()
            if self.draw.random() < 0.3:
                savepoint.rollback()


@pytest.mark.parametrize("seed", range(6))
def test_kept_sums_are_the_entries_whatever_happens(engine: Engine, company: Company, seed: int) -> None:
    with engine.connect() as connection:
        history = History(connection, company, random.Random(seed))
        history.request()
        for _ in range(40):
            history.step()
            # Of what was taken back nothing is known any more.
            there = {
                row.id
                for row in history.run("SELECT id FROM ai_batch_requests UNION SELECT id FROM ai_processing_requests")
            }
            history.batches = [each for each in history.batches if each in there]
            history.requests = [each for each in history.requests if each in there]
            assert differences(connection) == []
        assert history.run("SELECT FROM spend_sums")
        assert differing_sums(connection, now=history.now) == []


@pytest.fixture
def ledger(engine: Engine, company: Company) -> History:
    """A committed ledger with a settled batch, all of it summed."""
    with engine.begin() as connection:
        history = History(connection, company, random.Random(1))
        history.requests = insert_requests(connection, company, 2)
        history.claim()
    bring_sums_up_to_date(engine)
    return history


def _settled(connection: Connection, eur: str) -> None:
    values = "outcome = 'parsed', settled_at = :now, total_cost_usd = :eur, total_cost_eur = :eur"
    connection.execute(text(f"UPDATE ai_request_attempts SET {values}"), {"now": NOW, "eur": eur})


def test_sums_beside_a_settlement_that_has_not_committed_miss_nothing_of_it(engine: Engine, ledger: History) -> None:
    month = NOW.replace(day=1, hour=0, minute=0)
    with engine.connect() as settling:
        _settled(settling, "3")
        # Marked anew, so that there is something to sum beside it.
        with engine.begin() as other:
            other.execute(text("INSERT INTO spend_marks (batch_id) SELECT id FROM ai_batch_requests"))
        assert bring_sums_up_to_date(engine) == 1
        settling.commit()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM spend_marks")).scalar_one() > 0
        assert committed_eur(connection, ledger.company.id, since=month) == 6
        assert differences(connection) == []
    assert bring_sums_up_to_date(engine) == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM spend_marks")).scalar_one() == 0
        assert committed_eur(connection, ledger.company.id, since=month) == 6
        assert differences(connection) == []


@pytest.mark.usefixtures("ledger")
def test_one_transaction_sums_at_a_time(engine: Engine) -> None:
    with engine.begin() as connection:
        _settled(connection, "1")
    with engine.connect() as first, engine.connect() as second:
        assert sum_changed_spend(first, now=NOW, most_entries=10) == Summed(1, False)
        assert sum_changed_spend(second, now=NOW, most_entries=10) == Summed(0, False)
        assert differences(second) == []
        first.rollback()
        assert differences(second) == []


@pytest.mark.usefixtures("ledger")
def test_the_check_finds_a_sum_that_is_not_that_of_its_entries(engine: Engine) -> None:
    with engine.begin() as connection:
        _settled(connection, "1")
    bring_sums_up_to_date(engine)
    with engine.connect() as connection:
        assert differing_sums(connection, now=NOW) == []
        connection.execute(text("UPDATE spend_sums SET cost_eur = cost_eur - 0.000000000001"))
        (row,) = differing_sums(connection, now=NOW)
        assert row["stored_eur"] - row["shown_eur"] == row["counted_committed_eur"] - row["kept_committed_eur"] > 0


def test_batches_and_hours_are_compared_in_turn(engine: Engine, company: Company) -> None:
    with engine.begin() as connection:
        history = History(connection, company, random.Random(2))
        history.requests = insert_requests(connection, company, 3)
        for _ in range(3):
            history.claim()
            history.call()
            history.now += _CALLS_LATER
            history.settle()
            history.settle()
        connection.execute(text("UPDATE ai_batch_requests SET request_count = 100000"))
    bring_sums_up_to_date(engine)
    with engine.connect() as connection:
        connection.execute(text("UPDATE spend_sums SET reserved_eur = reserved_eur + 1, cost_eur = cost_eur + 1"))
        turns = [differing_sums(connection, now=NOW + timedelta(minutes=30) * turn) for turn in range(3)]
    batches = [{row["batch_id"] for row in rows if row["batch_id"]} for rows in turns]
    assert [len(found) for found in batches] == [1, 1, 1]
    assert len(set.union(*batches)) == 3
