"""Signs of life of runs in the database: of a beat and of giving up one wins, and the table stays small."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, Engine, select

from livedash_pipeline.base.store.run_heartbeats import (
    RunHeartbeat,
    RunProcess,
    beat,
    end_process,
    give_up,
    notice_runs,
    postpone_runs,
    read_heartbeats,
    register_process,
)
from livedash_pipeline.base.store.tables import run_heartbeats
from tests.conftest import NOW
from tests.support.races import race

ONE = RunProcess("one", "boot/1", 10, 5.25)
OTHER = RunProcess("other", "boot/2", 10, 5.25)
LATER = NOW + timedelta(minutes=5)


def _register(connection: Connection, process: RunProcess = ONE, *, whole_run: bool = True) -> bool:
    return register_process(connection, "run", "a_job", process, whole_run=whole_run, now=NOW)


def _seen(connection: Connection) -> RunHeartbeat:
    return read_heartbeats(connection, ["run", "unknown"])["run"]


def test_a_run_is_known_from_its_first_process_on(engine: Engine) -> None:
    with engine.begin() as connection:
        assert read_heartbeats(connection, ["run"]) == read_heartbeats(connection, []) == {}
        assert _register(connection)
        seen = _seen(connection)
        assert seen.process == ONE
        assert (seen.job, seen.signs.noticed_at, seen.signs.beat_at, seen.signs.whole_run) == ("a_job", NOW, NOW, True)
        assert beat(connection, "run", now=LATER)
        assert _seen(connection).signs.beat_at == LATER


def test_a_run_that_was_noticed_before_it_began_is_noticed_once(engine: Engine) -> None:
    with engine.begin() as connection:
        notice_runs(connection, {}, now=NOW)
        notice_runs(connection, {"run": "a_job"}, now=NOW)
        notice_runs(connection, {"run": "a_job"}, now=LATER)
        seen = _seen(connection)
        assert (seen.process, seen.signs.noticed_at, seen.signs.beat_at) == (None, NOW, None)
        assert _register(connection)
        assert _seen(connection).process == ONE


def test_a_run_that_was_given_up_neither_beats_nor_begins_again(engine: Engine) -> None:
    with engine.begin() as connection:
        _register(connection)
        seen = _seen(connection)
        assert give_up(connection, seen, now=LATER)
        assert not give_up(connection, seen, now=LATER), "somebody has done it"
        assert not beat(connection, "run", now=LATER)
        assert not _register(connection, OTHER)
        end_process(connection, "run", ONE, now=LATER)
        after = _seen(connection)
        assert (after.signs.given_up_at, after.signs.ended_at, after.process) == (LATER, None, ONE)


def test_a_run_that_never_began_can_be_given_up_and_does_not_begin_afterwards(engine: Engine) -> None:
    with engine.begin() as connection:
        notice_runs(connection, {"run": "a_job"}, now=NOW)
        assert give_up(connection, _seen(connection), now=LATER)
        assert not _register(connection)


def test_a_run_that_has_beaten_since_it_was_seen_is_not_given_up(engine: Engine) -> None:
    with engine.begin() as connection:
        _register(connection)
        seen = _seen(connection)
        beat(connection, "run", now=LATER)
        assert not give_up(connection, seen, now=LATER)


def test_of_a_beat_and_giving_up_at_once_one_wins(engine: Engine) -> None:
    with engine.begin() as connection:
        _register(connection)
        seen = _seen(connection)

    def give_up_meanwhile() -> bool:
        with engine.begin() as connection:
            return give_up(connection, seen, now=LATER)

    with race(engine) as threads:
        with engine.begin() as connection:
            beat(connection, "run", now=LATER)
            given_up = threads.begin(give_up_meanwhile)
        assert not given_up.result()


def test_the_end_of_a_process_is_noted_unless_another_one_has_come_after_it(engine: Engine) -> None:
    with engine.begin() as connection:
        _register(connection, whole_run=False)
        _register(connection, OTHER, whole_run=False)
        end_process(connection, "run", ONE, now=LATER)
        assert _seen(connection).signs.ended_at is None
        end_process(connection, "run", OTHER, now=LATER)
        assert _seen(connection).signs.ended_at == LATER
        _register(connection, ONE, whole_run=False)
        assert _seen(connection).signs.ended_at is None, "the next step has begun"


def test_only_what_waits_between_two_steps_or_before_the_first_one_is_postponed(engine: Engine) -> None:
    ids = ["run", "noticed", "whole", "at-work"]
    with engine.begin() as connection:
        _register(connection, whole_run=False)
        end_process(connection, "run", ONE, now=NOW)
        notice_runs(connection, {"noticed": "a_job"}, now=NOW)
        for run_id in ("whole", "at-work"):
            register_process(connection, run_id, "a_job", ONE, whole_run=run_id == "whole", now=NOW)
        postpone_runs(connection, [], now=LATER)
        before = read_heartbeats(connection, ids)
        postpone_runs(connection, ids, now=LATER)
        after = read_heartbeats(connection, ids)
    assert after["run"].signs == replace(before["run"].signs, ended_at=LATER)
    assert after["noticed"].signs == replace(before["noticed"].signs, noticed_at=LATER)
    assert after["whole"] == before["whole"]
    assert after["at-work"] == before["at-work"]


def test_rows_of_runs_that_were_silent_for_a_week_go_when_another_one_begins(engine: Engine) -> None:
    with engine.begin() as connection:
        for number, days in enumerate((0, 6, 8, 9)):
            notice_runs(connection, {f"old-{number}": "a_job"}, now=NOW - timedelta(days=days))
        register_process(connection, "old-3", "a_job", ONE, whole_run=True, now=NOW - timedelta(days=1))
        _register(connection)
        kept = set(connection.execute(select(run_heartbeats.c.run_id)).scalars())
        assert kept == {"run", "old-0", "old-1", "old-3"}
