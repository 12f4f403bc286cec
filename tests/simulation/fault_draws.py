"""Faults of the service, drawn from a seed: each is written as the fault scripts of the local server write it.

Add a kind of fault here when the server learns one. What lies beyond the service's word (a visibility lag longer than the
settings allow, a refusal that took effect all the same) is not drawn, since no pipeline could stand it.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from livedash_pipeline.local.batch_api.faults.line_shapes import ANSWER_SHAPES, LINE_SHAPES, USAGE_SHAPES

# Within what the settings allow the service: LIVEDASH_VISIBILITY_LAG is 120 s.
LONGEST_LAG = 115.0

Draw = Callable[[Random], dict[str, Any]]
_LOOKS = ("get_batch", "list_batches", "get_file", "download_file", "get_model", "list_files", "any")


def _nth(random: Random, most: int = 4) -> dict[str, Any]:
    return {"nth": random.randint(1, most)}


def _lost_create(random: Random) -> dict[str, Any]:
    return {"kind": random.choice(("lose_reply", "drop")), "operation": "create_batch", "match": _nth(random, 3)}


def _late_create(random: Random) -> dict[str, Any]:
    seconds = random.choice((1.0, 50.0, 100.0, 200.0, 330.0, 1000.0, 20_000.0, 200_000.0, None))
    return {"kind": "delay", "operation": "create_batch", "seconds": seconds, "match": _nth(random, 3)}


def _late_other(random: Random) -> dict[str, Any]:
    operation = random.choice(("cancel_batch", "delete_file"))
    return {"kind": "delay", "operation": operation, "seconds": random.choice((1.0, 200.0)), "match": _nth(random, 2)}


def _lost_call(random: Random) -> dict[str, Any]:
    operation = random.choice(("upload_file", "cancel_batch", "delete_file", *_LOOKS))
    match = random.choice((_nth(random, 8), {"share": 0.2}))
    return {"kind": random.choice(("lose_reply", "drop")), "operation": operation, "match": match}


def _error_on_create(random: Random) -> dict[str, Any]:
    status, acted = random.choice(((500, False), (503, True), (429, False), (408, True), (409, False), (502, True)))
    return {
        "kind": "status",
        "operation": "create_batch",
        "status": status,
        "acted": acted,
        "match": _nth(random, 3),
    }


def _refusal(random: Random) -> dict[str, Any]:
    status, code = random.choice(((429, "insufficient_quota"), (401, "invalid_api_key"), (400, None), (403, None)))
    operation = random.choice(("create_batch", "create_batch", "upload_file"))
    return {"kind": "status", "operation": operation, "status": status, "code": code, "match": _nth(random, 2)}


def _error(random: Random) -> dict[str, Any]:
    return {
        "kind": "status",
        "operation": random.choice(("upload_file", *_LOOKS)),
        "status": random.choice((500, 503, 429)),
        "match": random.choice((_nth(random, 8), {"share": 0.25})),
    }


def _lag(random: Random) -> dict[str, Any]:
    return {
        "kind": "visibility_lag",
        "seconds": random.choice((5.0, 60.0, LONGEST_LAG)),
        "of": "batch",
        "on": random.choice(("get", "list", "both")),
        "match": _nth(random, 3),
    }


def _short_download(random: Random) -> dict[str, Any]:
    times = random.choice((2, 3, 4, 7, None))
    keep = random.choice((0.3, 0.6, 0.95))
    fault: dict[str, Any] = {"kind": "truncate", "operation": "download_file", "keep": keep, "silent": True}
    return fault | ({"times": times} if times else {"match": {"share": 0.6}})


def _line(random: Random) -> dict[str, Any]:
    kind: dict[str, Any] = random.choice(
        (
            {"kind": "missing_line"},
            {"kind": "missing_line"},
            {"kind": "duplicate_line", "other_file": False},
            {"kind": "duplicate_line", "other_file": True},
            {"kind": "foreign_line"},
            {"kind": "lost_line"},
            {"kind": "error_line", "status": 500},
            {"kind": "error_line", "status": 429},
            {"kind": "error_line", "status": 429, "code": "insufficient_quota"},
            {"kind": "error_line", "status": 400, "code": "invalid_value"},
            {"kind": "garbled_line"},
            {"kind": "string_body"},
            {"kind": "line_shape", "shape": random.choice(list(LINE_SHAPES))},
            {"kind": "usage_shape", "shape": random.choice(list(USAGE_SHAPES))},
            {"kind": "answer_shape", "shape": random.choice(list(ANSWER_SHAPES))},
            {"kind": "refusal"},
            {"kind": "refusal"},
            {"kind": "length"},
            {"kind": "off_schema"},
            {"kind": "invalid_json"},
            {"kind": "other_session"},
        )
    )
    return kind | {"match": {"share": random.choice((0.4, 0.9)), "nth": random.choice((1, 1, 2, 3))}}


def _batch(random: Random) -> dict[str, Any]:
    kind: dict[str, Any] = random.choice(
        (
            {"kind": "expire", "share": random.choice((0.0, 0.4, 0.7))},
            {"kind": "stuck", "state": "finalizing", "seconds": random.choice((500.0, 100_000.0))},
            {"kind": "stuck", "state": "validating", "seconds": random.choice((500.0, 50_000.0))},
            {"kind": "stuck", "state": "cancelling", "seconds": 3000.0},
            {"kind": "wrong_counts", "all_completed": True},
            {"kind": "wrong_counts", "completed_by": random.choice((-1, 1, 2)), "failed_by": random.choice((-1, 0, 1))},
            {"kind": "token_limit", "limit": random.choice((10, 3000))},
            {"kind": "fail_validation", "code": random.choice(("token_limit_exceeded", "odd_word"))},
            {"kind": "fail_validation", "code": "invalid_json_line", "line": 1},
            {"kind": "fail_validation", "code": "invalid_request", "param": "file_id"},
            {"kind": "vanish_file", "file": random.choice(("output", "error", "both"))},
            {"kind": "vanish_batch", "after": random.choice((0.0, 200.0, 3000.0))},
            {"kind": "empty_error_file"},
            {"kind": "dialect", "upper_case_states": True, "empty_ids": True},
            {"kind": "unknown_state", "seconds": random.choice((100.0, 5000.0))},
        )
    )
    return kind | {"match": _nth(random, 3)}


_FAULTS: tuple[tuple[Draw, int], ...] = (
    (_lost_create, 16),
    (_late_create, 16),
    (_error_on_create, 8),
    (_late_other, 4),
    (_lost_call, 10),
    (_refusal, 5),
    (_error, 6),
    (_lag, 10),
    (_short_download, 6),
    (_line, 22),
    (_batch, 24),
)


# Kinds that take the service's word away: listings that hide, rename or contradict themselves, fences that do not hold.
# Each holds for a whole class of calls or batches, since a gateway that does such a thing does it every time.
DRAWS_SHOWN = True

_SHOWN: tuple[Draw, ...] = (
    lambda random: {"kind": "renamed_id", "accepts": random.choice(("renamed", "both"))},
    lambda random: {"kind": "renamed_id", "by": ["list"], "accepts": random.choice(("own", "both"))},
    lambda random: {"kind": "renamed_input_file", "prefix": random.choice(("gw_", None))},
    lambda random: {"kind": "empty_page", "page": random.choice(("any", "first", "later")), "match": _now_and_then(random)},
    lambda random: {"kind": "skipped_items", "match": _now_and_then(random)},
    lambda random: {"kind": "cut_listing", "items": random.randint(0, 3)},
    lambda random: {"kind": "recent_only", "seconds": random.choice((100.0, 1000.0))},
    lambda random: {"kind": "repeated_items", "doubled": random.random() < 0.5},
    lambda random: {"kind": "listing_order", "order": random.choice(("oldest_first", "shuffled", "unsteady"))},
    lambda random: {"kind": "hidden_batch", "match": _nth(random, 3)},
    lambda random: {"kind": "frozen_listing", "match": {"share": random.choice((0.5, 1.0))}},
    lambda random: {"kind": "moves_when_retrieved", "retrievals": random.choice((1, 2))},
    lambda random: {"kind": "changed_metadata", "change": random.choice(("missing", "dropped", "cut", "lower_case"))},
    lambda random: {"kind": "wrong_created_at", "says": random.choice(("missing", "milliseconds", "fixed"))},
    lambda random: {"kind": "end_word", "word": random.choice(("succeeded", "done", "x-unheard-of", ""))},
    lambda random: {
        "kind": "repeated_create", "answered": random.choice(("first", "second")),
        "seconds": random.choice((0.0, 0.0, 50.0)), "match": _nth(random, 3),
    },
    lambda _random: {"kind": "surviving_input"},
    lambda _random: {"kind": "pretend", "operation": "delete_file"},
    lambda random: {"kind": "status", "operation": "delete_file", "status": random.choice((405, 501))},
    lambda random: {"kind": "status", "operation": "get_file", "status": 404, "match": {"share": random.choice((0.5, 1.0))}},
    lambda random: {"kind": "odd_validation", "at": random.choice(("upload", "create", "never"))},
)  # fmt: skip


def _now_and_then(random: Random) -> dict[str, Any]:
    return random.choice((_nth(random, 8), {"share": random.choice((0.3, 1.0))}))


def draw_fault(random: Random, *, shown: bool | None = None) -> dict[str, Any]:
    """One fault; with `shown` (by default `DRAWS_SHOWN`) every third is one of what the service shows."""
    if (DRAWS_SHOWN if shown is None else shown) and random.random() < 1 / 3:
        return random.choice(_SHOWN)(random)
    draws, weights = zip(*_FAULTS, strict=True)
    draw: Draw = random.choices(draws, weights)[0]
    return draw(random)
