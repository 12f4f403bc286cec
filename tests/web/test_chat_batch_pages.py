"""Pages of chat batches: from a file to its answers, for those whose batch it is and for nobody else."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from sqlalchemy import Engine, text

from livedash_pipeline.api import services
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.local.batch_api.server import RunningServer
from tests.api.world import Api, api_settings, running_api
from tests.support.chat_rounds import ScriptedChats, chat_context, make_batch
from tests.support.rows import insert_company
from tests.support.workbook_traps import trap
from tests.web.person import Page, Person, signed_in

pytest_plugins = ["tests.support.fixtures"]
QUESTIONS = b"id,Question,chatId,answer\n7,How do I apply for leave?,,With a form.\n8,What is 2 + 3?,,5\n"
HOSTILE = "<script>alert(1)</script>\u202egnp.exe " + "x" * 9_000
LIST = "/console/chat-batches"


@pytest.fixture
def api(engine: Engine, company: Company, batch_api: RunningServer, tmp_path: Path) -> Iterator[Api]:
    """The console beside a local server that answers; there are two companies."""
    assert company.slug == "acme"
    with engine.begin() as connection:
        insert_company(connection, "globex")
    settings = api_settings(tmp_path, openai_base_url=batch_api.base_url, openai_api_key="test-key")
    with running_api(settings, engine) as running:
        yield running


@pytest.fixture
def analyst(api: Api) -> Iterator[Person]:
    with signed_in(api, company="acme") as person:
        yield person


def as_xlsx() -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate((["id", "Question"], [7, "How do I apply for leave?"], [8, "What is 2 + 3?"])):
            sheet.write_row(number, 0, row)
    return content.getvalue()


FILES = {
    "questions.csv": QUESTIONS,
    "questions.xlsx": as_xlsx(),
    "questions.json": json.dumps([{"id": 7, "question": "How do I apply for leave?"}, "What is 2 + 3?"]).encode(),
}


def upload(person: Person, content: bytes = QUESTIONS, file_name: str = "questions.csv", **fields: str) -> Page:
    form = person.get(f"{LIST}/new").form("/uploads")
    return person.send(form, fields, files={"file": (file_name, content)})


def create(person: Person, preview: Page | None = None, **fields: str) -> Page:
    shown = preview or upload(person)
    return person.send(shown.form("/create"), fields)


def batch_of(page: Page) -> str:
    return page.response.url.path.split("/")[3]


def until(look: Callable[[], Page], word: str) -> Page:
    """Looks again until a page has a word."""
    end = time.monotonic() + 60
    while True:
        page = look()
        if word in page.text:
            return page
        assert time.monotonic() < end, page.text
        time.sleep(0.1)


def token_of(person: Person) -> str:
    """The token that somebody's forms carry."""
    return dict(person.get(LIST).form("/sign-out").fields)["form_token"]


def count(api: Api, table: str) -> int:
    with api.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def confirmed(person: Person, batch_id: str, way: str) -> Page:
    """Has a batch asked, by the page that says what it costs."""
    shown = until(lambda: person.get(f"{LIST}/{batch_id}/ask?way={way}"), "conversation")
    return person.send(shown.form("/ask"))


