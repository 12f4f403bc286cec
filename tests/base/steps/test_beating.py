"""A run beats while its process works, and learns that it was given up; time is the test's."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime, timedelta

import psutil
import pytest
from sqlalchemy import Connection, Engine

from livedash_pipeline.base.steps.beating import GivenUpError, beating
from livedash_pipeline.base.steps.machine import process_is_gone, this_machine, this_process
from livedash_pipeline.base.store.connect import make_engine
from livedash_pipeline.base.store.run_heartbeats import RunHeartbeat, give_up, read_heartbeats
from tests.conftest import NOW


class _Clock:
    """A database's clock that tells a second more at each look, and how often it was looked at."""

    def __init__(self) -> None:
        self.looks = 0
        self._more = threading.Condition()

    def __call__(self, _: Connection) -> datetime:
        with self._more:
            self.looks += 1
            self._more.notify_all()
        return NOW + timedelta(seconds=self.looks)

    def until(self, looks: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self.looks >= looks, timeout=60)


def _seen(engine: Engine) -> RunHeartbeat:
    with engine.connect() as connection:
        return read_heartbeats(connection, ["run"])["run"]


def _beats() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("beats-")]


def test_a_run_beats_until_it_ends_and_leaves_neither_thread_nor_connection(engine: Engine, database_url: str) -> None:
    own, clock = make_engine(database_url), _Clock()
    with beating(own, "run", "a_job", whole_run=True, now=clock, every=0.001):
        clock.until(4)
        seen = _seen(engine)
        assert seen.process == this_process()
        assert seen.signs.beat_at is not None
        assert seen.signs.beat_at > seen.signs.noticed_at
        assert seen.signs.ended_at is None
        assert _beats() == ["beats-run"]
    assert _seen(engine).signs.ended_at is not None
    assert _beats() == []
    assert "Connections in pool: 0 " in own.pool.status()


def test_a_run_that_was_given_up_does_not_end_well(engine: Engine, database_url: str) -> None:
    with (
        pytest.raises(GivenUpError, match="Run run was given up") as raised,
        beating(make_engine(database_url), "run", "a_job", whole_run=True, every=60),
        engine.begin() as connection,
    ):
        assert give_up(connection, read_heartbeats(connection, ["run"])["run"], now=NOW)
    assert raised.value.remedy
    refused = make_engine(database_url)
    with pytest.raises(GivenUpError), beating(refused, "run", "a_job", whole_run=True):
        pytest.fail("it does not begin again")
    assert "Connections in pool: 0 " in refused.pool.status()


def test_the_failure_of_a_run_that_was_given_up_is_its_own(engine: Engine, database_url: str) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        beating(make_engine(database_url), "run", "a_job", whole_run=True, every=60),
    ):
        with engine.begin() as connection:
            give_up(connection, read_heartbeats(connection, ["run"])["run"], now=NOW)
        raise ZeroDivisionError


def test_a_beat_that_fails_is_made_up_for_by_the_next_one(engine: Engine, database_url: str) -> None:
    clock = _Clock()

    def failing_now_and_then(connection: Connection) -> datetime:
        if clock(connection).second % 2:
            connection.exec_driver_sql("SELECT 1 / 0")
        return clock(connection)

    with beating(make_engine(database_url), "run", "a_job", whole_run=True, now=clock, every=60) as signs:
        signs._now = failing_now_and_then
        over = threading.Event()
        thread = threading.Thread(target=signs.go_on, args=(over, 0.001))
        thread.start()
        clock.until(12)
        over.set()
        thread.join()
        signs._now = clock
    assert _seen(engine).signs.beat_at is not None


def test_of_this_machine_a_process_is_gone_when_it_was_killed_and_when_its_id_came_again() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    me = this_process()
    try:
        found = psutil.Process(child.pid)
        process = replace(me, pid=child.pid, started=round(found.create_time() - psutil.boot_time(), 2))
        assert not process_is_gone(process)
        assert process_is_gone(replace(process, started=process.started - 3600))
        child.kill()
        # Not waited for yet: a zombie is gone as well.
        while found.status() != psutil.STATUS_ZOMBIE:
            pass
        assert process_is_gone(process)
    finally:
        child.kill()
        child.communicate()
    assert process_is_gone(process)
    assert process_is_gone(replace(me, pid=-1))
    assert not process_is_gone(replace(process, machine="another")), "nothing is known of other machines"
    assert not process_is_gone(None)


def test_a_machine_is_not_its_name() -> None:
    assert this_machine() == this_machine() == this_process().machine
    assert this_process().host not in this_machine()
