"""Whoever is asked what something cost says the same amount, to the last digit: report, metrics, caps, lists and export."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, text

from livedash_pipeline.api.metrics import Metrics
from livedash_pipeline.base.rules.values import money
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_cost_adjustments,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
    chat_batches,
    chat_interactions,
    chats,
)
from livedash_pipeline.chats.steps.documents import list_document, show_document
from livedash_pipeline.chats.steps.results import open_results
from livedash_pipeline.chats.store.figures import company_figures
from livedash_pipeline.ledger.steps.batches.listing import list_batches
from livedash_pipeline.ledger.store.admission.committed import committed_eur, rooms_under
from livedash_pipeline.ledger.store.results.settlement import batch_cost
from livedash_pipeline.money.rules.caps import CompanyCaps, Period, caps_of
from livedash_pipeline.overview.rules.shares import cents
from livedash_pipeline.overview.rules.spend import Part
from livedash_pipeline.overview.steps import checks
from livedash_pipeline.overview.steps.caps import report_caps
from livedash_pipeline.overview.steps.export import export_analyses
from livedash_pipeline.overview.steps.figures import read_figures
from livedash_pipeline.overview.steps.inspections import describe_batch, describe_request
from livedash_pipeline.overview.steps.session_report import describe_session
from livedash_pipeline.overview.steps.spend import report_spend, spend_of_batches
from livedash_pipeline.overview.store.demo import batch_rows, chat_rows
from livedash_pipeline.overview.store.demo import read_figures as demo_figures
from livedash_pipeline.overview.store.spend import billed_days
from livedash_pipeline.settings import Settings
from tests.support.rows import insert_company, insert_requests

BATCH: dict[str, Any] = {
    "model": "gpt-5-mini", "endpoint": "e", "key_fingerprint": "k", "request_count": 9, "body_bytes": 1,
    "token_estimate": 1,
}  # fmt: skip
RATE = Decimal("0.9")


@dataclass
class Ledger:
    """Every kind of entry once, each of an amount of its own.

    Attributes:
        engine: The database that holds it.
        company: Whose money it is.
        usd: Dollars by the name of the entry.
        requests: Requests by the name of the entry.
        batches: Batches by name.
        chat_batch: The list of questions that a call answered.
    """

    engine: Engine
    company: Company
    usd: dict[str, Decimal] = field(default_factory=dict)
    requests: dict[str, uuid.UUID] = field(default_factory=dict)
    batches: dict[str, uuid.UUID] = field(default_factory=dict)
    chat_batch: uuid.UUID = field(default_factory=uuid.uuid4)

    def eur(self, *names: str) -> str | None:
        """Euro of some entries, as documents write them."""
        return money(sum((self.usd[name] * RATE for name in names), Decimal(0)))


class Writer:
    """Writes entries, which refer to whatever they like."""

    def __init__(self, connection: Connection, engine: Engine, company: Company) -> None:
        self._connection = connection
        self.ledger = Ledger(engine, company)
        self._now = database_now(connection)

    def cost(self, name: str) -> dict[str, Any]:
        """An amount that no other entry has, with as many digits as leave its euro exact."""
        usd = Decimal(10 ** (len(self.ledger.usd) % 8) * 7 + 10**11 + len(self.ledger.usd)).scaleb(-11)
        self.ledger.usd[name] = usd
        return {"total_cost_usd": usd, "usd_eur": RATE, "total_cost_eur": usd * RATE}

    def batch(self, name: str, hours: int = 2) -> uuid.UUID:
        """A batch, submitted some hours ago."""
        at = self._now - timedelta(hours=hours)
        query = insert(ai_batch_requests).returning(ai_batch_requests.c.id)
        row = BATCH | {
            "company_id": self.ledger.company.id,
            "created_at": at,
            "submitted_at": at,
            "status_changed_at": at,
        }
        made = uuid.UUID(str(self._connection.execute(query, row).scalar_one()))
        self.ledger.batches[name] = made
        return made

    def request(self, *names: str) -> uuid.UUID:
        """A request about a session; its entries are known by names."""
        (made,) = insert_requests(self._connection, self.ledger.company, processing_status="PROCESSING_FAILED")
        self.ledger.requests |= dict.fromkeys(names, made)
        return made

    def entry(self, request: uuid.UUID, batch: uuid.UUID | None, outcome: str | None, **values: Any) -> uuid.UUID:
        """A try of a request, settled now unless it has no outcome."""
        settled = self._now if outcome else None
        row = {
            "request_id": request,
            "batch_id": batch,
            "created_at": self._now,
            "settled_at": settled,
            "outcome": outcome,
        }
        query = insert(ai_request_attempts).returning(ai_request_attempts.c.id)
        made = self._connection.execute(query, row | {"reserved_eur": Decimal("0.5")} | values)
        return uuid.UUID(str(made.scalar_one()))

    def adjust(self, name: str, kind: str, **about: Any) -> None:
        """What is added beside the ledger."""
        cost = self.cost(name)
        row = {"cost_usd": cost["total_cost_usd"], "cost_eur": cost["total_cost_eur"], "kind": kind, "reason": "test"}
        row |= {"company_id": self.ledger.company.id, "incurred_at": self._now, "created_at": self._now}
        self._connection.execute(insert(ai_cost_adjustments), row | about)

    def take_back(self, name: str) -> None:
        """What was filled in is taken back, so that there is nothing of it any more."""
        connection, usd = self._connection, self.ledger.usd.pop(name)
        filled = connection.execute(
            select(ai_cost_adjustments.c.id).where(ai_cost_adjustments.c.cost_usd == usd)
        ).scalar_one()
        row = {
            "cost_usd": -usd,
            "cost_eur": -usd * RATE,
            "kind": "taken_back",
            "reason": "test",
            "adjustment_id": filled,
        }
        row |= {"company_id": self.ledger.company.id, "incurred_at": self._now, "created_at": self._now}
        connection.execute(insert(ai_cost_adjustments), row)

    def surplus(self, name: str, batch: uuid.UUID, **values: Any) -> None:
        """A surplus batch beside one of ours."""
        row = {"batch_id": batch, "remote_batch_id": name, "endpoint": "e", "remote_status": "x", "found_at": self._now}
        self._connection.execute(insert(ai_surplus_batches), row | values)

    def call(self, name: str) -> None:
        """A question of a list that a single call has answered."""
        ledger, now = self.ledger, self._now
        turn, chat, request = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
        configuration = {
            "provider": "p", "base_url": "http://127.0.0.1/v1", "model": "gpt-5-mini", "prompt_version": "1", "parameters": {},
            "system_prompt": "", "concurrency": 1, "requests_per_minute": None, "timeout_seconds": 1, "search_provider": "none",
            "page_language": None, "override_text": None, "turn_policy": "stop",
        }  # fmt: skip
        row = {
            "id": ledger.chat_batch, "company_id": ledger.company.id, "name": "n", "ai_provider": "p", "total_items": 1,
            "processed_items": 1, "configuration": configuration, "configuration_hash": "h", "created_at": now,
            "updated_at": now, "status": "COMPLETED", "ended_at": now,
        }  # fmt: skip
        self._connection.execute(insert(chat_batches), row)
        row = {"id": chat, "batch_id": ledger.chat_batch, "item_index": 0, "source_line": 1, "state": "COMPLETED"}
        self._connection.execute(insert(chats), row)
        row = {"id": turn, "batch_id": ledger.chat_batch, "chat_id": chat, "item_index": 0, "turn": 0, "row_index": 0}
        row |= {"source_line": 1, "question": "?", "outcome_code": "answered", "answer": "!"}
        self._connection.execute(insert(chat_interactions), row)
        row = {
            "id": request, "chat_interaction_id": turn, "company_id": ledger.company.id, "processing_type": "chat_turn",
            "model": "gpt-5-mini", "processing_status": "PROCESSING_COMPLETE", "prompt_version": "1", "transcript_hash": "t",
            "input_hash": "i", "body_bytes": 1, "token_estimate": 1, "max_output_tokens": 1, "requested_at": now,
            "updated_at": now, "by_call": True,
        }  # fmt: skip
        self._connection.execute(insert(ai_processing_requests), row)
        self.entry(
            request, None, "truncated", is_call=True, created_at=now - timedelta(hours=1), **self.cost(f"{name} lost")
        )
        self.entry(request, None, "parsed", is_call=True, **self.cost(name))

    def old(self, name: str) -> None:
        """A try of the old system, which it has paid for."""
        request = self.request(name)
        self.entry(request, None, "parsed", legacy_id=name, reserved_eur=None, **self.cost(name))


@pytest.fixture
def ledger(engine: Engine) -> Iterator[Ledger]:
    """A ledger with all of them."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        write = Writer(connection, engine, insert_company(connection))
        old, main = write.batch("old", 9), write.batch("main")
        write.entry(write.request("paid"), main, "parsed", **write.cost("paid"))
        write.entry(write.request("wasted"), main, "truncated", **write.cost("wasted"))
        again = write.request("retried", "retry")
        write.entry(again, old, "truncated", **write.cost("retried"))
        write.entry(again, main, "parsed", **write.cost("retry"))
        late = write.request("late")
        write.entry(late, main, "missing")
        write.entry(late, main, "parsed", is_late=True, **write.cost("late"))
        write.entry(write.request("silent"), main, "invalid_output")
        write.adjust("unattributed", "unattributed", batch_id=main)
        filled = write.entry(write.request("backfilled"), main, "parsed", prompt_tokens=1, completion_tokens=1)
        write.adjust("backfilled", "backfill", attempt_id=filled)
        given = write.entry(write.request("shown"), main, "artifact_unavailable")
        write.adjust("stated", "backfill", attempt_id=given)
        write.take_back("stated")
        write.surplus("surplus", main, ended_at=write._now, **write.cost("surplus"))
        write.entry(write.request("open"), write.batch("open"), "parsed", prompt_tokens=3, completion_tokens=1)
        write.entry(write.request("in flight"), write.batch("in flight"), None)
        write.call("call")
        write.old("taken over")
    yield write.ledger