def test_a_file_is_refused_while_others_are_read(
    engine: Engine, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_UPLOADS_AT_ONCE", 0)
    with running_api(api_settings(tmp_path), engine) as running, signed_in(running, company=company.slug) as person:
        refused = upload(person)
        assert count(running, "chat_uploads") == 0
    assert (refused.status, "Send the file again" in refused.text) == (503, True)


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_shown_made_answered_and_downloaded(api: Api, analyst: Person, name: str) -> None:
    shown = upload(analyst, FILES[name], name, name="Frühling 🌱", pageLanguage="en")
    assert (shown.status, "/uploads/" in shown.response.url.path) == (200, True), shown.text
    assert "How do I apply for leave?" in shown.text
    assert "Cost at most €" in shown.text
    assert count(api, "chat_batches") == 0
    page = create(analyst, shown)
    batch_id = batch_of(page)
    assert ("Frühling 🌱" in page.text, "Nothing was asked yet" in page.text) == (True, True)
    assert "2 conversations are asked" in until(lambda: analyst.get(f"{LIST}/{batch_id}/ask?way=start"), "most €").text
    begun = confirmed(analyst, batch_id, "start")
    assert batch_of(begun) == batch_id
    done = until(lambda: analyst.get(f"{LIST}/{batch_id}"), "Answered 2")
    assert 'data-refresh="2"' not in done.response.text or "completed" in done.text
    answers = analyst.get(f"{LIST}/{batch_id}/answers")
    assert "What is 2 + 3?" in answers.text
    token = api.token(company="acme")
    for file_format in ("csv", "json"):
        mine = analyst.get(f"{LIST}/{batch_id}/results?format={file_format}")
        theirs = api.get(f"/api/batch/results?batchId={batch_id}&format={file_format}", token=token)
        assert mine.response.content == theirs.content
        assert mine.response.headers["content-disposition"] == theirs.headers["content-disposition"]
    assert analyst.get(f"{LIST}/{batch_id}/results?format=xlsx").response.content.startswith(b"PK")
    assert [row.action for row in api.audit() if row.action == "read_texts"] == ["read_texts"] * 4
    assert not any("leave" in json.dumps(row.detail) for row in api.audit())


def test_a_bad_file_is_shown_with_its_errors_by_line(api: Api, analyst: Person) -> None:
    page = upload(analyst, b'question,a\n,x\nB?,y,z\n"C?,\n', name="Kept name", mode="batch")
    assert page.status == 422
    assert "Errors by line Line What is wrong" in page.text
    for words in ("2 The row has text, but no question", "3 The row has 3 cells", "4 The quotation mark"):
        assert words in page.text
    assert ("name", "Kept name") in page.form("/uploads").fields
    assert ("mode", "batch") in page.form("/uploads").fields
    assert count(api, "chat_uploads") == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"pageLanguage": "klingon!"}, "is no language code"),
        ({"mode": "sideways"}, "is no mode"),
        ({"name": "n" * 201}, "cannot be called"),
        ({"dueAt": "tomorrow"}, "is no time with its zone"),
        ({"applyOverrides": "true"}, "neither the upload nor acme has an override text"),
        ({"company": "globex"}, "is not the token's own"),
        ({"unknown": "x"}, "is not known"),
    ],
)
def test_a_bad_field_is_said_beside_the_form(analyst: Person, fields: dict[str, str], words: str) -> None:
    page = upload(analyst, QUESTIONS, "questions.csv", **fields)
    assert (page.status, words in page.text) == (422, True), page.text


@pytest.mark.parametrize("name", ["one cell in the last corner", "nested entities", "a file cut short"])
def test_a_trap_is_refused_with_what_to_do(analyst: Person, name: str) -> None:
    page = upload(analyst, trap(name), "questions.xlsx")
    assert (page.status, "Mend the file" in page.text) == (422, True), page.text


def test_a_form_without_a_file_says_so(analyst: Person) -> None:
    form = analyst.get(f"{LIST}/new").form("/uploads")
    assert "No file was chosen" in analyst.send(form).text


def test_pressing_twice_makes_one_batch(api: Api, analyst: Person) -> None:
    shown = upload(analyst)
    first, second = create(analyst, shown), create(analyst, shown)
    assert batch_of(first) == batch_of(second)
    assert (count(api, "chat_batches"), count(api, "chat_uploads")) == (1, 0)
    assert batch_of(analyst.get(shown.response.url.path)) == batch_of(first)
    assert "is not kept any more" in analyst.get(f"{LIST}/uploads/{batch_of(first)}").text


def test_a_trial_asks_the_first_ten_and_a_resume_the_others(api: Api, analyst: Person) -> None:
    content = b"question\n" + b"".join(b"What is %d + 3?\n" % number for number in range(14))
    confirm = create(analyst, upload(analyst, content), then="try")
    assert confirm.response.url.path.endswith("/ask")
    batch_id = batch_of(confirm)
    shown = until(lambda: analyst.get(f"{LIST}/{batch_id}/ask?way=try"), "first 10 conversations are asked")
    analyst.send(shown.form("/ask"))
    tried = until(lambda: analyst.get(f"{LIST}/{batch_id}"), "The trial is over")
    assert "Answered 10" in tried.text
    assert "Set aside 4" in tried.text
    assert any(link.endswith("way=resume") for link in tried.links)
    confirmed(analyst, batch_id, "resume")
    done = until(lambda: analyst.get(f"{LIST}/{batch_id}"), "Answered 14")
    assert not any("way=" in link for link in done.links)
    assert "was done already" in analyst.get(f"{LIST}/{batch_id}/ask?way=resume").text
    with api.engine.connect() as connection:
        calls = connection.execute(text("SELECT count(*) FROM ai_request_attempts WHERE is_call")).scalar_one()
    assert calls == 14


def test_a_cancel_is_confirmed_and_shows_what_it_waits_for(api: Api, analyst: Person) -> None:
    page = create(analyst)
    batch_id = batch_of(page)
    assert "2 conversations that wait are cancelled" in page.text
    cancelled = analyst.send(page.form("/cancel"))
    assert "cancelled" in cancelled.text
    with api.engine.begin() as connection:
        connection.execute(text("UPDATE chats SET state = 'PROCESSING', tier = 'batch' WHERE item_index = 0"))
        connection.execute(
            text(
                "UPDATE chat_batches SET status = 'CANCELLING', ended_at = NULL, cancelled_items = 1, processing_items = 1"
            )
        )
    waiting = analyst.get(f"{LIST}/{batch_id}")
    assert "It is being cancelled: nothing starts any more, and 1 that are under way are waited for" in waiting.text
    assert [form.action for form in waiting.forms if batch_id in form.action] == []


