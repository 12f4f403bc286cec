"""Takes the pictures for README and docs, of the demo's data: `make pictures`, or one kind with `ONLY=console` or `ONLY=dagster`.

Add a picture of the console where a document shows it; those of the Dagster UI are in `tests.dagster_pictures`.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.embedded_postgres.server import ensure_database, remove_postgres, start_postgres
from livedash_pipeline.logs import configure_logging
from tests.browser.chromium import running_browser
from tests.browser.visitor import Visitor, visitor
from tests.browser.world import demo_world
from tests.dagster_pictures import take_dagster_pictures

IMAGES = Path(__file__).parent.parent / "docs" / "images"
_SIZE = {"width": 1200, "height": 820}


def main(kinds: Sequence[str]) -> int:
    """Takes all pictures, or those of the kinds given, in light and in dark."""
    if not {*kinds} <= _KINDS.keys():
        sys.stderr.write(f"Known are {' and '.join(_KINDS)}.\n")
        return 2
    configure_logging("text", logging.CRITICAL)
    for kind in kinds or _KINDS:
        _KINDS[kind]()
    return 0


def _take_dagster() -> None:
    with running_browser() as browser:
        take_dagster_pictures(browser, _save)


def _take_console() -> None:
    with tempfile.TemporaryDirectory(prefix="livedash-pictures-") as directory:
        home = Path(directory)
        server = start_postgres(home / "postgres")
        try:
            ensure_database(server, "pictures")
            engine = make_engine(server.url("pictures"))
            upgrade(engine)
            with demo_world(engine, home) as api, running_browser() as browser:
                for scheme in ("light", "dark"):
                    with visitor(browser, api, viewport=_SIZE, color_scheme=scheme) as person:
                        person.sign_in(api.admin)
                        _take_all(person, scheme)
            engine.dispose()
        finally:
            remove_postgres(home / "postgres")


def _take_all(person: Visitor, scheme: str) -> None:
    _take(person.open("/console/overview"), "console-overview", scheme)
    _take(
        person.open("/console/results?company=noorderlicht-retail&from=2025-05-01&to=2025-05-31"),
        "console-results",
        scheme,
    )
    page = person.open("/console/chat-batches")
    page.locator("tbody a").first.click()
    _take(page, "console-chat-batch", scheme)


def _take(page: Page, name: str, scheme: str) -> None:
    page.wait_for_load_state("networkidle")
    # What is being counted is there a moment later.
    page.wait_for_function("!document.querySelector('[data-refresh=\"1\"]')")
    _save(page, f"{name}-{scheme}")


def _save(page: Page, name: str) -> None:
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, type="png")
    sys.stderr.write(f"{path.relative_to(IMAGES.parent.parent)}: {path.stat().st_size:,} bytes\n")


_KINDS = {"console": _take_console, "dagster": _take_dagster}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
