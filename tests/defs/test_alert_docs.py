"""The section about alerts names every check, every sensor that tells people, and every field that a webhook is sent."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from livedash_pipeline.defs.assets.imports import IMPORT_ASSETS
from livedash_pipeline.defs.checks.alerts import build_alert_sensors
from livedash_pipeline.defs.names import Names
from livedash_pipeline.overview.rules.alerts import JOB_REMEDIES, Alert
from livedash_pipeline.overview.rules.health import Level
from livedash_pipeline.overview.steps.checks import CHECKS
from livedash_pipeline.settings import Settings

OPERATIONS = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
SECTION = OPERATIONS.split("\n## Alerts and health checks\n")[1].split("\n## ")[0]


def test_every_check_is_in_the_section_and_those_of_health_have_a_paragraph() -> None:
    assert [check.name for check in CHECKS if f"`{check.name}`" not in SECTION] == []
    paragraphs = set(re.findall(r"^\*\*`(\w+)`\.\*\* ", SECTION, flags=re.MULTILINE))
    assert paragraphs == {check.name for check in CHECKS if not check.after_its_asset}


def test_sensors_and_assets_with_a_freshness_policy_are_named() -> None:
    sensors = [sensor.name for sensor in build_alert_sensors(Settings(), Names(), [check.asset for check in CHECKS])]
    assert [name for name in [*sensors, *IMPORT_ASSETS] if f"`{name}`" not in SECTION] == []


def test_every_field_of_a_posted_document_is_shown() -> None:
    alert = Alert(
        "run_failed", Level.ERROR, "a", "b", (), "c", "d", JOB_REMEDIES["summary"], datetime(2025, 5, 1, tzinfo=UTC)
    )
    assert re.findall(r'"(\w+)": ', SECTION) == list(alert.as_document())
