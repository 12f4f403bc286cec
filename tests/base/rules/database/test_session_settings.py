"""What a new connection is set to, and what the address keeps."""

from __future__ import annotations

import pytest

from livedash_pipeline.base.rules.database.session_settings import (
    LINK_SETTINGS,
    SETTINGS,
    named_options,
    settings_script,
)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("", set()),
        ("-c lock_timeout=50", {"lock_timeout"}),
        ("-clock_timeout=50 --Search-Path=a,b -c  TimeZone = UTC", {"lock_timeout", "search_path", "timezone"}),
        ("project=xyz -d 3", set()),
        (r"-c app.x=a\ --b=c", {"app.x"}),
    ],
)
def test_settings_that_an_address_gives_are_found(options: str, named: set[str]) -> None:
    assert named_options(options) == named


def test_everything_is_set_that_the_address_does_not_give() -> None:
    script = settings_script(180004, named=frozenset()).split("; ")
    wanted = {**SETTINGS, **LINK_SETTINGS}
    assert script == [*(f"SET {name} = '{value}'" for name, value in wanted.items()), 'SET search_path = "public"']
    left = settings_script(180004, named={"timezone", "search_path"})
    assert "TimeZone" not in left and "search_path" not in left
    assert "SET transaction_timeout" not in settings_script(160000, named=())


def test_a_schema_and_an_end_of_statements_go_before_what_the_address_gives() -> None:
    script = settings_script(150000, named={"search_path", "statement_timeout"}, schema='a"b\\', statement_timeout=1.5)
    assert script.endswith('; SET search_path = "a""b\\"; SET statement_timeout = 1500')
    assert script.count("SET statement_timeout") == 1
