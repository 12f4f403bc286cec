"""Tries the HTTP API with thousands of requests: `python -m tests.api.soak`, resumable by its seed.

Prints a line per round and what failed with the seed that shows it again; the exit status is 1 if anything did.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.migrate import upgrade
from livedash_pipeline.embedded_postgres.server import ensure_database, remove_postgres, start_postgres
from livedash_pipeline.logs import configure_logging
from tests.api.explore import Tried, explore, site, unique_home


def main() -> int:
    """Runs rounds until enough cases were tried or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=6000, help="requests to try at least")
    parser.add_argument("--max-examples", type=int, default=40, help="generated requests an operation and round")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first round")
    parser.add_argument("--minutes", type=float, default=30, help="no round begins later than this")
    options = parser.parse_args()
    configure_logging("text", logging.CRITICAL)
    end = time.monotonic() + options.minutes * 60
    cases, failures, seed = 0, 0, options.seed
    with tempfile.TemporaryDirectory(prefix="livedash-soak-http-") as directory:
        home = Path(directory)
        server = start_postgres(home)
        try:
            while cases < options.cases and time.monotonic() < end:
                name = f"soak_{seed}"
                ensure_database(server, name)
                tried = _round(server.url(name), unique_home(home), seed, options.max_examples)
                cases, failures = cases + tried.cases, failures + len(tried.failures)
                say(f"seed {seed}: {tried.cases:,} cases, {len(tried.failures)} failures, {cases:,} cases in all")
                for failure in tried.failures[:10]:
                    say(failure)
                seed += 1
        finally:
            remove_postgres(home)
    say(f"{cases:,} cases, {failures} failures. The next seed is {seed}.")
    return 1 if failures else 0


def _round(database_url: str, home: Path, seed: int, max_examples: int) -> Tried:
    """Both roles on a fresh database."""
    engine = make_engine(database_url)
    try:
        upgrade(engine)
        whole = Tried()
        with site(engine, home) as api:
            for company in (False, True):
                tried = explore(api, company=company, max_examples=max_examples, seed=seed)
                whole.cases += tried.cases
                whole.failures += tried.failures
        return whole
    finally:
        engine.dispose()


def say(line: str) -> None:
    """One line at once, for whoever watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
