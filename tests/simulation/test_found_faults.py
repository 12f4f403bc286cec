"""Schedules that once failed, shrunk: each shows a fault that was mended, and must hold ever after."""

from __future__ import annotations

import pytest

from tests.simulation.runner import Simulation
from tests.simulation.schedule import Schedule, Step, World
from tests.simulation.workers import ALL


def whole(worker: int, action: str, number: int = 0) -> tuple[Step, Step]:
    return Step("start", worker, action, number), Step("go", worker, number=ALL)


SUBMITTED = (*whole(0, "build"), *whole(0, "submit"))
FOUND = {
    "a batch that vanishes after it was seen with answers is settled": Schedule(
        130,
        World(sessions=(2, 2), finalizing=300.0),
        ({"kind": "vanish_batch", "after": 200.0, "match": {"nth": 2}},),
        (*SUBMITTED, Step("wait", seconds=130.0), *whole(0, "poll")),
    ),
    "an error file without lines makes no request of a cancelled batch missing": Schedule(
        862,
        World(sessions=(1,)),
        ({"kind": "empty_error_file", "match": {"nth": 1}},),
        (*SUBMITTED, *whole(1, "cancel")),
    ),
    "a batch on our file whose name is cut off is ours": Schedule(
        100146,
        World(sessions=(1,)),
        (
            {"kind": "delay", "operation": "create_batch", "seconds": 170.0, "match": {"nth": 1}},
            {"kind": "changed_metadata", "change": "cut"},
        ),
        (*SUBMITTED, Step("wait", seconds=121.0), *whole(0, "submit")),
    ),
    "nothing is bought again while a nameless batch is listed": Schedule(
        100691,
        World(sessions=(1,)),
        ({"kind": "renamed_input_file", "prefix": None}, {"kind": "changed_metadata", "change": "cut"}),
        (*whole(0, "build"), Step("start", 0, "submit"), Step("die", 0, number=ALL, place="call create_batch: after")),
    ),
    "a twin is found where the listing leaves our marks out": Schedule(
        300612,
        World(sessions=(1,)),
        (
            {"kind": "repeated_create", "answered": "second", "seconds": 0.0, "match": {"nth": 1}},
            {"kind": "changed_metadata", "change": "dropped"},
        ),
        SUBMITTED,
    ),
    "what a service that calls the end nothing leaves out is missing": Schedule(
        800451,
        World(sessions=(1,)),
        ({"kind": "end_word", "word": ""}, {"kind": "missing_line", "match": {"share": 0.9, "nth": 1}}),
        SUBMITTED,
    ),
    "what only the listing knows ends by what it shows": Schedule(
        400922,
        World(sessions=(1,)),
        (
            {"kind": "end_word", "word": "x-unheard-of"},
            {"kind": "status", "operation": "create_batch", "status": 503, "acted": True, "match": {"nth": 1}},
            {"kind": "renamed_id", "accepts": "renamed"},
        ),
        (*whole(0, "build"), *whole(1, "submit", 1)),
    ),
    "a batch that a page leaves out where it begins is not bought again": Schedule(
        837177,
        World(sessions=(1, 1), validating=0.5, running=3.0),
        ({"kind": "skipped_items", "match": {"share": 1.0}},),
        (
            *whole(0, "build"),
            Step("start", 0, "submit", 2),
            Step("go", 0, number=ALL, place="commit ledger.steps.batches.send._begin_create: "),
            Step("wait", seconds=950.0),
            Step("start", 1, "submit", 2),
            Step("go", 1, number=ALL, place="call create_batch: before"),
            Step("go", 0, number=ALL),
            Step("go", 1, number=ALL),
            Step("wait", seconds=181.0),
            *whole(1, "submit", 2),
        ),
    ),
    "a missing line of a batch that states no usage is open": Schedule(
        130166,
        World(sessions=(2,)),
        ({"kind": "unstated_usage", "match": {"nth": 1}}, {"kind": "missing_line", "match": {"share": 0.5}}),
        SUBMITTED,
    ),
    "what is left for a single line has long-context rates": Schedule(
        7,
        World(sessions=(1,), long_context=500),
        ({"kind": "missing_line", "match": {"nth": 1}},),
        SUBMITTED,
    ),
    "a surplus batch of one request has long-context rates": Schedule(
        300398,
        World(sessions=(1,), running=0.5, long_context=500),
        ({"kind": "repeated_create", "answered": "second", "seconds": 0.0, "match": {"nth": 1}},),
        (*SUBMITTED, Step("wait", seconds=30.0), *whole(0, "reconcile")),
    ),
    "a batch that no look-up knows has its late twin in the ledger": Schedule(
        920666,
        World(sessions=(1,), validating=0.5, running=40_000.0),
        (
            {"kind": "status", "operation": "delete_file", "status": 501},
            {"kind": "delay", "operation": "create_batch", "seconds": 200_000.0, "match": {"nth": 1}},
            {"kind": "renamed_id", "by": ["list"], "accepts": "own"},
        ),
        (
            *whole(0, "build"),
            Step("wait", seconds=1000.0),
            *whole(0, "submit", 2),
            Step("wait", seconds=179.0),
            *whole(1, "submit", 2),
            *whole(1, "poll", 2),
            Step("wait", seconds=4000.0),
            *whole(0, "submit", 2),
            Step("wait", seconds=179.0),
            *whole(1, "poll", 2),
        ),
    ),
    "a late twin on a file that was not deleted is known by that file alone": Schedule(
        134588,
        World(sessions=(1,)),
        (
            {"kind": "delay", "operation": "create_batch", "seconds": 1000.0, "match": {"nth": 1}},
            {"kind": "changed_metadata", "change": "missing"},
            {"kind": "pretend", "operation": "delete_file"},
        ),
        (
            *whole(0, "build"),
            *whole(0, "submit", 2),
            Step("wait", seconds=121.0),
            *whole(1, "reconcile", 2),
            Step("wait", seconds=125.0),
            *whole(0, "submit", 2),
            Step("wait", seconds=20_000.0),
            *whole(1, "reconcile"),
        ),
    ),
    "a late batch on a file that was given up is not adopted for the next create": Schedule(
        1,
        World(sessions=(1,)),
        ({"kind": "delay", "operation": "create_batch", "seconds": 323.5, "match": {"nth": 1}},),
        (
            *whole(0, "build"),
            *whole(0, "submit", 2),
            Step("wait", seconds=121.0),
            *whole(1, "reconcile", 2),
            Step("wait", seconds=125.0),
            Step("start", 0, "submit", 2),
            Step("go", 0, number=ALL, place="transaction ledger.steps.recovery.recover._Recovery._forget_input: begin"),
            Step("start", 2, "poll"),
            Step("go", 2, number=ALL, place="call list_batches: before"),
            Step("go", 0, number=ALL, place="call create_batch: before"),
            Step("wait", seconds=2.0),
            Step("go", 2, number=ALL),
            Step("go", 0, number=ALL),
        ),
    ),
    "a hidden batch is in the ledger once the one who made it learns its id": Schedule(
        1,
        World(sessions=(1,)),
        ({"kind": "hidden_batch", "match": {"nth": 1}},),
        (
            *whole(0, "build"),
            Step("start", 0, "submit", 2),
            Step("go", 0, number=ALL, place="call create_batch: after"),
            Step("wait", seconds=190.0),
            *whole(1, "reconcile", 2),
            Step("wait", seconds=125.0),
            *whole(1, "submit", 2),
            Step("wait", seconds=125.0),
            *whole(1, "submit", 2),
            Step("go", 0, number=ALL),
            *whole(0, "reconcile"),
        ),
    ),
    "what was used so far is not all that a batch used that vanishes": Schedule(
        131543,
        World(sessions=(6,), running=2000.0),
        ({"kind": "vanish_batch", "after": 3000.0, "match": {"nth": 1}},),
        (*SUBMITTED, Step("wait", seconds=1000.0), *whole(1, "poll")),
    ),
    "what a line calls cached and its batch does not costs what the batch says": Schedule(
        133479,
        World(sessions=(1, 2)),
        ({"kind": "usage_shape", "shape": "cached_on_top", "match": {"share": 0.9}},),
        SUBMITTED,
    ),
    "long lines that call tokens cached are booked beside, too": Schedule(
        133479,
        World(sessions=(1, 2), long_context=500),
        ({"kind": "usage_shape", "shape": "cached_on_top", "match": {"share": 0.9}},),
        SUBMITTED,
    ),
    "a twin is found where the listing renames all": Schedule(
        300398,
        World(sessions=(1,)),
        (
            {"kind": "repeated_create", "answered": "second", "seconds": 0.0, "match": {"nth": 1}},
            {"kind": "renamed_id", "by": ["list"], "accepts": "both"},
        ),
        SUBMITTED,
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_mended_holds(simulation: Simulation, name: str) -> None:
    assert simulation.run(FOUND[name]).violations == []