IN_MAIN = ("paid", "wasted", "retry", "late", "unattributed", "backfilled", "surplus")
SPENT = {
    Part.USEFUL: ("paid", "retry", "late", "backfilled", "call", "taken over"),
    Part.RETRIED: ("retried", "call lost"),
    Part.WASTED: ("wasted",),
    Part.SURPLUS: ("surplus",),
    Part.UNATTRIBUTED: ("unattributed",),
}


def test_the_report_names_every_amount_once_and_adds_no_estimate(ledger: Ledger) -> None:
    total = report_spend(ledger.engine)["total"]
    assert {part: total[f"{part}Eur"] for part in Part} == {part: ledger.eur(*names) for part, names in SPENT.items()}
    assert (total["costEur"], total["costUsd"]) == (
        ledger.eur(*ledger.usd),
        money(sum(ledger.usd.values(), Decimal(0))),
    )
    assert (total["complete"], total["openEntries"], total["openEurAtMost"]) == (False, 1, "0.5")
    assert (total["inFlightEntries"], total["inFlightEurAtMost"]) == (1, "0.5")
    for by in ("day", "month", "company", "model", "kind", "outcome"):
        rows = report_spend(ledger.engine, by=[by])["rows"]
        assert sum(Decimal(row["costEur"]) for row in rows) == Decimal(total["costEur"]), by


