"""The common entry: `python -m tests.benchmarks`, or `make bench`; `--help` lists the options.

Several sizes or names are separated by commas; with several sizes, the growth from one to the next is told as well. A goal
that is not met is no failure, since speed is measured here and never asserted; a bench that breaks is, with exit status 1. No
setting is read: the embedded Postgres, as users have it, lives in a temporary directory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TextIO

import psutil

from livedash_pipeline.embedded_postgres.server import remove_postgres, start_postgres
from tests.benchmarks.apart import NAMES
from tests.benchmarks.charts import write_charts
from tests.benchmarks.figures import Figure, growths, line, shown_size, table
from tests.e2e.programs import clean_environ

_SUFFIXES = {"k": 1_000, "m": 1_000_000}
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads arguments, measures, and prints."""
    asked = _arguments(arguments)
    progress = sys.stderr if asked.json else sys.stdout
    machine = describe_machine()
    _say(progress, "; ".join(f"{name} {value}" for name, value in machine.items()))
    # `finally` is to be reached by every way to the end.
    for number in _SIGNALS:
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    figures, broken = _measure_all(asked.size, asked.only, progress)
    grown = growths(figures)
    if asked.charts is not None:
        for path in write_charts(figures, asked.charts):
            _say(progress, f"wrote {path}")
    if asked.json:
        document = {
            "machine": machine,
            "figures": [figure.document() for figure in figures],
            "growth": [{**vars(growth), "met": growth.met} for growth in grown],
            "broken": broken,
        }
        _say(sys.stdout, json.dumps(document, indent=2))
    else:
        _say(sys.stdout, "\n".join(["", table(figures), *map(str, grown)]))
    return int(bool(broken))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--size", type=_sizes, default=[100_000], help="sessions, such as 10k, 100k or 1m (default 100k)"
    )
    parser.add_argument("--only", type=_names, default=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout, progress on stderr")
    parser.add_argument("--charts", type=Path, metavar="DIRECTORY", help="write charts of the figures there, as SVG")
    return parser.parse_args(arguments)


def _sizes(text: str) -> list[int]:
    return sorted({_size(part) for part in text.lower().split(",")})


def _size(text: str) -> int:
    number, factor = (text[:-1], _SUFFIXES[text[-1]]) if text[-1:] in _SUFFIXES else (text, 1)
    if not number.isdigit() or int(number) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of sessions; use 10k, 100k or 1m")
    return int(number) * factor


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no bench {unknown[0]!r}; there are {', '.join(NAMES)}")
    return names


def _measure_all(sizes: Sequence[int], names: Sequence[str], progress: TextIO) -> tuple[list[Figure], list[str]]:
    """All figures, and the benches that broke."""
    home = Path(tempfile.mkdtemp(prefix="livedash-bench-"))
    figures: list[Figure] = []
    broken: list[str] = []
    try:
        start_postgres(home)
        for size in sizes:
            for name in names:
                found = _measure(name, size, home)
                if found is None:
                    broken.append(f"{name}, {shown_size(size)}")
                    _say(progress, f"{broken[-1]}: BROKEN, see above")
                    continue
                figures += found
                for figure in found:
                    _say(progress, line(figure))
    finally:
        # What has been begun here is finished, however impatient somebody is: a server must not stay behind.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        remove_postgres(home)
        shutil.rmtree(home, ignore_errors=True)
    return figures, broken


def _measure(name: str, size: int, home: Path) -> list[Figure] | None:
    """The figures of one bench, measured in a process of its own; None if it broke, which it has said on stderr."""
    command = [sys.executable, "-m", "tests.benchmarks.apart", name, str(size), str(home)]
    with subprocess.Popen(
        command, env=clean_environ(home), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        try:
            said, _ = process.communicate()
        finally:
            process.terminate()
    shutil.rmtree(home / "scratch", ignore_errors=True)
    return None if process.returncode else [_figure(document) for document in json.loads(said)]


def _figure(document: dict[str, Any]) -> Figure:
    return Figure(**{field.name: document[field.name] for field in fields(Figure)})


def describe_machine() -> dict[str, str]:
    """What figures depend on, as far as it can be asked."""
    memory = psutil.virtual_memory()
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory.total / 1e9:.0f} GB",
        "load": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _say(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()
