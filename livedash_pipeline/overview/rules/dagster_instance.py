"""What a dagster.yaml that is not ours says about the storage, and what it lacks of what ours sets.

Add a `Lack` when our own dagster.yaml gets a setting without which runs stand still or are repeated. Nothing reads a file here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

STORAGE_VARIABLE = "LIVEDASH_DAGSTER_URL"


class Lack(NamedTuple):
    """A setting that is missing: its path in dagster.yaml, and what comes of it, as the end of a sentence."""

    setting: str
    effect: str


_MONITORING = Lack("run_monitoring.enabled", "no run is ended that was killed or takes too long")
_SLOTS = Lack("run_monitoring.free_slots_after_run_end_seconds", "a killed run may keep its place in a pool")
_POOLS = Lack("concurrency.pools.default_limit", "the pool openai_api has only the limit that the instance gives it")
# Hidden tag of runs by their kind of work, which our dagster.yaml limits.
WORK_TAG = ".dagster/livedash_work"
_LIMITS = Lack("concurrency.runs.tag_concurrency_limits", "slow imports may take the places of all other runs")


def needs_our_storage(config: object) -> bool:
    """Whether any value of a parsed dagster.yaml is read from LIVEDASH_DAGSTER_URL."""
    if isinstance(config, Mapping):
        return config.get("env") == STORAGE_VARIABLE or any(map(needs_our_storage, config.values()))
    return isinstance(config, list) and any(map(needs_our_storage, config))


def find_lacks(config: object) -> tuple[Lack, ...]:
    """Returns what a parsed dagster.yaml lacks; a value that is read from the environment counts as set."""
    lacks = (
        None if _value(config, "run_monitoring", "enabled") else _MONITORING,
        None if _value(config, "run_monitoring", "free_slots_after_run_end_seconds") is not None else _SLOTS,
        None if _value(config, "concurrency", "pools", "default_limit") is not None else _POOLS,
        None if _limits_work(_value(config, "concurrency", "runs", "tag_concurrency_limits")) else _LIMITS,
    )
    return tuple(lack for lack in lacks if lack is not None)


def describe_lacks(path: str, lacks: tuple[Lack, ...]) -> str:
    """Says in one sentence what a dagster.yaml lacks, and what comes of it."""
    settings, effects = ([lack[part] for lack in lacks] for part in (0, 1))
    return f"{path} does not set {_listed(settings)}: {_listed(effects)}."


def _limits_work(limits: object) -> bool:
    return isinstance(limits, list) and any(
        isinstance(each, Mapping) and each.get("key") == WORK_TAG for each in limits
    )


def _listed(words: list[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _value(config: object, *path: str) -> Any:
    for name in path:
        config = config.get(name) if isinstance(config, Mapping) else None
    return config
