"""Somebody with a real browser, whose console errors and requests are watched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Route

from tests.api.world import Api

PHONE = {"width": 360, "height": 740}
TABLET = {"width": 820, "height": 1100}
DESKTOP = {"width": 1280, "height": 900}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
# What leads out of the pages, changes something or is a file.
_NO_PAGE = re.compile(r"/(docs|sign-in|static)|\.(csv|xlsx|json)\b|/template|/download|/results/file|format=")


@dataclass
class Visitor:
    """A tab, and what went wrong in it."""

    api: Api
    page: Page
    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Opens a page of the console."""
        self.page.goto(self.api.origin + path)
        return self.page

    def sign_in(self, token: str) -> None:
        """Signs in with a token."""
        self.open("/console/sign-in")
        self.page.get_by_label("Token", exact=True).fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("button", name="Sign out").wait_for()

    def faults(self) -> list[str]:
        """What axe finds wrong for people with a screen reader, a keyboard or weak eyes (WCAG 2.2 A and AA)."""
        self.page.evaluate(_axe())
        # What passes, most of what is found, is neither described nor sent here.
        found: list[dict[str, Any]] = self.page.evaluate(
            "tags => axe.run({runOnly: tags, resultTypes: ['violations']}).then(results => results.violations)",
            ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        )
        return [
            f"{self.page.url}: {one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
            for one in found
            for node in one["nodes"][:3]
        ]

    def is_too_wide(self) -> bool:
        """Whether the page itself, and not a table in it, has to be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"))

    def kinds_of_pages(self, start: Sequence[str], most: int = 80) -> list[str]:
        """One address of each kind of page that can be reached: pages about other ids or with other values are one kind."""
        seen: dict[str, str] = {}
        waiting = list(start)
        while waiting and len(seen) < most:
            path = waiting.pop(0)
            kind = _kind(path)
            if kind in seen:
                continue
            answer = self.page.goto(self.api.origin + path)
            assert answer is not None
            assert answer.status < 400, (path, answer.status)
            seen[kind] = path
            # Links of charts are of another kind than those of the page.
            found = "links => links.map(link => new URL(link.getAttribute('href'), location.href).href)"
            links: list[str] = self.page.eval_on_selector_all("a[href]", found)
            for link in links:
                parts = urlsplit(link)
                own = f"{parts.scheme}://{parts.netloc}" == self.api.origin and parts.path.startswith("/console/")
                if own and not _NO_PAGE.search(link):
                    waiting.append(parts.path + (f"?{parts.query}" if parts.query else ""))
        return list(seen.values())


def _kind(path: str) -> str:
    parts = urlsplit(path)
    names = sorted({pair.partition("=")[0] for pair in parts.query.split("&") if pair})
    # Of filters only the first is a kind of its own, so that their combinations are not.
    return _ID.sub("ID", re.sub(r"/companies/[a-z0-9-]+", "/companies/SLUG", parts.path)) + "?" + ",".join(names[:1])


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


@contextmanager
def visitor(browser: Browser, api: Api, **options: Any) -> Iterator[Visitor]:
    """A tab of its own, without cookies; requests to any other host are stopped and remembered."""
    with_options: dict[str, Any] = {"viewport": DESKTOP, "accept_downloads": True} | options
    context = browser.new_context(**with_options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    made = Visitor(api, page, context)

    def watch(route: Route) -> None:
        url = route.request.url
        if url.startswith(api.origin + "/"):
            route.continue_()
        else:
            made.strangers.append(url)
            route.abort()

    context.route("**/*", watch)
    page.on("console", lambda said: made.errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: made.errors.append(str(error)))
    try:
        yield made
    finally:
        context.close()
