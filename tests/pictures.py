"""Takes the console's pictures for README and docs, of the demo's data: `make pictures`.

Add a picture where a document shows it. Dagster's UI has pictures of its own, taken by hand.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.embedded_postgres.server import ensure_database, remove_postgres, start_postgres
from livedash_pipeline.logs import configure_logging
from tests.browser.chromium import running_browser
from tests.browser.visitor import Visitor, visitor
from tests.browser.world import demo_world

IMAGES = Path(__file__).parent.parent / "docs" / "images"
_SIZE = {"width": 1200, "height": 820}


def main() -> int:
    """Takes all pictures, in light and in dark."""
    configure_logging("text", logging.CRITICAL)
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
    return 0


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
    path = IMAGES / f"{name}-{scheme}.png"
    page.screenshot(path=path, type="png")
    sys.stderr.write(f"{path.relative_to(IMAGES.parent.parent)}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    sys.exit(main())