def test_failed_ones_are_asked_again_with_their_count_and_cost(api: Api, analyst: Person) -> None:
    batch_id = batch_of(create(analyst))
    with api.engine.begin() as connection:
        connection.execute(text("UPDATE chats SET state = 'FAILED', outcome_code = 'lost', completed_at = now()"))
        connection.execute(
            text(
                "UPDATE chat_batches SET status = 'FAILED', failed_items = 2, pending_items = 0,"
                " started_at = created_at, ended_at = created_at"
            )
        )
    assert any(link.endswith("way=failed") for link in analyst.get(f"{LIST}/{batch_id}").links)
    shown = until(lambda: analyst.get(f"{LIST}/{batch_id}/ask?way=failed"), "2 conversations that failed")
    assert "for at most €" in shown.text
    analyst.send(shown.form("/ask"))
    assert "Failed 0" in until(lambda: analyst.get(f"{LIST}/{batch_id}"), "Answered 2").text


def test_counts_lead_to_their_conversations_without_texts(api: Api, analyst: Person) -> None:
    batch_id = batch_of(create(analyst))
    with api.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE chats SET state = 'FAILED', error_message = '<i>x</i>', completed_at = now() WHERE item_index = 1"
            )
        )
        connection.execute(text("UPDATE chat_batches SET failed_items = 1, pending_items = 1"))
    page = analyst.get(f"{LIST}/{batch_id}")
    failed = analyst.get(page.link("conversations?state=failed"))
    assert ("3 1 failed" in failed.text, "<i>x</i>" in failed.text, "<i>" in failed.response.text) == (
        True,
        True,
        False,
    )
    assert "What is" not in failed.text
    assert "No conversation matches" in analyst.get(f"{LIST}/{batch_id}/conversations?state=skipped").text
    assert "2 1 pending" in analyst.get(f"{LIST}/{batch_id}/conversations").text


def test_what_keeps_a_batch_waiting_is_said(api: Api, analyst: Person) -> None:
    batch_id = batch_of(create(analyst))
    with api.engine.begin() as connection:
        connection.execute(text("UPDATE companies SET status = 'SUSPENDED' WHERE slug = 'acme'"))
    confirmed(analyst, batch_id, "start")
    page = analyst.get(f"{LIST}/{batch_id}")
    assert "Nothing would be asked now. The company is suspended" in page.text
    assert 'data-refresh="2"' in page.response.text


def test_two_runs_are_compared_changed_only_and_in_pages(api: Api, analyst: Person) -> None:
    first, second = (batch_of(create(analyst)) for _ in range(2))
    for each in (first, second):
        confirmed(analyst, each, "start")
        until(partial(analyst.get, f"{LIST}/{each}"), "Answered 2")
    with api.engine.begin() as connection:
        connection.execute(
            text("UPDATE chat_interactions SET answer = :hostile WHERE batch_id = :id AND row_index = 0"),
            {"id": second, "hostile": HOSTILE},
        )
    assert any(f"compare?a={first}&b={second}" in link for link in analyst.get(f"{LIST}/{first}").links)
    page = until(lambda: analyst.get(f"{LIST}/compare?a={first}&b={second}"), "Changed 1")
    assert ("Same 1" in page.text, "alert(1)" in page.text, "How do I apply" in page.text) == (True, False, False)
    texts = until(lambda: analyst.get(f"{LIST}/compare/texts?a={first}&b={second}"), "How do I apply")
    assert "What is 2 + 3?" not in texts.text
    assert "<script>alert" not in texts.response.text
    assert "cut from 9,0" in texts.text
    everything = until(lambda: analyst.get(f"{LIST}/compare/texts?a={first}&b={second}&rows=all"), "How do I apply")
    assert "What is 2 + 3?" in everything.text
    expected = until(lambda: analyst.get(f"{LIST}/compare?a={first}"), "Missing 0")
    assert "what its file expects" in expected.text
    assert "Name a batch" in analyst.get(f"{LIST}/compare?a=").text


