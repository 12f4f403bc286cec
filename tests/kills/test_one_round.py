"""One round with real processes: a submitter and the server die while a create is under way. `make soak-kills` plays many."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.kills.plan import MADE, RUN, Kill, Launch, Plan, Trigger, Wave, draw_plan
from tests.kills.rounds import RoundResult, run_round
from tests.support.patience import HANGS

# The server has made the batch, and takes longer to say so than the harness needs to notice, on a busy machine too.
_DURING_CREATE = Trigger(0, MADE)
_PLAN = Plan(
    seed=1,
    sessions=(4,),
    more=0,
    speed=40,
    pool=1,
    settings={"LIVEDASH_CREATE_DEADLINE": "120", "LIVEDASH_LEASE": "300"},
    faults=({"kind": "slow", "operation": "create_batch", "seconds": 60},),
    waves=(
        Wave(
            "submit",
            (Launch("submit"),),
            (Kill("worker", _DURING_CREATE), Kill("server", _DURING_CREATE, down=0.2)),
        ),
    ),
)


def _processes_of(directory: Path) -> list[str]:
    """Processes that work below a directory or were told of it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(directory) in f"{line} {process.info['cwd']}":
            found.append(line)
    return found


@pytest.mark.longest
@pytest.mark.timeout(HANGS)
def test_a_create_whose_submitter_and_server_were_killed_is_adopted_and_paid_for_once(tmp_path: Path) -> None:
    result: RoundResult = run_round(_PLAN, tmp_path, threading.Event())
    assert result.violations == []
    assert result.havoc.hits == {"worker": 1, "server": 1}
    assert result.restarts == 1
    assert len(result.havoc.unknown_creates) == 1
    assert result.events["batch adopted"] == 1
    assert (result.requests, result.batches, result.surplus) == (4, 1, 0)
    # The killed one's; it was reported as failed by the command after it.
    assert result.runs["FAILURE"] == 1
    assert set(result.runs) == {"SUCCESS", "FAILURE"}
    assert list(tmp_path.iterdir()) == []
    assert _processes_of(tmp_path) == []


def test_the_same_seed_draws_the_same_plan() -> None:
    assert draw_plan(7) == draw_plan(7)
    assert len({str(draw_plan(seed)) for seed in range(50)}) == 50


def test_plans_kill_everything_and_several_workers_in_one_round() -> None:
    plans = [draw_plan(seed) for seed in range(50)]
    kills = [kill for plan in plans for wave in plan.waves for kill in wave.kills]
    assert {kill.target for kill in kills} == {"worker", "server", "postmaster", "backend"}
    assert any(sum(kill.target == "worker" for kill in wave.kills) > 1 for plan in plans for wave in plan.waves)
    assert any(kill.trigger.event == RUN for kill in kills)
    assert max(sum(plan.sessions) for plan in plans) <= 24


@pytest.mark.longest
@pytest.mark.timeout(HANGS)
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    output = tmp_path / "said"
    with output.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills", "--rounds", "2"],
            env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
            cwd=Path(__file__).parent.parent.parent,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        while not any(tmp_path.rglob("*-db.out")):
            assert process.poll() is None, output.read_text()
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM
    finally:
        process.kill()
    assert "0 rounds with violations" in output.read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["said"]
    assert _processes_of(tmp_path) == []
