"""The page of results: its numbers, their links, the CSV, and what it refuses."""

from __future__ import annotations

import csv
import io
import re
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from sqlalchemy import Engine, insert, update

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.tables import questions, session_questions, sessions
from livedash_pipeline.overview.steps.results import summarise_results
from tests.api.world import Api, api_settings, running_api
from tests.conftest import NOW, migrated_database
from tests.support.rows import CHAT, insert_company, insert_sessions
from tests.web.person import Page, Person, signed_in

PAGE = "/console/results"
HOSTILE = '=1+1 <script>alert("x")</script> \u202eabc \u05d0\u05d1 ' + "x" * 440
MAY = {"from": "2025-05-01", "to": "2025-05-02"}


def fill(engine: Engine) -> None:
    """Company acme: three analysed sessions on 1 May, one two days before; globex: one."""
    with engine.begin() as connection:
        acme, globex = insert_company(connection), insert_company(connection, "globex")
        found = insert_sessions(connection, acme, [CHAT] * 3)
        before = insert_sessions(connection, acme, [CHAT], at=NOW - timedelta(days=2))
        others = insert_sessions(connection, globex, [CHAT])
        values = {"analysed_at": NOW, "sentiment": "POSITIVE", "category": "ONBOARDING", "language": "nl"}
        values |= {"escalated": False, "forwarded_hr": False, "messages_sent": 4, "duration_seconds": 60}
        chosen = sessions.c.id.in_([*found, *before, *others])
        connection.execute(update(sessions).where(chosen).values(**values))
        one = sessions.c.id == found[0]
        connection.execute(update(sessions).where(one).values(escalated=True, sentiment="NEGATIVE", language="fil"))
        asked = uuid.uuid4()
        row = {"id": asked, "company_id": acme.id, "content": HOSTILE, "created_at": NOW}
        connection.execute(insert(questions), row)
        links = [{"session_id": each, "position": 0, "question_id": asked} for each in found[:2]]
        connection.execute(insert(session_questions), links)


