"""What Dagster's UI says of our resources: their types and settings, and never a secret."""

from __future__ import annotations

import json
from decimal import Decimal

import dagster as dg
import pytest

from livedash_pipeline.defs.names import RESOURCES
from livedash_pipeline.defs.resources import Postgres
from livedash_pipeline.defs.shown_resources import shown_resource, shown_values
from livedash_pipeline.settings import Settings

SETTINGS = Settings(
    database_url="postgresql+psycopg://me:secret-1@db.example.com/livedash?password=secret-2",
    openai_api_key="secret-3",
    openai_base_url="https://me:secret-4@proxy.example.com/v1?key=secret-5",
    livedash_monthly_cap_eur=Decimal("12.50"),
)


@pytest.mark.parametrize("key", RESOURCES)
def test_settings_are_shown_without_secrets(key: str) -> None:
    shown = shown_values(key, SETTINGS)
    assert "secret" not in json.dumps(shown)
    assert all(Settings.model_fields[name].description for name in shown)


def test_values_are_those_of_the_settings() -> None:
    assert shown_values("postgres", SETTINGS) == {"database_url": "postgresql+psycopg://me:***@db.example.com/livedash"}
    assert shown_values("postgres", Settings()) == {"database_url": "the embedded server"}
    service = shown_values("openai_batch", SETTINGS)
    assert (service["openai_api_key"], service["livedash_min_batch"]) == ("set", 10)
    assert (service["livedash_monthly_cap_eur"], service["livedash_daily_cap_eur"]) == ("12.50", "")
    assert shown_values("openai_batch", Settings())["openai_api_key"] == "not set"


def test_a_run_gets_the_object_itself_and_has_nothing_to_fill_in() -> None:
    resource = Postgres(lambda: "never")
    shown = shown_resource("postgres", resource, SETTINGS)
    assert shown(dg.build_init_resource_context()) is resource
    function = shown.resource_fn
    assert (function.__module__, function.__name__) == ("livedash_pipeline.defs.resources", "Postgres")
