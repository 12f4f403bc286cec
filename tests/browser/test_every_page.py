"""Every kind of page, as a new user comes to it: at three widths, in light and dark, with and without scripts, and printed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.api.world import Api
from tests.browser.visitor import DESKTOP, PHONE, TABLET, visitor

START = ["/console/begin"]


@pytest.fixture(scope="module")
def pages(world: Api, browser: Browser) -> list[str]:
    """One address of each kind of page that an operator reaches."""
    with visitor(browser, world) as operator:
        operator.sign_in(world.admin)
        return operator.kinds_of_pages(START)


def test_the_menu_leads_to_every_page(world: Api, browser: Browser, pages: list[str]) -> None:
    from livedash_pipeline.web.navigation import ENTRIES

    reached = {path.partition("?")[0] for path in pages}
    assert {entry.href for entry in ENTRIES} <= reached


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop, light", "phone, dark"]
)
def test_nothing_keeps_anybody_out_or_leaves_the_host(
    world: Api, browser: Browser, pages: list[str], viewport: Any, scheme: str
) -> None:
    with visitor(browser, world, viewport=viewport, color_scheme=scheme) as somebody:
        somebody.sign_in(world.admin)
        faults, wide = [], []
        for path in pages:
            somebody.open(path)
            faults += somebody.faults()
            wide += [path] if somebody.is_too_wide() else []
    assert (faults, wide, somebody.errors, somebody.strangers) == ([], [], [], [])


def test_pages_fit_a_tablet_and_work_without_a_script(world: Api, browser: Browser, pages: list[str]) -> None:
    with visitor(browser, world, viewport=TABLET, java_script_enabled=False) as somebody:
        somebody.sign_in(world.admin)
        for path in pages:
            page = somebody.open(path)
            assert page.locator("h1").count() == 1, path
    assert (somebody.errors, somebody.strangers) == ([], [])


def test_a_company_reaches_its_pages_alone(world: Api, browser: Browser) -> None:
    with visitor(browser, world) as analyst:
        analyst.sign_in(world.token(company="noorderlicht-retail"))
        menu = analyst.page.locator("header nav a").all_inner_texts()
        assert menu == ["Sessions", "Results", "Spend", "Chat batches"]
        for path in analyst.kinds_of_pages(START):
            analyst.open(path)
            assert analyst.faults() == []
            assert "alpental" not in analyst.page.content().lower()
    assert analyst.errors == []


def test_a_page_is_printed_without_its_menu(world: Api, browser: Browser) -> None:
    with visitor(browser, world) as somebody:
        somebody.sign_in(world.admin)
        somebody.page.emulate_media(media="print")
        assert not somebody.page.locator("header.top").is_visible()
        assert somebody.page.locator("h1").is_visible()