@pytest.fixture(scope="module")
def api(postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server over two companies with results."""
    with migrated_database(postgres_template) as url:
        engine = make_engine(url)
        try:
            fill(engine)
            with running_api(api_settings(tmp_path_factory.mktemp("home")), engine) as running:
                yield running
        finally:
            engine.dispose()


@pytest.fixture
def analyst(api: Api) -> Iterator[Person]:
    with signed_in(api, company="acme") as person:
        yield person


@pytest.fixture
def operator(api: Api) -> Iterator[Person]:
    with signed_in(api) as person:
        yield person


def look(person: Person, path: str = PAGE, **params: str) -> Page:
    """The page once everything is counted."""
    for _ in range(200):
        page = person.get(path, params=params or None)
        if "data-refresh" not in page.response.text:
            return page
        time.sleep(0.05)
    raise AssertionError("it is counted for ever")


def links_to_sessions(page: Page) -> list[dict[str, str]]:
    addresses = [urljoin(str(page.response.url), link) for link in page.links]
    found = [link for link in addresses if urlsplit(link).path == "/console/sessions" and "?" in link]
    return [{name: value for name, (value,) in parse_qs(urlsplit(link).query).items()} for link in found]


def test_an_analyst_sees_what_the_company_was_asked(analyst: Person) -> None:
    page = look(analyst, **MAY)
    assert page.status == 200
    assert "Results of acme" in page.text
    assert "Sessions 3 +2 (+200.0 %)" in page.text
    assert "Escalated 33.3\xa0% 1 of 3 +33.3 points" in page.response.text or "33.3" in page.text
    assert "(Europe/Amsterdam), compared with 2025-04-29 to 2025-04-30" in page.text
    assert len(page.response.content) < 60_000
    assert page.response.text.count("<svg") == 6


def test_every_number_leads_to_its_sessions(analyst: Person, operator: Person) -> None:
    found = links_to_sessions(look(analyst, **MAY))
    days = {"from": "2025-05-01", "to": "2025-05-02"}
    for filters in (
        {}, {"analysed": "yes"}, {"sentiment": "negative"}, {"escalated": "yes"}, {"category": "onboarding"}, {"language": "fil"},
    ):  # fmt: skip
        assert days | filters in found
    assert any("question" in link for link in found)
    assert {"on": "2025-05-01", "sentiment": "positive"} in found
    assert all("company" not in link for link in found)
    named = links_to_sessions(look(operator, **MAY, company="globex"))
    assert named
    assert all(link["company"] == "globex" for link in named)


def test_numbers_are_no_links_for_who_may_not_see_sessions(api: Api) -> None:
    with signed_in(api, company="acme", scopes=["results:read"]) as person:
        page = look(person, **MAY)
        assert "Sessions 3" in page.text
        assert links_to_sessions(page) == []


def test_operators_see_questions_with_the_right_to_texts_alone(api: Api, operator: Person) -> None:
    # Both look at the same days, one after the other and again: what is kept for one is never shown to the other.
    with signed_in(api, scopes=["admin:read"]) as person:
        for _ in range(2):
            page, full = look(person, **MAY), look(operator, **MAY)
            assert "Sessions 4" in page.text
            assert "needs the scope texts:read" in page.text
            assert "=1+1" not in page.text
            assert "=1+1" in full.text
            assert "needs the scope texts:read" not in full.text
            without, whole = (each.client.get(f"{PAGE}.csv", params=MAY).text for each in (person, operator))
            assert ("=1+1" in without, "=1+1" in whole) == (False, True)
    assert not [line for line in api.audit() if line.action == "read_texts"]


def test_an_operator_sees_all_companies_or_one(operator: Person) -> None:
    everything = look(operator, **MAY)
    assert "Sessions 4" in everything.text
    assert "each in its company's own days" in everything.text
    one = look(operator, **MAY, company="globex", compare="none")
    assert "Sessions 1" in one.text
    assert "compared with" not in one.text.replace("Compared with", "")


def test_a_company_sees_no_other(analyst: Person) -> None:
    assert analyst.get(PAGE, params={"company": "globex"}).status == 404
    assert analyst.get(f"{PAGE}.csv", params={"company": "globex"}).status == 404
    assert look(analyst, **MAY, company="acme").status == 200


def test_the_right_to_it_is_that_to_results(api: Api) -> None:
    with signed_in(api, company="acme", scopes=["sessions:read"]) as person:
        assert person.get(PAGE).status == 403


def test_the_csv_is_what_the_page_shows(analyst: Person, api: Api) -> None:
    page = look(analyst, **MAY, compare="year")
    answer = analyst.client.get(page.link("/results.csv"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="results-acme-2025-05-01-2025-05-02.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    document = summarise_results(
        api.engine, company="acme", start="2025-05-01", end="2025-05-02", compare="year", by="day"
    )
    assert rows[0]["sessions"] == str(document["period"]["totals"]["sessions"]) == "3"
    assert {row["period"] for row in rows} == {"period", "compared"}
    (question,) = (row for row in rows if row["part"] == "question")
    assert question["name"].startswith("'=1+1 <script>")


def test_hostile_questions_do_no_harm(analyst: Person) -> None:
    page = look(analyst, **MAY)
    assert "<script>alert" not in page.response.text
    assert '<bdi dir="auto">=1+1 &lt;script&gt;' in page.response.text
    assert "x" * 300 not in page.response.text


def test_days_without_sessions_say_what_to_do(analyst: Person) -> None:
    page = look(analyst, **{"from": "2025-05-03", "to": "2025-05-05"})
    assert "No session began in these days." in page.text
    assert "The compared days have 3." in page.text
    assert "Sessions 4" in look(analyst, page.link("from=2025-04-02")).text


def test_periods_are_chosen_with_one_click(analyst: Person) -> None:
    page = look(analyst, **MAY, by="week")
    chosen = [link for link in page.links if link.startswith(PAGE + "?") and "by=week" in link]
    assert len(chosen) == 4
    assert "No session began" in look(analyst, chosen[0]).text


@pytest.mark.parametrize("days", [30, 31])
def test_a_long_period_stays_small(analyst: Person, days: int) -> None:
    first = (NOW - timedelta(days=days - 1)).date()
    page = look(analyst, **{"from": first.isoformat(), "to": "2025-05-01", "by": "day"})
    assert len(page.response.content) < 60_000
    year = look(analyst, **{"from": "2024-06-01", "to": "2025-05-31", "by": "day"})
    assert "These are too many steps to read, so they are shown by month." in year.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "2025-05-02", "to": "2025-05-01"},
        {"from": "2020-01-01", "to": "2025-05-01"},
        {"from": "1700-01-01"},
        {"from": "today"},
        {"compare": "2025-02-30"},
        {"compare": "x"},
        {"by": "hour"},
        {"weather": "fine"},
        {"company": "A B"},
    ],
)
def test_a_wrong_question_is_a_page_that_says_so(operator: Person, wrong: dict[str, str]) -> None:
    page = operator.get(PAGE, params=wrong)
    assert page.status == 400
    assert re.search("Choose|Give|Known|is|be", page.text)


def test_an_unknown_company_is_said(operator: Person) -> None:
    page = operator.get(PAGE, params={"company": "initech"})
    assert page.status in (400, 404)
    assert "initech" in page.text


def test_empty_fields_are_not_given(operator: Person) -> None:
    page = operator.get(PAGE + "?company=&from=&to=&compare=&by=")
    assert page.status == 200


def test_counting_is_said_while_it_lasts(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        insert_company(connection)
    with running_api(api_settings(tmp_path), engine) as api, signed_in(api) as person:
        assert "There is no session yet" in look(person).text
        with engine.connect() as blocker:
            blocker.exec_driver_sql("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
            page = person.get(PAGE, params=MAY)
            assert "is being counted" in page.text or "are being counted" in page.text or "being counted" in page.text
            assert 'data-refresh="1"' in page.response.text
        assert person.get(PAGE + ".csv").response.headers["content-type"].startswith("text/csv")
