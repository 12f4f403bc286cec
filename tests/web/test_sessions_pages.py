"""Pages of sessions: the list and its search, one session, its chat, trying a stage again, and erasing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import Connection, insert, select, text, update

from livedash_pipeline.base.rules.states import Stage
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.base.store.tables import (
    ai_processing_requests,
    messages,
    questions,
    session_imports,
    session_processing_status,
    session_questions,
    sessions,
)
from livedash_pipeline.money.store.rates import set_rate
from tests.api.world import Api, request_values
from tests.conftest import NOW
from tests.support.prices import have_prices
from tests.support.rows import CHAT, insert_company, insert_sessions
from tests.web.person import Page, Person, signed_in

PAGE = "/console/sessions"
HOSTILE = '<script>alert("x")</script> \u202e\u05d0\u05d1 {{ 7 * 7 }} ' + "y" * 9_000


class World:
    """Company acme has three sessions: one analysed with hostile texts, one whose analysis failed, one that waits; globex one."""

    def __init__(self, api: Api) -> None:
        self.api = api
        with api.engine.begin() as connection:
            now = database_now(connection)
            have_prices(connection, now=now)
            set_rate(connection, now.date(), Decimal("0.9"), "test", now)
            acme, globex = insert_company(connection), insert_company(connection, "globex")
            self.analysed, self.failed, self.waiting = insert_sessions(connection, acme, [CHAT] * 3)
            (self.foreign,) = insert_sessions(connection, globex, [CHAT])
            values = {"analysed_at": NOW, "sentiment": "NEGATIVE", "category": "ONBOARDING", "language": "nl"}
            values |= {"escalated": True, "forwarded_hr": False, "summary": HOSTILE, "messages_sent": 2}
            connection.execute(update(sessions).where(sessions.c.id == self.analysed).values(**values))
            self.question = uuid.uuid4()
            row = {"id": self.question, "company_id": acme.id, "content": HOSTILE[:500], "created_at": NOW}
            connection.execute(insert(questions), row)
            link = {"session_id": self.analysed, "position": 0, "question_id": self.question}
            connection.execute(insert(session_questions), link)
            first = (messages.c.session_id == self.analysed) & (messages.c.position == 0)
            connection.execute(update(messages).where(first).values(content=HOSTILE))
            external = session_imports.c.id == self._import_of(connection, self.analysed)
            connection.execute(update(session_imports).where(external).values(external_session_id='"><b>chat-1'))
            for session_id, status in ((self.analysed, "COMPLETED"), (self.failed, "FAILED")):
                stage = {"import_id": self._import_of(connection, session_id), "stage": Stage.AI_ANALYSIS.value}
                ended = {"status": status, "started_at": NOW, "completed_at": NOW}
                connection.execute(insert(session_processing_status), stage | ended)
            state = {"COMPLETED": self.analysed, "FAILED": self.failed}
            rows = [
                request_values(acme.id, state["COMPLETED"], "PROCESSING_COMPLETE") | {"completed_at": NOW},
                request_values(acme.id, state["FAILED"], "PROCESSING_FAILED"),
            ]
            for each in rows:
                connection.execute(insert(ai_processing_requests).values(**each))

    @staticmethod
    def _import_of(connection: Connection, session_id: uuid.UUID) -> uuid.UUID:
        query = select(sessions.c.import_id).where(sessions.c.id == session_id)
        found: uuid.UUID = connection.execute(query).scalar_one()
        return found

    def import_of(self, session_id: uuid.UUID) -> uuid.UUID:
        with self.api.engine.connect() as connection:
            return self._import_of(connection, session_id)

    def stage(self, session_id: uuid.UUID) -> str:
        with self.api.engine.connect() as connection:
            row = session_processing_status.c
            wanted = (row.import_id == self._import_of(connection, session_id)) & (row.stage == "AI_ANALYSIS")
            return str(connection.execute(select(row.status).where(wanted)).scalar_one())


@pytest.fixture
def world(api: Api) -> World:
    return World(api)


@pytest.fixture
def operator(world: World) -> Iterator[Person]:
    with signed_in(world.api) as person:
        yield person


@pytest.fixture
def analyst(world: World) -> Iterator[Person]:
    with signed_in(world.api, company="acme") as person:
        yield person


def listed(page: Page) -> set[str]:
    """Ids of the sessions that a page leads to."""
    return {link.removeprefix(PAGE + "/") for link in page.links if link.startswith(PAGE + "/") and "?" not in link} - {
        "texts"
    }


def ids(*found: uuid.UUID) -> set[str]:
    return set(map(str, found))


# The list


def test_an_operator_sees_all_sessions_and_a_company_its_own(world: World, operator: Person, analyst: Person) -> None:
    own = ids(world.analysed, world.failed, world.waiting)
    assert listed(operator.get(PAGE)) == own | ids(world.foreign)
    assert listed(operator.get(PAGE, params={"company": "globex"})) == ids(world.foreign)
    assert listed(analyst.get(PAGE)) == own
    assert analyst.get(PAGE, params={"company": "globex"}).status == 404


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"language": "nl"}, ["analysed"]),
        ({"category": "onboarding", "sentiment": "negative"}, ["analysed"]),
        ({"escalated": "yes"}, ["analysed"]),
        ({"hr": "no"}, ["analysed"]),
        ({"analysed": "no"}, ["failed", "waiting"]),
        ({"language": "none"}, ["failed", "waiting"]),
        ({"stage": "ai_analysis", "status": "failed"}, ["failed"]),
        ({"stage": "ai_analysis", "status": "pending"}, ["waiting"]),
        ({"on": "2025-05-01"}, ["analysed", "failed", "waiting"]),
        ({"from": "2025-05-02"}, []),
        ({"id": '"><b>chat-1'}, ["analysed"]),
        ({"id": "nothing"}, []),
    ],
)
def test_the_list_is_searched(world: World, analyst: Person, filters: dict[str, str], found: list[str]) -> None:
    page = analyst.get(PAGE, params=filters)
    assert listed(page) == {str(getattr(world, name)) for name in found}
    assert found or "No session matches." in page.text


def test_a_question_leads_to_its_sessions(world: World, operator: Person, analyst: Person) -> None:
    page = analyst.get(PAGE, params={"question": str(world.question)})
    assert listed(page) == ids(world.analysed)
    assert "Sessions that ask" in page.text
    assert "a question that is not known" in operator.get(PAGE, params={"question": str(uuid.uuid4())}).text
    other = analyst.get(PAGE, params={"question": str(world.question), "language": "en"})
    assert listed(other) == set()


def test_the_words_of_a_question_need_the_right_to_texts(world: World, operator: Person, analyst: Person) -> None:
    asked = {"question": str(world.question)}
    words = HOSTILE[:8].strip()
    assert all(words in each.get(PAGE, params=asked).text for each in (operator, analyst))
    with signed_in(world.api, scopes=["admin:read"]) as person:
        page = person.get(PAGE, params=asked)
        assert listed(page) == ids(world.analysed)
        assert words not in page.text
        assert "need the scope texts:read" in page.text


def test_what_is_not_understood_is_said(analyst: Person) -> None:
    page = analyst.get(PAGE, params={"language": "dutch", "from": "yesterday", "stage": "x", "status": "failed"})
    assert page.status == 200
    for said in ("language: 'dutch' is not a code", "from: 'yesterday' is not a day", "stage: 'x' is not one of"):
        assert said in page.text
    assert "A stage and its status are given together." in analyst.get(PAGE, params={"stage": "ai_analysis"}).text
    assert analyst.get(PAGE, params={"cursor": "AAAA"}).status == 400


def test_summaries_and_words_need_their_right_and_are_written_down(world: World, analyst: Person) -> None:
    plain = analyst.get(PAGE)
    assert "alert" not in plain.text
    assert plain.status == 200
    page = analyst.get(PAGE + "/texts", params={"words": "SCRIPT"})
    assert listed(page) == ids(world.analysed)
    assert "&lt;script&gt;" in page.response.text
    assert "<script>alert" not in page.response.text
    assert "y" * 300 not in page.response.text
    assert listed(analyst.get(PAGE + "/texts", params={"words": "zebra"})) == set()
    first, second = (line.detail for line in world.api.audit() if line.action == "read_texts")
    assert first == {"company": "acme", "sessions": [str(world.import_of(world.analysed))]}
    assert second == {"company": "acme", "sessions": []}
    with signed_in(world.api, company="acme", scopes=["sessions:read"]) as person:
        assert person.get(PAGE + "/texts").status == 403
        assert "With summaries" not in person.get(PAGE).text
    with signed_in(world.api, company="acme", scopes=["texts:read"]) as person:
        assert person.get(PAGE + "/texts").status == 403
        assert person.get(f"{PAGE}/{world.analysed}/chat").status == 403
    assert analyst.get(PAGE, params={"words": "x"}).status == 400


def test_lists_go_on_page_by_page(api: Api) -> None:
    with api.engine.begin() as connection:
        acme = insert_company(connection)
        made = insert_sessions(connection, acme, [()] * 120)
    with signed_in(api, company="acme") as person:
        page, found = person.get(PAGE), []
        for _ in range(3):
            assert len(page.response.content) < 60_000
            found.append(listed(page))
            following = [link for link in page.links if "cursor=" in link]
            page = person.get(following[0]) if following else page
        assert [len(each) for each in found] == [50, 50, 20]
        assert set.union(*found) == ids(*made)
        assert "First page" in page.text


def test_no_session_yet_says_where_they_come_from(api: Api) -> None:
    with signed_in(api) as person:
        assert "There is no session yet." in person.get(PAGE).text


# One session


def test_a_session_shows_what_is_known_and_no_texts(world: World, operator: Person) -> None:
    page = operator.get(f"{PAGE}/{world.analysed}")
    assert page.status == 200
    for said in ("Language nl", "Sentiment negative", "Category onboarding", "Escalated yes", "gpt-5-mini"):
        assert said in page.text
    assert "alert" not in page.text
    assert "&#34;&gt;&lt;b&gt;chat-1" in page.response.text
    by_import = operator.get(f"{PAGE}/{world.import_of(world.analysed)}")
    assert by_import.text.split("Times are in")[0] == page.text.split("Times are in")[0]


def test_a_session_of_another_company_does_not_exist(world: World, analyst: Person) -> None:
    unknown = analyst.get(f"{PAGE}/{uuid.uuid4()}")
    for path in ("", "/chat", "/erase"):
        page = analyst.get(f"{PAGE}/{world.foreign}{path}")
        assert page.status == 404
        assert analyst.get(f"{PAGE}/{world.analysed}{path}").status == 200
    assert unknown.status == 404
    assert analyst.get(f"{PAGE}/no-id").status == 404
    for path in ("/retry", "/erase"):
        fields = {"form_token": token_of(analyst), "stage": "ai_analysis"}
        assert analyst.post(f"{PAGE}/{world.foreign}{path}", fields).status in (403, 404)
    assert world.stage(world.failed) == "FAILED"


def token_of(person: Person) -> str:
    return dict(person.get(PAGE).form("/sign-out").fields)["form_token"]


def test_costs_are_for_who_may_see_them(world: World, analyst: Person) -> None:
    assert "It was not tried yet." in analyst.get(f"{PAGE}/{world.analysed}").text
    links = analyst.get(f"{PAGE}/{world.analysed}").links
    assert not [link for link in links if link.startswith("/console/requests/")]


# The chat


def test_the_chat_is_read_and_that_is_written_down(world: World, analyst: Person) -> None:
    page = analyst.get(f"{PAGE}/{world.analysed}/chat")
    assert page.status == 200
    assert "User" in page.text
    assert "Your roster is in the app" not in page.text, "the first message fills the page"
    assert "&lt;script&gt;alert" in page.response.text
    assert "<script>alert" not in page.response.text
    assert "{{ 7 * 7 }}" in page.text
    assert len(page.response.content) < 60_000
    second = analyst.get(page.link("/chat?at=0"))
    third = analyst.get(second.link("/chat?at=0&offset=8000"))
    assert "continued from character 4,000" in second.text
    assert "Your roster is in the app" in third.text
    lines = [line for line in world.api.audit() if line.action == "read_texts"]
    assert [line.outcome for line in lines] == ["done"] * 3
    assert lines[0].detail == {"importId": str(world.import_of(world.analysed))}


def test_an_empty_page_of_a_chat_leads_back(world: World, analyst: Person) -> None:
    assert "From the beginning" in analyst.get(f"{PAGE}/{world.analysed}/chat?at=99").text
    assert analyst.get(f"{PAGE}/{world.analysed}/chat?at=-1").status == 400
    assert analyst.get(f"{PAGE}/{world.analysed}/chat?at=99999999999").status == 400


def test_deleted_messages_are_said_to_be(world: World, operator: Person) -> None:
    with world.api.engine.begin() as connection:
        connection.execute(update(messages).values(content=None))
    page = operator.get(f"{PAGE}/{world.waiting}/chat")
    assert page.text.count("deleted") >= 2
    assert "It is not analysed yet." in page.text


def test_the_chat_needs_its_right(world: World) -> None:
    with signed_in(world.api, scopes=["admin:read"]) as person:
        assert person.get(f"{PAGE}/{world.analysed}/chat").status == 403
        assert "Read the chat" not in person.get(f"{PAGE}/{world.analysed}").text


# What can be done


def test_a_failed_analysis_is_tried_again_after_a_confirmation(world: World, operator: Person) -> None:
    page = operator.get(operator.get(f"{PAGE}/{world.failed}").link("/retry?stage=ai_analysis"))
    assert "1 session is tried again" in page.text
    assert "It costs at most \u20ac" in page.text.replace("\xa0", " ")
    assert world.stage(world.failed) == "FAILED", "a dry run changes nothing"
    done = operator.send(page.form("/retry"))
    assert "The stage waits to be tried again." in done.text
    assert world.stage(world.failed) == "PENDING"
    (line,) = (line for line in world.api.audit() if line.action == "retry_stage")
    assert line.detail == {"importId": str(world.import_of(world.failed)), "stage": "ai_analysis", "retried": 1}


def test_a_finished_analysis_is_bought_again_only_with_a_confirmation(world: World, operator: Person) -> None:
    page = operator.get(operator.get(f"{PAGE}/{world.analysed}").link("/retry?stage=ai_analysis"))
    assert "Analyse again" in page.text
    assert world.stage(world.analysed) == "COMPLETED"
    operator.send(page.form("/retry"))
    assert world.stage(world.analysed) == "PENDING"


def test_trying_a_failed_analysis_again_never_buys_one_that_was_finished_since(world: World, operator: Person) -> None:
    page = operator.get(f"{PAGE}/{world.failed}/retry?stage=ai_analysis")
    with world.api.engine.begin() as connection:
        stage = session_processing_status.c
        here = (stage.import_id == world.import_of(world.failed)) & (stage.stage == "AI_ANALYSIS")
        connection.execute(update(session_processing_status).where(here).values(status="COMPLETED"))
        done = {"processing_status": "PROCESSING_COMPLETE", "error_code": None, "error_message": None}
        request = ai_processing_requests.c.session_id == world.failed
        connection.execute(update(ai_processing_requests).where(request).values(**done))
    assert operator.send(page.form("/retry")).status == 409
    assert world.stage(world.failed) == "COMPLETED"


def test_only_what_the_state_allows_is_offered(world: World, operator: Person) -> None:
    page = operator.get(f"{PAGE}/{world.waiting}")
    assert not [link for link in page.links if "/retry" in link]
    looked = operator.get(f"{PAGE}/{world.waiting}/retry?stage=ai_analysis")
    assert "cannot be tried again now" in looked.text
    fields = {"form_token": token_of(operator), "stage": "ai_analysis"}
    assert operator.post(f"{PAGE}/{world.waiting}/retry", fields).status == 409
    assert operator.get(f"{PAGE}/{world.waiting}/retry?stage=nonsense").status == 400
    assert operator.get(f"{PAGE}/{world.waiting}/retry").status == 400


def test_a_cost_that_nobody_knows_is_said_to_be(world: World, operator: Person) -> None:
    with world.api.engine.begin() as connection:
        connection.execute(text("DELETE FROM exchange_rates"))
    page = operator.get(f"{PAGE}/{world.failed}/retry?stage=ai_analysis")
    assert "is not known" in page.text


def test_changes_need_their_rights(world: World) -> None:
    with signed_in(world.api, scopes=["admin:read"]) as person:
        page = person.get(f"{PAGE}/{world.failed}")
        assert not [link for link in page.links if "/retry" in link or "/erase" in link]
        assert person.get(f"{PAGE}/{world.failed}/retry?stage=ai_analysis").status == 403
        assert person.get(f"{PAGE}/{world.failed}/erase").status == 403
    with signed_in(world.api, company="acme", scopes=["sessions:read"]) as person:
        assert person.get(f"{PAGE}/{world.failed}/erase").status == 403
    with signed_in(world.api, company="acme") as person:
        assert person.get(f"{PAGE}/{world.failed}/retry?stage=ai_analysis").status == 403


@pytest.mark.parametrize("company", [None, "acme"])
def test_a_session_is_erased_after_a_confirmation(world: World, company: str | None) -> None:
    with signed_in(world.api, company=company) as person:
        page = person.get(person.get(f"{PAGE}/{world.analysed}").link("/erase"))
        assert "1 session is erased" in page.text
        assert "2 messages" in page.text
        done = person.send(page.form("/erase"))
        assert "The session is erased" in done.text
        assert "Its texts were erased" in done.text
        assert not [link for link in done.links if "/erase" in link or "/retry" in link]
        chat = person.get(f"{PAGE}/{world.analysed}/chat")
        assert "alert" not in chat.text
        assert "It is erased already." in person.get(f"{PAGE}/{world.analysed}/erase").text
    (line,) = (line for line in world.api.audit() if line.action == "erase_session")
    assert line.detail == {"importId": str(world.import_of(world.analysed)), "erased": 1, "inFlight": 0}