def test_others_see_nothing_of_a_batch_nor_of_an_upload(api: Api, analyst: Person) -> None:
    waiting = upload(analyst).response.url.path
    batch_id = batch_of(create(analyst))
    before = count(api, "chat_batches")
    foreign: list[dict[str, Any]] = [{"company": "globex"}, {"scopes": ["chats:read", "chats:write", "texts:read"]}]
    for rights in foreign:
        with signed_in(api, **rights) as other:
            for tail in ("", "/answers", "/results", "/conversations", "/ask?way=start"):
                assert other.get(f"{LIST}/{batch_id}{tail}").status == 404
            for tail in ("/ask", "/cancel", "/work"):
                fields = {"form_token": token_of(other), "way": "start"}
                assert other.post(f"{LIST}/{batch_id}{tail}", fields).status == 404
            for path in ("compare", "compare/texts"):
                assert other.get(f"{LIST}/{path}?a={batch_id}").status == 404
            assert other.get(waiting).status == 404
            assert other.post(f"{waiting}/create", {"form_token": token_of(other)}).status == 404
            assert "There are no chat batches yet" in other.get(LIST).text
    assert count(api, "chat_batches") == before
    with signed_in(api) as operator:
        assert "questions.csv" in operator.get(LIST).text
        assert operator.get(waiting).status == 404
    assert analyst.get(f"{LIST}?company=globex").status == 404


def test_rights_are_those_of_the_token(api: Api, analyst: Person) -> None:
    batch_id = batch_of(create(analyst))
    with signed_in(api, company="acme", scopes=["chats:read"]) as reader:
        page = reader.get(f"{LIST}/{batch_id}")
        assert "scope texts:read" in page.text
        assert not any("way=" in link or "/results" in link for link in page.links)
        for path in ("new", "template", f"{batch_id}/answers", f"{batch_id}/results", f"{batch_id}/ask?way=start"):
            assert reader.get(f"{LIST}/{path}").status == 403
        assert reader.post(f"{LIST}/{batch_id}/cancel", {"form_token": token_of(reader)}).status == 403
    with signed_in(api, company="acme", scopes=["texts:read", "sessions:read"]) as other:
        assert other.get(f"{LIST}/{batch_id}/answers").status == 403
        assert other.get(f"{LIST}/{batch_id}/results").status == 403
        assert other.get(f"{LIST}/compare/texts?a={batch_id}").status == 403


def test_an_operator_names_the_company(api: Api) -> None:
    with signed_in(api) as operator:
        assert "'company' is missing" in upload(operator).text
        made = create(operator, upload(operator, company="globex"))
        assert "globex" in made.text
        assert "questions.csv" in operator.get(f"{LIST}?company=globex&status=created").text
        assert "No chat batch matches" in operator.get(f"{LIST}?company=globex&status=failed").text


@pytest.mark.parametrize(
    "name", ["<b>x</b>.csv", "\u202efdp.csv", "../../etc/passwd.csv", '";x="y.csv', "n" * 180 + ".csv", "🌱 é.csv"]
)
def test_hostile_names_and_questions_do_no_harm(analyst: Person, name: str) -> None:
    content = ("question," + "h" * 300 + ',"<i>c</i>"\n"' + HOSTILE + '",=1+1,\u05e9\u05dc\u05d5\u05dd\n').encode()
    shown = upload(analyst, content, name)
    assert shown.status == 200, shown.text
    page = create(analyst, shown)
    for each in (shown, page, analyst.get(LIST)):
        assert each.status == 200
        for markup in ("<script>alert", "<i>c</i>", "<b>x</b>"):
            assert markup not in each.response.text
        assert len(each.response.content) < 60_000


def test_a_list_goes_on_where_its_page_ends(api: Api, analyst: Person) -> None:
    context = chat_context(api.engine, ScriptedChats())
    for number in range(33):
        make_batch(context, "acme", 1, name=f"Batch {number:02}")
    first = analyst.get(LIST)
    assert ("Batch 32" in first.text, "Batch 02" in first.text) == (True, False)
    following = analyst.get(first.link("cursor="))
    assert ("Batch 02" in following.text, "Batch 03" in following.text) == (True, False)
    assert len(first.response.content) < 60_000


@pytest.mark.parametrize("file_format", ["csv", "xlsx", "json"])
def test_a_template_can_be_uploaded_as_it_is(analyst: Person, file_format: str) -> None:
    found = analyst.get(f"{LIST}/template?format={file_format}").response
    shown = upload(analyst, found.content, f"questions.{file_format}")
    assert "Conversations 1 Questions 2" in shown.text


def test_a_batch_is_worked_on_in_the_background_once_more(api: Api, analyst: Person) -> None:
    batch_id = batch_of(create(analyst))
    api.post("/api/batch/try", {"batchId": batch_id, "items": 2}, token=api.token(company="acme"))
    page = analyst.get(f"{LIST}/{batch_id}")
    assert "chat_batch_sensor" in page.text
    begun = analyst.send(page.form("/work"))
    assert "This server works on it for 30 s" in begun.text or "Answered 2" in begun.text
    assert "completed" in until(lambda: analyst.get(f"{LIST}/{batch_id}"), "Answered 2").text
