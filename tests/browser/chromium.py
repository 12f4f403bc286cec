"""The system's Chromium, driven by Playwright: no browser is downloaded, and nothing that it asks the internet is let out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

# Set by `.ci/run`, where a missing browser is a failure and not a reason to leave tests out.
REQUIRED = "LIVEDASH_REQUIRE_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def executable() -> str | None:
    """Where the browser is; LIVEDASH_CHROMIUM names another one."""
    named = os.environ.get("LIVEDASH_CHROMIUM")
    return named or next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """A headless browser. Without one on this machine the test is skipped, and where one is required it fails."""
    path = executable()
    if path is None:
        message = "No Chromium is installed (Debian: apt-get install chromium); LIVEDASH_CHROMIUM may name one."
        if os.environ.get(REQUIRED):
            pytest.fail(message)
        pytest.skip(message)
    # Chromium refuses its sandbox to root, under which CI runs.
    arguments = [*_ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
