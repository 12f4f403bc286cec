"""What a dagster.yaml of somebody's own is found to need and to lack."""

from __future__ import annotations

import pytest
import yaml

from livedash_pipeline.defs.names import TAG_WORK
from livedash_pipeline.overview.rules.dagster_instance import (
    WORK_TAG,
    describe_lacks,
    find_lacks,
    needs_our_storage,
)
from livedash_pipeline.paths import shipped

WHOLE = {
    "run_monitoring": {"enabled": True, "free_slots_after_run_end_seconds": 0},
    "concurrency": {
        "pools": {"default_limit": {"env": "POOL_LIMIT"}},
        "runs": {
            "tag_concurrency_limits": [{"key": "team", "limit": 1}, {"key": WORK_TAG, "value": "import", "limit": 3}]
        },
    },
}


@pytest.mark.parametrize(
    ("config", "needed"),
    [
        ({"storage": {"custom": {"config": {"postgres_url": {"env": "LIVEDASH_DAGSTER_URL"}}}}}, True),
        ({"storage": [{"postgres_url": {"env": "LIVEDASH_DAGSTER_URL"}}]}, True),
        ({"storage": {"postgres": {"postgres_url": {"env": "DAGSTER_URL"}}}}, False),
        ({"storage": [1, "LIVEDASH_DAGSTER_URL"]}, False),
        ({}, False),
        ("LIVEDASH_DAGSTER_URL", False),
    ],
)
def test_our_storage_is_needed_where_any_value_is_read_from_its_variable(config: object, needed: bool) -> None:
    assert needs_our_storage(config) is needed


def test_a_file_with_every_setting_lacks_nothing() -> None:
    assert find_lacks(WHOLE) == ()


@pytest.mark.parametrize("config", [{}, [], None, {"run_monitoring": None, "concurrency": {"pools": []}}])
def test_an_empty_or_odd_file_lacks_everything(config: object) -> None:
    assert [lack.setting for lack in find_lacks(config)] == [
        "run_monitoring.enabled",
        "run_monitoring.free_slots_after_run_end_seconds",
        "concurrency.pools.default_limit",
        "concurrency.runs.tag_concurrency_limits",
    ]


def test_limits_of_other_tags_do_not_count() -> None:
    runs = {"tag_concurrency_limits": [{"key": "team", "limit": 1}, "odd"]}
    (lack,) = find_lacks({**WHOLE, "concurrency": {"pools": {"default_limit": 1}, "runs": runs}})
    assert lack.setting == "concurrency.runs.tag_concurrency_limits"


def test_our_own_file_lacks_nothing_and_names_the_tag_that_runs_carry() -> None:
    assert find_lacks(yaml.safe_load(shipped("dagster.yaml").read_text(encoding="utf-8"))) == ()
    assert WORK_TAG == TAG_WORK


def test_monitoring_that_is_switched_off_is_lacking() -> None:
    (lack,) = find_lacks({**WHOLE, "run_monitoring": {"enabled": False, "free_slots_after_run_end_seconds": 300}})
    assert lack.setting == "run_monitoring.enabled"


def test_lacks_are_told_in_one_sentence() -> None:
    lacks = find_lacks({})
    assert describe_lacks("/etc/dagster/dagster.yaml", lacks[:1]) == (
        "/etc/dagster/dagster.yaml does not set run_monitoring.enabled: no run is ended that was killed or takes too long."
    )
    assert describe_lacks("/x", lacks).startswith(
        "/x does not set run_monitoring.enabled, run_monitoring.free_slots_after_run_end_seconds, concurrency.pools"
    )
