"""Brings a daemon to a standstill before it is stopped: sensors and schedules start nothing more, and what goes on ends.

`livedash demo` does so, since a daemon that is stopped at any moment leaves failed runs and ticks behind. Sensors and schedules
are then put back as they were; a file keeps how, should the process be killed in between. Add what else has to come to an end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from livedash_pipeline.defs.running.statuses import UNFINISHED

_HELD, _UNDER_WAY = "STOPPED", "STARTED"


@dataclass(frozen=True)
class Unfinished:
    """What has not ended: runs, and evaluations of sensors and schedules."""

    runs: int
    ticks: int

    @property
    def is_none(self) -> bool:
        """Whether all has ended."""
        return self.runs + self.ticks == 0


def hold(instance: dg.DagsterInstance, note: Path) -> Unfinished:
    """Switches off every sensor and schedule that is on, and counts what has not ended.

    To be repeated until nothing is left, and once more: the daemon writes the state of a sensor after each evaluation, and may
    thereby switch on what was switched off meanwhile.

    Args:
        instance: The daemon's instance.
        note: A file that keeps what was switched off; `release` reads it.
    """
    kept = _kept(note)
    states = instance.all_instigator_state()
    running = [state for state in states if state.status.value != _HELD]
    if any(state.selector_id not in kept for state in running):
        kept |= {state.selector_id: state.status.value for state in running if state.selector_id not in kept}
        # Whole or not at all: a note that was cut short would leave every sensor stopped.
        written = note.with_name(f"{note.name}.new")
        written.write_text(json.dumps(kept), encoding="utf-8")
        written.replace(note)
    for state in running:
        _switch(instance, state, _HELD)
    return Unfinished(
        instance.get_runs_count(dg.RunsFilter(statuses=list(UNFINISHED))),
        sum(_is_under_way(instance, state) for state in states),
    )


def release(instance: dg.DagsterInstance, note: Path) -> None:
    """Puts sensors and schedules back as they were before `hold`; does nothing without its file."""
    kept = _kept(note)
    for state in instance.all_instigator_state():
        if state.selector_id in kept:
            _switch(instance, state, kept[state.selector_id])
    note.unlink(missing_ok=True)


def _kept(note: Path) -> dict[str, str]:
    try:
        read = json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(status) for name, status in read.items()} if isinstance(read, Mapping) else {}


def _switch(instance: dg.DagsterInstance, state: Any, status: str) -> None:
    # Dagster exports neither the class of a state nor that of its status.
    instance.update_instigator_state(state.with_status(type(state.status)(status)))


def _is_under_way(instance: dg.DagsterInstance, state: Any) -> bool:
    newest = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    return bool(newest) and newest[0].status.value == _UNDER_WAY
