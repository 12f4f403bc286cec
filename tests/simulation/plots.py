"""Plots: steps together with the faults of the service that they need, for states that chance alone hardly ever reaches.

A schedule begins with one of them at most, directly after its first requests were made, so that "the first create" is the plot's
own; other faults and steps are drawn around it all the same. What needs no fault belongs into `scenes.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.simulation.fault_draws import LONGEST_LAG
from tests.simulation.scenes import at_once, wait, whole
from tests.simulation.schedule import ACCEPTS_VANISHED, Step
from tests.simulation.workers import ALL

Plot = tuple[list[dict[str, Any]], list[Step]]

_FIRST = {"nth": 1}
# From a create whose answer never came (its caller waited 60 s) to the moment when its input file may be deleted.
_UNTIL_THE_FENCE = (121.0, 125.0)
# LIVEDASH_VISIBILITY_LAG, and a little.
_LAG_OVER = (121.0, 125.0, 200.0)


def _look(random: Random) -> list[Step]:
    return whole(random.choice((0, 1)), random.choice(("submit", "poll", "reconcile")), 2)


def hidden_late_create(random: Random) -> Plot:
    """A create takes effect just before its input file is deleted, and shows later still: whoever does not wait buys twice."""
    late = {"kind": "delay", "operation": "create_batch", "seconds": random.choice((100.0, 170.0)), "match": _FIRST}
    lag = {"kind": "visibility_lag", "seconds": LONGEST_LAG, "of": "batch", "on": "both", "match": _FIRST}
    return [late, lag], [
        *whole(0, "submit", 2),
        wait(random, *_UNTIL_THE_FENCE),
        *_look(random),
        wait(random, 0.0, 5.0, 20.0),
        *whole(0, "submit", 2),
        wait(random, *_LAG_OVER),
        *_look(random),
    ]


def silent_listing(random: Random) -> Plot:
    """A create is not answered, and every listing is empty, whatever its pages: only a witness shows that it lies."""
    lost = {"kind": "lose_reply", "operation": "create_batch", "match": _FIRST}
    silent = {"kind": "empty_page", "page": "any", "has_more": False}
    return [lost, silent], [
        *whole(0, "submit", 2),
        wait(random, *_UNTIL_THE_FENCE),
        *_look(random),
        wait(random, *_LAG_OVER),
        *whole(0, "submit", 2),
        wait(random, *_LAG_OVER),
        *whole(0, "submit", 2),
    ]


def late_twin(random: Random) -> Plot:
    """A create takes effect when its batch has long been bought anew: what it makes is surplus, found by somebody who may die."""
    late = {
        "kind": "delay",
        "operation": "create_batch",
        "seconds": random.choice((330.0, 1000.0, 20_000.0)),
        "match": _FIRST,
    }
    return [late], [
        *whole(0, "submit", 2),
        wait(random, *_UNTIL_THE_FENCE),
        *_look(random),
        wait(random, *_LAG_OVER),
        *whole(0, "submit", 2),
        wait(random, 100.0, 1000.0, 20_000.0),
        Step("start", 1, random.choice(("poll", "reconcile"))),
        Step(
            random.choice(("go", "go", "die")),
            1,
            number=ALL,
            place=random.choice(("commit ledger.steps.recovery.surplus.", "")),
        ),
        *whole(2, random.choice(("poll", "reconcile"))),
        Step("go", 1, number=ALL),
    ]


def input_not_shown(random: Random) -> Plot:
    """The key does not see the input file of a create that was lost, as if it belonged to another project."""
    lag = {"kind": "visibility_lag", "seconds": random.choice((400.0, 2000.0)), "of": "input_file", "on": "get"}
    lost = {"kind": "drop", "operation": "create_batch", "match": _FIRST}
    return [lag | {"match": _FIRST}, lost], [
        *whole(0, "submit", 2),
        wait(random, 40.0, 121.0),
        *_look(random),
        wait(random, 300.0, 1000.0),
        *_look(random),
    ]


def answers_not_named(random: Random) -> Plot:
    """A batch ends with errors alone, and counts them as answers: it is asked for again before it is taken in."""
    counts = {"kind": "wrong_counts", "all_completed": True, "match": _FIRST}
    failed = {"kind": "error_line", "status": random.choice((400, 500)), "match": _FIRST}
    return [counts, failed], [
        *whole(0, "submit", 2),
        wait(random, 1000.0, 4000.0, 90_000.0),
        *whole(1, "poll"),
        *at_once(random, "ingest", "commit ledger.steps.results.ingest._read: "),
    ]


def short_downloads(random: Random) -> Plot:
    """A file comes short a few times, and whole only after somebody might have believed it."""
    keep, times = random.choice((0.3, 0.6, 0.95)), random.choice((3, 4, 6))
    short = {"kind": "truncate", "operation": "download_file", "keep": keep, "silent": True, "times": times}
    return [short], [
        *whole(0, "submit", 2),
        wait(random, 1000.0, 4000.0, 90_000.0),
        *whole(1, "poll"),
        *at_once(random, "ingest", "commit ledger.steps.results.ingest._believed: "),
    ]


def results_not_shown(random: Random) -> Plot:
    """A batch has ended, and its files do not show: not yet, or never."""
    late = {"kind": "visibility_lag", "seconds": LONGEST_LAG, "of": "result_files", "match": _FIRST}
    gone = {"kind": "vanish_file", "file": "both", "match": _FIRST}
    return [random.choice((late, gone))], [
        *whole(0, "submit", 2),
        wait(random, 10.0, 40.0, 300.0, 4000.0),
        *whole(1, "poll"),
        *at_once(random, "ingest", random.choice(("call file: ", "read ledger.steps.results.result_files."))),
        wait(random, *_LAG_OVER),
        *whole(2, "ingest"),
    ]


def old_files(random: Random) -> Plot:
    """A batch was settled days ago, and its files are removed, by two at once."""
    return [], [
        *whole(0, "submit", 2),
        wait(random, 4000.0, 90_000.0),
        *whole(1, "poll"),
        *whole(1, "ingest"),
        wait(random, 260_000.0, 400_000.0),
        *at_once(
            random,
            "reconcile",
            random.choice(("call delete_file: ", "commit ledger.steps.recovery.reconcile._remove_files: ")),
        ),
    ]


def given_up(random: Random) -> Plot:
    """A batch vanishes, mostly when it has ended and nobody took it in; two operators give it up, the first of whom may die."""
    gone = {"kind": "vanish_batch", "after": 3000.0, "match": _FIRST}
    return [gone], [
        *whole(0, "submit", 2),
        wait(random, 40.0, 1000.0, 2900.0),
        *whole(1, "poll"),
        # Longer than anything may stay hidden: an operator gives up what is gone, not what is late.
        wait(random, 4000.0, 30_000.0),
        Step("start", 0, "reconcile", ACCEPTS_VANISHED),
        Step(
            random.choice(("go", "die")),
            0,
            number=ALL,
            place=random.choice(("read ledger.steps.recovery.give_up.", "commit ledger.steps.recovery.give_up.")),
        ),
        *whole(1, "reconcile", ACCEPTS_VANISHED),
        Step("go", 0, number=ALL),
        *whole(2, "ingest"),
    ]


PLOTS: tuple[Callable[[Random], Plot], ...] = (
    hidden_late_create,
    hidden_late_create,
    hidden_late_create,
    silent_listing,
    late_twin,
    late_twin,
    short_downloads,
    results_not_shown,
    input_not_shown,
    answers_not_named,
    old_files,
    given_up,
)
