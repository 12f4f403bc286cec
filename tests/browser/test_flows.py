"""What people come to the console for, done with a real browser from the menu on."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect
from sqlalchemy import text

from livedash_pipeline.kinds import KINDS
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.web.statics import static
from tests.api.world import Api, add_batch
from tests.browser.visitor import PHONE, visitor
from tests.browser.world import FAILED

COMPANY, OTHER = "noorderlicht-retail", "alpental-logistik"
QUESTIONS = (
    "chatId,question\na,How do I ask for leave?\na,And until when?\nb,Where is my payslip?\nc,=2+3 hours of what?\n"
)

# Of somebody without a script, a quarter of a second apart: more than any machine needs.
_LOOKS = 400


def count(api: Api, what: str, **values: object) -> int:
    with api.engine.connect() as connection:
        found: int = connection.execute(text(f"SELECT count(*) FROM {what}"), values).scalar_one()
    return found


def seen_when_there(page: Page, selector: str, script: bool) -> Locator:
    """Waits for a part of a page; without a script a reader looks again by hand."""
    found = page.locator(selector)
    for _ in range(0 if script else _LOOKS):
        if found.count():
            break
        page.get_by_role("link", name="Look again").first.click()
        page.wait_for_timeout(250)
    found.wait_for()
    return found


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without one"])
def test_a_chat_batch_goes_from_its_file_to_its_answers(
    world: Api, browser: Browser, tmp_path: Path, script: bool
) -> None:
    file = tmp_path / "questions.csv"
    file.write_text(QUESTIONS, encoding="utf-8")
    with visitor(browser, world, java_script_enabled=script) as person:
        person.sign_in(world.token(company=COMPANY))
        page = person.page
        page.get_by_role("link", name="Chat batches").click()
        page.get_by_role("link", name="Upload a file of questions").first.click()
        page.get_by_label("File").set_input_files(file)
        page.get_by_label("Name").fill(f"Trial {script}")
        page.get_by_role("button", name="Look at it").click()
        expect(page.get_by_text("How do I ask for leave?")).to_be_visible()
        expect(page.get_by_text("Cost at most")).to_be_visible()
        page.get_by_role("button", name="Make it and start").click()
        seen_when_there(page, "form.confirm button", script).click()
        seen_when_there(page, ".card:has-text('Answered') b:has-text('3')", script)
        page.goto(page.url.partition("?")[0])
        with page.expect_download() as loading:
            page.get_by_role("link", name="Results as CSV").click()
        with Path(loading.value.path()).open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
        page.get_by_role("link", name="First answers").click()
        expect(page.get_by_text("Where is my payslip?", exact=True)).to_be_visible()
    assert [row["status"] for row in rows] == ["completed"] * 4
    assert not any(value.startswith("=") for row in rows for value in row.values())
    assert person.errors == []


def test_failed_requests_are_tried_again_by_their_filter(world: Api, browser: Browser) -> None:
    with visitor(browser, world, viewport=PHONE) as person:
        person.sign_in(world.admin)
        page = person.page
        page.get_by_role("link", name="Requests", exact=True).click()
        page.get_by_label("Error code").fill("truncated")
        page.get_by_role("button", name="Show").click()
        page.get_by_role("link", name="Try all of these again").click()
        button = page.get_by_role("button", name=f"Try {FAILED} requests again")
        expect(button).to_be_visible()
        assert "error_code=truncated" in page.url
        assert count(world, "ai_processing_requests WHERE processing_status = 'PENDING_BATCHING'") == 0
        expect(page.locator("form.confirm")).to_contain_text("at most")
        button.click()
        expect(page.locator("main")).to_contain_text(f"{FAILED} put back to wait")
        assert count(world, "ai_processing_requests WHERE processing_status = 'PENDING_BATCHING'") == FAILED
    _cancel_what_was_sent(world, browser)


def _cancel_what_was_sent(world: Api, browser: Browser) -> None:
    """Goes on where the requests wait again: they are sent, and their batch is cancelled by hand."""
    with connect(world.settings.openai_base_url, "stand-in") as gateway:
        spool = world.settings.home / "spool"
        context = BatchContext(world.engine, gateway, KINDS, world.settings, spool_dir=spool, sleep=lambda _: None)
        (sent,) = submit_pending(context, ignore_minimum=True).submitted
    with visitor(browser, world) as person:
        person.sign_in(world.admin)
        page = person.page
        page.get_by_role("link", name="Batches", exact=True).click()
        page.locator(f"tbody a[href='/console/batches/{sent.batch_id}']").click()
        page.get_by_role("link", name="Cancel this batch").click()
        button = page.locator("form.confirm button")
        expect(button).to_contain_text(f"{FAILED} open requests")
        button.click()
        expect(page.locator("main")).to_contain_text("cancel")
    assert count(world, "ai_batch_requests WHERE cancel_requested_at IS NOT NULL") == 1


def test_an_analyst_looks_at_results_and_not_at_those_of_others(world: Api, browser: Browser) -> None:
    with visitor(browser, world) as analyst:
        analyst.sign_in(world.token(company=COMPANY))
        page = analyst.page
        assert "/console/results" in page.url
        analyst.open("/console/results?from=2025-05-01&to=2025-05-31")
        expect(page.locator("svg[role=img]").first).to_be_visible()
        expect(page.locator("main")).to_contain_text("Analysed")
        with page.expect_download() as loading:
            page.get_by_role("link", name="Download as CSV").click()
        assert Path(loading.value.path()).stat().st_size > 100
        for path in (f"/console/results?company={OTHER}", f"/console/sessions?company={OTHER}", "/console/requests"):
            answer = page.goto(world.origin + path)
            assert answer is not None
            assert answer.status in (403, 404)
            assert OTHER not in page.locator("main").inner_text().replace(f"'{OTHER}'", "")


def test_a_chat_is_read_and_that_is_written_down(world: Api, browser: Browser) -> None:
    before = count(world, "audit_log WHERE action = 'read_texts'")
    with visitor(browser, world) as person:
        # A token of its own: looks again at the same chat within ten minutes are one line.
        person.sign_in(world.token())
        page = person.page
        page.get_by_role("link", name="Sessions", exact=True).click()
        page.locator("tbody a").first.click()
        page.get_by_role("link", name="Read the chat").click()
        expect(page.locator("main")).to_contain_text("User")
    assert count(world, "audit_log WHERE action = 'read_texts'") == before + 1


def test_a_keyboard_alone_signs_in_and_reaches_a_page(world: Api, browser: Browser) -> None:
    with visitor(browser, world) as person:
        page = person.open("/console/sign-in")
        page.keyboard.type(world.admin)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Sign out").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_what_goes_on_is_shown_until_it_is_paused(world: Api, browser: Browser) -> None:
    with world.engine.begin() as connection:
        company = connection.execute(text("SELECT id FROM companies WHERE slug = :slug"), {"slug": OTHER}).scalar_one()
        batch = add_batch(connection, company, endpoint="elsewhere.example/v1")
    try:
        with visitor(browser, world) as person:
            person.sign_in(world.admin)
            page = person.open("/console/overview")
            button = page.get_by_role("button", name="Pause")
            expect(button).to_be_visible()
            with page.expect_response("**/console/overview"):
                pass
            button.click()
            expect(page.get_by_role("button", name="Go on")).to_have_attribute("aria-pressed", "true")
    finally:
        with world.engine.begin() as connection:
            connection.execute(text("DELETE FROM ai_batch_requests WHERE id = :id"), {"id": batch})


def test_a_count_that_fails_ends_in_the_page_that_says_so(world: Api, browser: Browser) -> None:
    looks: list[str] = []
    section = '<!doctype html><title>x</title><section id="a" data-refresh="1">counting</section>'

    def answer(route: Route) -> None:
        looks.append(route.request.url)
        if len(looks) == 1:
            route.fulfill(body=f'{section}<script src="{static("console.js")}"></script>', content_type="text/html")
        else:
            route.fulfill(status=500, body="it failed")

    with visitor(browser, world) as person:
        person.page.route("**/console/counted", answer)
        page = person.open("/console/counted")
        expect(page.locator("body")).to_contain_text("it failed", timeout=10_000)
