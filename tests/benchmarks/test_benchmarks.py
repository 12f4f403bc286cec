"""Every bench runs and tells its figures, with so few sessions that nothing can be learned from them; no time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.benchmarks.apart import NAMES, bench
from tests.benchmarks.charts import ratios_of_reads, time_against_size, write_charts
from tests.benchmarks.figures import Figure, growths, line, percentile, table
from tests.benchmarks.peer_programs import FOLDER, PEERS, NotInstalledError, Peer, python_of
from tests.benchmarks.site import Site
from tests.benchmarks.workers import Report, Together
from tests.e2e.programs import clean_environ

ROOT = Path(__file__).parents[2]
SIZE = 200


@pytest.mark.parametrize("name", NAMES)
def test_each_bench_tells_what_it_measured(name: str, engine: Engine, tmp_path: Path) -> None:
    figures = bench(name)(Site(engine, tmp_path, apart=False), SIZE)
    assert figures[0].name.startswith(name)
    assert [figure.name for figure in figures if not figure.seconds or not figure.peak_mb or not figure.measured] == []
    assert any(figure.goal is not None for figure in figures)
    assert len(table(figures).splitlines()) == 1 + len(figures)


def test_the_command_measures_in_processes_of_their_own_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--size", "50", "--only", "poll", "--json"]
    environ = clean_environ(tmp_path, TMPDIR=str(tmp_path), OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr.decode()
    document = json.loads(done.stdout)
    measured = {(figure["name"], figure["size"]) for figure in document["figures"]}
    assert measured == {("poll", 50), ("poll: calls", 50)}
    assert (document["growth"], document["broken"]) == ([], [])
    assert list(tmp_path.glob("livedash-bench-*")) == []


def test_a_name_that_is_no_bench_is_refused() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--only", "sleep"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=180)
    assert done.returncode == 2
    assert b"there is no bench 'sleep'" in done.stderr


def test_a_ratio_a_duration_and_a_rate_are_compared_with_their_goals() -> None:
    slow = Figure("import", 1_000_000, 1_000_000, 48.8, 150, yardstick=13.3, goal=2)
    quick = Figure("ingest: settling a batch", 50_000, 50_000, 8.9, 450, unit="s", goal=15)
    rate = Figure("submissions", 100, 100, 1, 150, value=2_500, unit="/s", goal=2_000, at_least=True)
    assert (slow.met, quick.met, rate.met) == (False, True, True)
    assert line(slow) == "import, 1m: 48.80 s, yardstick 13.30 s, 3.67 ×, goal ≤ 2 ×: NOT met, peak 150 MB"
    assert line(quick).endswith("8.90 s, goal ≤ 15 s: met, peak 450 ! MB")
    assert "≥ 2,000 /s" in table([rate])


def test_growth_is_that_of_one_row_from_size_to_size() -> None:
    small, large = (
        Figure("import", size, size, seconds, 100, yardstick=1) for size, seconds in ((10, 1.0), (100, 12.0))
    )
    (growth,) = growths([large, small])
    assert (growth.smaller, growth.larger, growth.met) == (10, 100, False)
    assert growth.time == pytest.approx(1.2)


def test_a_read_of_a_larger_database_is_compared_as_a_whole_from_a_tenth_of_a_second_on() -> None:
    sizes = ((10, 0.01), (100, 0.15), (1_000, 0.6))
    figures = [Figure("large: status", size, 1, seconds, 100, unit="s", whole=True) for size, seconds in sizes]
    first, second = growths(figures)
    assert (round(first.time, 3), first.met, round(second.time, 3), second.met) == (1.5, True, 4.0, False)
    assert str(second) == "large: status: from 100 to 1k time × 4.00, goal ≤ × 2: NOT met"


def test_charts_show_steps_by_size_and_the_reads_that_grow_most(tmp_path: Path) -> None:
    steps = [Figure("import", size, size, size / 10, 100, unit="s") for size in (10, 100)]
    parts = [Figure("import: rejects", size, size, 1, 100, unit="s") for size in (10, 100)]
    reads = [
        Figure(f"large: read {number}", size, 1, seconds, 100, unit="s", whole=True)
        for number in range(20)
        for size, seconds in ((10, 1.0), (100, 1.0 + number))
    ]
    times, ratios = time_against_size([*steps, *parts, *reads]), ratios_of_reads([*steps, *parts, *reads])
    assert [(series.name, list(series.values)) for series in times.series] == [("import", [1.0, 10.0])]
    assert (len(ratios.labels), ratios.labels[0], ratios.series[0].values[0]) == (12, "read 19", 20.0)
    files = write_charts([*steps, *parts, *reads], tmp_path / "charts")
    assert [path.read_text().lstrip().startswith("<svg") for path in files] == [True, True]
    assert write_charts(steps, tmp_path) == [tmp_path / "bench-time-against-size.svg"]


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 99.0


def test_a_peer_that_cannot_be_installed_is_told_and_the_rest_is_measured(tmp_path: Path) -> None:
    lock = tmp_path / "peers" / "nobody.lock"
    lock.parent.mkdir()
    lock.write_text("nobody==1 --hash=sha256:" + "0" * 64 + "\n")
    with pytest.raises(NotInstalledError, match="nobody==1"):
        python_of(Peer("nobody", "nobody", ""), tmp_path / "environments", lock.parent, ("--no-index", "--isolated"))
    told = Figure("peers: nobody", 200, 200, 0, 0, note="not installed: no matching distribution")
    assert line(told) == "peers: nobody, 200: not installed: no matching distribution"
    assert "not installed" in table([told])
    assert growths([told, Figure("peers: nobody", 400, 400, 1, 1, unit="s")]) == []


@pytest.mark.parametrize("peer", PEERS)
def test_each_peer_has_a_module_and_a_lock_without_addresses(peer: Peer) -> None:
    assert (FOLDER / f"{peer.name}.py").exists()
    locked = (FOLDER / f"{peer.name}.lock").read_text()
    assert all(f"{name}==" in locked for name in peer.requirement.split())
    assert "--hash=sha256:" in locked
    assert "://" not in locked


def test_a_name_that_two_workers_tell_of_is_seen_twice() -> None:
    together = Together(1.0, [Report(2, ["a", "b"], 10.0), Report(1, ["b"], 20.0)])
    assert (together.rows, together.names, together.peak_mb) == (3, ["a", "b", "b"], 20.0)