def test_checks_metrics_and_caps_say_the_same(ledger: Ledger) -> None:
    """Caps and whoever watches them leave out what the old system has paid."""
    settings = Settings(livedash_monthly_cap_eur=Decimal(10**6), livedash_total_daily_cap_eur=Decimal(10**6))
    with ledger.engine.connect() as connection:
        now = database_now(connection)
        assert not checks.CHECKS_BY_NAME["spend_sums_to_the_ledger"].look(connection, settings).rows
        committed = committed_eur(connection, ledger.company.id, since=Period.MONTH.start(now))
        assert sum(day.usd for day in billed_days(connection, now.date(), now.date())) == sum(ledger.usd.values())
    spent = Decimal(str(ledger.eur(*(name for name in ledger.usd if name != "taken over"))))
    figures = read_figures(ledger.engine)
    found = figures.money["acme"]
    assert (found.spent, found.unknown, found.in_flight) == (spent, Decimal("0.5"), Decimal("0.5"))
    assert committed == spent + 1
    with ledger.engine.connect() as connection:
        caps = caps_of(settings.caps, CompanyCaps())
        rooms = rooms_under(connection, ledger.company.id, caps, now=now)
        assert [room.committed for room in rooms] == [committed] * 2
        looked = checks.CHECKS_BY_NAME["spending_stays_below_the_cap"].look(connection, settings)
    for row in looked.shown["spending"]:
        assert row["spent EUR"] == cents(spent + Decimal("0.5")), row
    document = report_caps(ledger.engine, settings)
    for standing in (*document["companies"], document["total"]):
        for each in (standing, *standing["limits"]):
            assert (each["spentEur"], each["openAtMostEur"], each["inFlightAtMostEur"]) == (money(spent), "0.5", "0.5")
    lines = Metrics().render(figures).decode().splitlines()
    assert f'livedash_spent_eur{{company="acme"}} {float(spent)}' in lines
    assert 'livedash_open_eur{company="acme"} 0.5' in lines


