"""Ends the demo's work so that nothing of it looks broken afterwards: sensors rest, runs end, and every check is evaluated.

Add what a first look at the Dagster UI should find. The daemon itself is stopped by its caller, afterwards.
"""

from __future__ import annotations

import time
import warnings
from contextlib import ExitStack
from pathlib import Path

from livedash_pipeline.local.demo_display import Display
from livedash_pipeline.local.processes import StartedProcess
from livedash_pipeline.runtime.environment import Environment
from livedash_pipeline.settings import Settings

# Runs of the demo take seconds; one that takes longer is cut off, as anything was that ran on a machine that is switched off.
_PATIENCE = 180.0
_LOOK_INTERVAL = 1.0
# The daemon may have begun an evaluation with what it read before its sensors were switched off.
_QUIET_LOOKS = 3


def bring_to_an_end(environment: Environment, daemon: StartedProcess, display: Display, *, after: ExitStack) -> None:
    """Switches the sensors off, waits until runs and evaluations have ended, and evaluates every check.

    Args:
        environment: The demo's.
        daemon: Works on meanwhile.
        display: Tells the user.
        after: Gets what is to be done once the daemon has ended: the sensors are put back as they were.
    """
    # Its own, about beta parameters.
    after.enter_context(warnings.catch_warnings())
    warnings.filterwarnings("ignore", module=r"dagster(\.|\Z)")
    from livedash_pipeline.defs.runs import evaluate_checks, open_instance
    from livedash_pipeline.defs.standstill import hold, release

    display.say("Done; the sensors are switched off, and the last runs end.")
    note = note_of(environment.settings)
    instance = after.enter_context(open_instance(environment))
    after.callback(release, instance, note)
    end, quiet = time.monotonic() + _PATIENCE, 0
    while quiet < _QUIET_LOOKS:
        daemon.check_alive()
        left = hold(instance, note)
        quiet = quiet + 1 if left.is_none else 0
        if time.monotonic() > end:
            display.say(f"{left.runs} runs have not ended after {_PATIENCE:.0f} s and are cut off.")
            return
        time.sleep(_LOOK_INTERVAL)
    evaluate_checks(environment)


def put_back(environment: Environment) -> None:
    """Puts sensors back that a demo had switched off when it was killed."""
    note = note_of(environment.settings)
    if not note.exists():
        return
    from livedash_pipeline.defs.runs import open_instance
    from livedash_pipeline.defs.standstill import release

    with open_instance(environment) as instance:
        release(instance, note)


def note_of(settings: Settings) -> Path:
    """The file that keeps which sensors the demo has switched off."""
    return settings.own_dagster_home / "switched-off.json"
