"""The component in YAML, and the example project that uses it, under the commands that people use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster.components.testing import create_defs_folder_sandbox

from livedash_pipeline import LiveDash
from livedash_pipeline.defs.parts import Part
from livedash_pipeline.settings import Settings
from tests.e2e.programs import clean_environ

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "project"
# Dagster 1.13 reads YAML with a function that pydantic calls deprecated, and notes where a component stands by betas of its own.
pytestmark = pytest.mark.filterwarnings("ignore:`parse_obj_as` is deprecated", "ignore:.* is currently in beta")


def built(attributes: dict[str, Any]) -> dg.Definitions:
    """The definitions that these attributes give."""
    component = LiveDash.resolve_from_yaml(yaml.safe_dump(attributes))
    defs = component.build_defs(dg.ComponentTree.for_test().load_context)
    assert isinstance(defs, dg.Definitions)
    return defs


@pytest.fixture(autouse=True)
def nobody_s_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def settings_of(defs: dg.Definitions) -> Settings:
    resource: Any = (defs.resources or {})["openai_batch"]
    found = resource(dg.build_init_resource_context()).settings
    assert isinstance(found, Settings)
    return found


def test_every_setting_is_an_attribute_with_its_description() -> None:
    schema = LiveDash.model().model_json_schema()["properties"]
    assert {*schema} == {*Settings.model_fields, "include"}
    assert [name for name, field in schema.items() if not field.get("description", "").endswith(".")] == []
    assert [name for name, field in schema.items() if "default" not in field] == [], "every attribute is optional"


def test_attributes_are_settings_and_the_rest_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "from-the-environment")
    monkeypatch.setenv("LIVEDASH_MIN_BATCH", "7")
    monkeypatch.setenv("THE_KEY", "secret")
    settings = settings_of(
        built(
            {
                "livedash_min_batch": 100,
                "livedash_monthly_cap_eur": 12.5,
                "batch_creation_enabled": False,
                "livedash_max_reject_ratio": 0.5,
                "openai_api_key": "{{ env.THE_KEY }}",
                "livedash_home": "somewhere",
            }
        )
    )
    assert (settings.openai_model, settings.livedash_min_batch) == ("from-the-environment", 100)
    assert (str(settings.livedash_monthly_cap_eur), settings.livedash_max_reject_ratio) == ("12.5", 0.5)
    assert (settings.batch_creation_enabled, settings.batch_polling_enabled) == (False, True)
    assert (settings.openai_api_key, settings.livedash_home) == ("secret", Path("somewhere"))


def test_parts_and_prefixes_can_be_chosen() -> None:
    defs = built({"include": ["chats"], "livedash_name_prefix": "x_", "livedash_key_prefix": "a/b"})
    assert {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()} == {
        "a/b/chat_batches",
        "a/b/chat_results",
    }
    assert [sensor.name for sensor in defs.sensors or []] == ["x_chat_batch_sensor"]
    assert len(built({}).resolve_asset_graph().get_all_asset_keys()) > len(Part)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"livedash_min_batch": 0}, "LIVEDASH_MIN_BATCH"),
        ({"livedash_min_batches": 5}, "livedash_min_batches"),
        ({"include": ["chat"]}, "include names 'chat'"),
    ],
)
def test_a_wrong_attribute_is_named(attributes: dict[str, Any], said: str) -> None:
    with pytest.raises(Exception, match=said):
        built(attributes)


def dg_command(arguments: Sequence[str], project: Path, tmp_path: Path, **values: str) -> str:
    """What a command of Dagster prints in a project."""
    home = tmp_path / "dagster"
    home.mkdir(exist_ok=True)
    bin_ = Path(sys.prefix) / "bin"
    environ = clean_environ(
        tmp_path,
        DAGSTER_HOME=str(home),
        DAGSTER_DISABLE_TELEMETRY="1",
        VIRTUAL_ENV=sys.prefix,
        PATH=f"{bin_}{os.pathsep}{os.environ['PATH']}",
        PYTHONPATH=f"{ROOT}{os.pathsep}{project}",
        **values,
    )
    done = subprocess.run(
        [bin_ / "dg", *arguments], cwd=project, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("project", "prefix"), [(EXAMPLE, "livedash_"), (ROOT, "")], ids=["example", "ours"])
def test_a_job_is_listed_and_launched_by_the_commands_of_dagster(
    project: Path, prefix: str, tmp_path: Path, database_url: str
) -> None:
    listed = json.loads(dg_command(["list", "defs", "--json"], project, tmp_path))
    assert f"{prefix}summary" in [job["name"] for job in listed["jobs"]]
    values = {"DATABASE_URL": database_url, "LIVEDASH_DAGSTER_URL": "postgresql+psycopg2://nobody@localhost/nothing"}
    dg_command(["launch", "--job", f"{prefix}summary"], project, tmp_path, **values)
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        assert [(run.job_name, run.status.value) for run in instance.get_runs()] == [(f"{prefix}summary", "SUCCESS")]


def test_the_example_loads_with_an_asset_of_the_same_name(tmp_path: Path) -> None:
    assert "All definitions loaded successfully" in dg_command(["check", "defs"], EXAMPLE, tmp_path)
    components = dg_command(["list", "components", "--json"], EXAMPLE, tmp_path)
    assert "livedash_pipeline.LiveDash" in [each["key"] for each in json.loads(components)["items"]]
    assets = json.loads(dg_command(["list", "defs", "--json"], EXAMPLE, tmp_path))["assets"]
    assert {"sessions", "livedash/sessions"} <= {asset["asset_key"] for asset in assets}


def test_scaffolding_writes_a_component_that_loads() -> None:
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(LiveDash)
        written = yaml.safe_load((path / "defs.yaml").read_text(encoding="utf-8"))
        assert written["type"].endswith("LiveDash")
        with sandbox.load_component_and_build_defs(path) as (_, defs):
            assert defs.jobs