def test_the_check_finds_an_amount_that_the_report_leaves_out(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(insert(ai_request_attempts).values(
            request_id=uuid.uuid4(), batch_id=uuid.uuid4(), created_at=database_now(connection), total_cost_usd="0.000000000001",
        ))  # fmt: skip
        (row,) = checks.CHECKS_BY_NAME["spend_sums_to_the_ledger"].look(connection, Settings()).rows
        assert row["stored_usd"] - row["shown_usd"] == Decimal("0.000000000001")


def test_batches_cost_what_their_entries_cost(ledger: Ledger) -> None:
    listed = {row["id"]: row for row in list_batches(ledger.engine)["batches"]}
    expected = {"main": ledger.eur(*IN_MAIN), "old": ledger.eur("retried"), "open": None, "in flight": None}
    with ledger.engine.connect() as connection:
        drawn = {count: money(cost) for *_, count, cost in batch_rows(connection)}
        for name, eur in expected.items():
            batch_id = ledger.batches[name]
            shown = describe_batch(ledger.engine, str(batch_id))
            assert shown is not None
            assert (listed[str(batch_id)]["costEur"], shown["batch"]["costEur"], shown["batch"]["totalCostEur"]) == (
                eur,
            ) * 3
            assert money(batch_cost(connection, batch_id)) == eur
        assert drawn
        assert demo_figures(connection).cost_eur == Decimal(str(ledger.eur(*IN_MAIN, "retried")))
    main = listed[str(ledger.batches["main"])]
    assert (main["unattributedEur"], main["surplusEur"]) == (ledger.eur("unattributed"), ledger.eur("surplus"))
    assert (main["estimatedCostEur"], listed[str(ledger.batches["open"])]["openEntries"]) == ("3.5", 1)
    spent = spend_of_batches(ledger.engine, [ledger.batches["main"]])
    assert money(spent.eur) == ledger.eur(*IN_MAIN)
    assert spend_of_batches(ledger.engine, []).entries == 0


def test_requests_sessions_and_the_export_cost_what_their_tries_cost(ledger: Ledger) -> None:
    written = io.StringIO()
    export_analyses(ledger.engine, written, file_format="json")
    exported = {row["sessionId"]: row["totalCostEur"] for row in json.loads(written.getvalue())["sessions"]}
    expected: dict[str, tuple[str, ...] | None] = {
        **{name: (name,) for name in ("paid", "wasted", "late", "backfilled")},
        "retry": ("retried", "retry"),
        **dict.fromkeys(("open", "in flight", "silent")),
    }
    for name, parts in expected.items():
        document = describe_request(ledger.engine, str(ledger.requests[name]))
        assert document is not None
        session = describe_session(ledger.engine, document["request"]["sessionId"])["session"]
        (request,) = session["requests"]
        assert request["tries"] == document["attempts"]
        costs = [Decimal(each["totalCostEur"]) for each in document["attempts"] if each["totalCostEur"] is not None]
        eur = None if parts is None else ledger.eur(*parts)
        assert exported[document["request"]["sessionId"]] == eur, name
        assert (money(sum(costs, Decimal(0))) if costs else None) == eur, name


def test_lists_of_questions_cost_what_their_calls_cost(ledger: Ledger) -> None:
    eur = ledger.eur("call", "call lost")
    (row,) = list_document(ledger.engine)["batches"]
    assert row["costEur"] == show_document(ledger.engine, ledger.chat_batch)["batch"]["costEur"] == eur
    with ledger.engine.connect() as connection:
        figures = company_figures(connection, ledger.company.id)
        assert (money(figures.cost_eur), figures.unpriced_calls) == (eur, 0)
        assert [money(cost) for *_, cost in chat_rows(connection)] == [eur]
    with open_results(ledger.engine, ledger.chat_batch) as results:
        assert [money(each.cost_eur) for each in results.rows()] == [eur]
