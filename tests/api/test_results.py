"""The summary of results over HTTP: one document, and a company's own alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, update

from livedash_pipeline.base.store.tables import questions, session_questions, sessions
from livedash_pipeline.overview.steps.results import summarise_results
from tests.api.world import Api, api_settings, running_api
from tests.conftest import NOW
from tests.support.rows import CHAT, insert_company, insert_sessions

SUMMARY = "/api/v1/results/summary"
MAY = {"from": "2025-05-01", "to": "2025-05-02"}
QUESTION = "How many days of leave <b>do</b> I have?"


@pytest.fixture
def api(engine: Engine, tmp_path: Path) -> Iterator[Api]:
    """A server with two companies: acme has three analysed sessions on a day and one on the day before, globex one."""
    with engine.begin() as connection:
        acme, globex = insert_company(connection), insert_company(connection, "globex")
        found = insert_sessions(connection, acme, [CHAT] * 3)
        before = insert_sessions(connection, acme, [CHAT], at=NOW - timedelta(days=2))
        others = insert_sessions(connection, globex, [CHAT])
        values = {"analysed_at": NOW, "sentiment": "POSITIVE", "category": "ONBOARDING", "language": "nl"}
        values |= {"escalated": False, "forwarded_hr": False, "messages_sent": 4}
        connection.execute(
            update(sessions).where(sessions.c.id.in_([*found, *before, *others])).values(**values, duration_seconds=60)
        )
        connection.execute(
            update(sessions).where(sessions.c.id == found[0]).values(escalated=True, sentiment="NEGATIVE")
        )
        asked = uuid.uuid4()
        row = {"id": asked, "company_id": acme.id, "content": QUESTION, "created_at": NOW}
        connection.execute(insert(questions), row)
        links = [{"session_id": each, "position": 0, "question_id": asked} for each in found[:2]]
        connection.execute(insert(session_questions), links)
    with running_api(api_settings(tmp_path), engine) as running:
        yield running


def test_the_document_is_that_of_the_step(api: Api) -> None:
    answered = api.get(SUMMARY, token=api.token(company="acme"), params=MAY | {"compare": "previous", "by": "day"})
    assert answered.status_code == 200
    document = answered.json()
    assert document == summarise_results(
        api.engine, company="acme", start="2025-05-01", end="2025-05-02", compare="previous", by="day"
    )
    assert (document["company"], document["timeZone"], document["by"]) == ("acme", "Europe/Amsterdam", "day")
    totals = document["period"]["totals"]
    assert (totals["sessions"], totals["escalated"], totals["escalationRate"]) == (3, 1, 0.3333)
    assert (totals["averageMessages"], totals["medianDurationSeconds"]) == (4, 60)
    assert [step["sessions"] for step in document["period"]["series"]] == [3, 0]
    assert document["period"]["categories"] == [{"category": "onboarding", "sessions": 3, "share": 1}]
    (question,) = document["period"]["questions"]
    assert (question["question"], question["sessions"], question["share"]) == (QUESTION, 2, 0.6667)
    assert document["compared"]["from"] == "2025-04-29"
    assert document["changes"]["sessions"] == {"difference": 2, "ratio": 2}
    assert document["changes"]["escalationRate"] == {"difference": 0.3333, "ratio": None}
    assert answered.headers["age"] == "0"


def test_a_company_sees_its_own_results_alone(api: Api) -> None:
    token = api.token(company="acme")
    assert api.get(SUMMARY, token=token, params=MAY).json()["period"]["totals"]["sessions"] == 3
    assert api.get(SUMMARY, token=token, params=MAY | {"company": "acme"}).status_code == 200
    assert api.get(SUMMARY, token=token, params=MAY | {"company": "globex"}).status_code == 404


def test_an_administrator_sees_one_company_or_all(api: Api) -> None:
    everything = api.get(SUMMARY, params=MAY).json()
    assert (everything["company"], everything["period"]["totals"]["sessions"]) == (None, 4)
    one = api.get(SUMMARY, params=MAY | {"company": "globex"}).json()
    assert (one["company"], one["period"]["totals"]["sessions"], one["compared"]) == ("globex", 1, None)


def test_an_administrator_sees_questions_with_the_right_to_texts_alone(api: Api) -> None:
    asked = MAY | {"compare": "previous", "company": "acme"}
    without, with_texts = api.token(scopes=["admin:read"]), api.token(scopes=["admin:read", "texts:read"])
    for _ in range(2):
        document = api.get(SUMMARY, token=without, params=asked).json()
        assert document["period"]["totals"]["sessions"] == 3
        assert (document["period"]["questions"], document["compared"]["questions"]) == ([], [])
        whole = api.get(SUMMARY, token=with_texts, params=asked).json()
        assert [each["question"] for each in whole["period"]["questions"]] == [QUESTION]
    own = api.get(SUMMARY, token=api.token(company="acme", scopes=["results:read"]), params=asked).json()
    assert [each["question"] for each in own["period"]["questions"]] == [QUESTION]


def test_the_right_to_it_is_that_to_results(api: Api) -> None:
    without = api.token(company="acme", scopes=["sessions:read"])
    assert "results:read" in api.get(SUMMARY, token=without).json()["detail"]
    assert "admin:read" in api.get(SUMMARY, token=api.token(scopes=["admin:write"])).json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "today"},
        {"from": "2025-02-30"},
        {"from": "2025-05-02", "to": "2025-05-01"},
        {"from": "2020-01-01", "to": "2025-05-01"},
        {"to": "9999-12-31"},
        {"compare": "2025-02-30"},
        {"compare": "tomorrow"},
        {"by": "hour"},
        {"company": "initech"},
        {"stage": "ai_analysis"},
    ],
)
def test_a_wrong_question_is_refused(api: Api, wrong: dict[str, str]) -> None:
    assert api.get(SUMMARY, params=wrong).status_code == 400
