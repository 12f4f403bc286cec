"""Takes the pictures of the Dagster UI, as a first visit after `make demo` finds it: part of `make pictures`.

Add a picture where a document shows it. Times and ids in them differ from run to run, and nothing else does.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, Response

from livedash_pipeline.embedded_postgres.server import remove_postgres
from livedash_pipeline.local.ports import HOST, free_port
from livedash_pipeline.local.processes import started
from livedash_pipeline.runtime.dagster_home import workspace_file
from livedash_pipeline.runtime.environment import prepare
from livedash_pipeline.settings import isolated_settings
from tests.e2e.programs import clean_environ, livedash

Scheme = Literal["light", "dark"]
_SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# The UI loads its code location and asks the server for everything that it shows, on a machine that may be busy.
_PATIENCE = 120_000
# One without chat batches, whose newest results are those of its sessions.
COMPANY = "bosporus-hotels"
_LOOK_INTERVAL, _STILL_LOOKS, _MOST_LOOKS = 1_000, 3, 20


def take_dagster_pictures(browser: Browser, save: Callable[[Page, str], None]) -> None:
    """Runs the demo in a home of its own, and saves each picture in light and in dark."""
    with tempfile.TemporaryDirectory(prefix="livedash-demo-") as directory, _ui_after_a_demo(Path(directory)) as origin:
        for scheme in _SCHEMES:
            take_pages(browser, origin, scheme, save)


def take_pages(browser: Browser, origin: str, scheme: Scheme, save: Callable[[Page, str], None]) -> None:
    """Saves the pictures of a UI that runs already."""
    for name, (width, height, look) in _PICTURES.items():
        with browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme) as context:
            context.set_default_timeout(_PATIENCE)
            page = context.new_page()
            look(page, origin)
            _wait_until_still(page)
            save(page, f"{name}-{scheme}")


@contextmanager
def _ui_after_a_demo(directory: Path) -> Iterator[str]:
    home = directory / "home"
    try:
        with livedash("demo", "--json", home=home, environ=clean_environ(home), directory=directory) as program:
            if program.finish() != 0:
                sys.exit(program.said())
        environment = prepare(isolated_settings({"LIVEDASH_HOME": str(home)}))
        port = free_port()
        arguments = ("--workspace", str(workspace_file(environment.settings)), "--port", str(port))
        with started(
            "Dagster's webserver",
            ("livedash_pipeline.defs.webserver", *arguments),
            environ={**os.environ, **environment.exports()},
            directory=environment.settings.own_dagster_home,
            log=home / "logs" / "dagster-webserver.log",
        ) as webserver:
            _wait_for(port, webserver.check_alive)
            yield f"http://{HOST}:{port}"
    finally:
        remove_postgres(home)


def _wait_until_still(page: Page) -> None:
    """Waits until the page looks the same for some looks on end: what it asks the server for comes piece by piece."""
    page.wait_for_load_state("networkidle")
    last, same = b"", 0
    # A cursor that blinks or a clock that counts keeps no picture from being taken.
    for _ in range(_MOST_LOOKS):
        page.wait_for_timeout(_LOOK_INTERVAL)
        seen = page.screenshot(animations="disabled", caret="hide")
        last, same = seen, same + 1 if seen == last else 0
        if same == _STILL_LOOKS:
            return


def _wait_for(port: int, check_alive: Callable[[], None]) -> None:
    import socket
    import time

    while True:
        check_alive()
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            time.sleep(0.5)
        else:
            return


def _graph(page: Page, origin: str) -> None:
    with page.expect_response(_is_about("AssetGraphLiveQuery")):
        page.goto(f"{origin}/asset-groups")
        page.get_by_text("analysis", exact=True).first.wait_for()
    page.get_by_text("Hide navigation").click()
    # The list of groups beside the graph.
    page.locator("button:has([aria-label=panel_show_right])").first.click()
    with page.expect_response(_is_about("AssetGraphLiveQuery")):
        # All groups unfold.
        page.keyboard.press("Alt+e")
        page.get_by_text("ingested_results", exact=True).first.wait_for()


def _is_about(operation: str) -> Callable[[Response], bool]:
    """Whether an answer is that of a GraphQL operation."""
    return lambda response: operation in (response.request.post_data or "")


def _runs(page: Page, origin: str) -> None:
    page.goto(f"{origin}/runs")
    page.get_by_text("health_checks", exact=True).first.wait_for()


def _results(page: Page, origin: str) -> None:
    page.goto(f"{origin}/assets/ingested_results?view=partitions&partition={COMPANY}")
    page.get_by_text("Metadata", exact=True).first.wait_for()


def _launchpad(page: Page, origin: str) -> None:
    page.goto(f"{origin}/locations/livedash_pipeline/jobs/requeue/playground")
    page.get_by_text("Launch Run").first.wait_for()


_PICTURES: dict[str, tuple[int, int, Callable[[Page, str], None]]] = {
    "dagster-graph": (1500, 600, _graph),
    "dagster-runs": (1280, 640, _runs),
    "dagster-results": (1280, 820, _results),
    "dagster-requeue": (1280, 620, _launchpad),
}
