"""A file of questions from its upload to the download of its answers, in a real browser."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from livedash_pipeline.local.sample_data.demo_set import demo_companies
from tests.api.world import Api
from tests.browser.visitor import PHONE, visitor

COMPANY = demo_companies()[0].slug
SCOPES = ["chats:read", "chats:write", "texts:read"]
QUESTIONS = "id,question,answer\n" + "".join(f"{n},What is {n} + 3?,{n + 3}\n" for n in range(12))


def _upload(page: Page, path: Path) -> None:
    page.get_by_role("link", name="Chat batches").click()
    page.get_by_role("link", name="Upload a file of questions").first.click()
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_label("Name", exact=True).fill("Sums 🌱")
    page.get_by_role("button", name="Look at it").click()


def test_a_file_is_tried_resumed_watched_and_downloaded(world: Api, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text(QUESTIONS, encoding="utf-8")
    with visitor(browser, world, accept_downloads=True) as analyst:
        page = analyst.page
        analyst.sign_in(world.token(company=COMPANY, scopes=SCOPES))
        _upload(page, path)
        expect(page.get_by_text("What is 11 + 3?")).to_have_count(0)
        expect(page.get_by_text("What is 2 + 3?")).to_be_visible()
        assert (analyst.faults(), analyst.is_too_wide()) == ([], False)
        page.get_by_role("button", name="Make it and try the first 10").click()
        page.get_by_role("button", name="Try: 10 conversations").click()
        # The page goes on by itself.
        expect(page.get_by_text("The trial is over")).to_be_visible(timeout=60_000)
        assert (analyst.faults(), analyst.is_too_wide()) == ([], False)
        page.get_by_role("link", name="Resume").click()
        page.get_by_role("button", name="Resume: 2 conversations").click()
        expect(page.get_by_text("completed", exact=True)).to_be_visible(timeout=60_000)
        with page.expect_download() as started:
            page.get_by_role("link", name="Results as CSV").click()
        rows = list(csv.DictReader(io.StringIO(started.value.path().read_text(encoding="utf-8"))))
        assert [(row["id"], row["status"]) for row in rows] == [(str(n), "completed") for n in range(12)]
        page.get_by_role("link", name="First answers").click()
        expect(page.get_by_role("heading", name="What is 0 + 3?")).to_be_visible()
        assert (analyst.faults(), analyst.is_too_wide()) == ([], False)
        page.go_back()
        page.get_by_role("link", name="Compare with the answers that the file expects").click()
        page.get_by_role("link", name="Side by side, with texts").click()
        expect(page.get_by_role("columnheader", name="B", exact=True)).to_be_visible()
        assert (analyst.faults(), analyst.is_too_wide()) == ([], False)
    assert (analyst.errors, analyst.strangers) == ([], [])


def test_a_file_is_uploaded_on_a_phone_in_the_dark_without_a_script(
    world: Api, browser: Browser, tmp_path: Path
) -> None:
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text('question\n""\n"never closed\n', encoding="utf-8")
    good.write_text("question\nWho is it?\n", encoding="utf-8")
    with visitor(browser, world, viewport=PHONE, color_scheme="dark", java_script_enabled=False) as analyst:
        page = analyst.page
        analyst.sign_in(world.token(company=COMPANY, scopes=SCOPES))
        _upload(page, bad)
        expect(page.get_by_role("alert")).to_contain_text("cannot be used")
        expect(page.get_by_role("cell", name="is never closed")).to_be_visible()
        page.get_by_label("File", exact=True).set_input_files(good)
        page.get_by_role("button", name="Look at it").click()
        page.get_by_role("button", name="Make the batch").click()
        page.get_by_text("Cancel", exact=True).click()
        page.get_by_role("button", name="Cancel the batch").click()
        expect(page.get_by_text("cancelled", exact=True)).to_be_visible()
    # Chromium says of the page with the errors that its status is 422.
    assert ([error for error in analyst.errors if "422" not in error], analyst.strangers) == ([], [])
