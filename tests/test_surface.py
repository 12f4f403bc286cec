"""What other projects may rely on: the names of the package, and what they take."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest

import livedash_pipeline

PUBLIC = ["LiveDash", "Part", "Settings", "__version__", "build_defs", "load_settings"]


def test_the_package_has_these_public_names_and_no_other() -> None:
    assert livedash_pipeline.__all__ == PUBLIC
    shown = [name for name in dir(livedash_pipeline) if not name.startswith("_")]
    modules = {name for name in shown if inspect.ismodule(getattr(livedash_pipeline, name))}
    assert set(shown) - modules - {"TYPE_CHECKING", "annotations"} == {*PUBLIC} - {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nobody'"):
        livedash_pipeline.nobody  # noqa: B018


def test_the_version_is_the_one_that_is_installed() -> None:
    assert livedash_pipeline.__version__ == version("livedash-pipeline")


def test_definitions_are_built_from_these_arguments() -> None:
    parameters = inspect.signature(livedash_pipeline.build_defs).parameters
    assert list(parameters) == [
        "settings",
        "database_url",
        "environ",
        "resources",
        "key_prefix",
        "name_prefix",
        "group_prefix",
        "executor",
        "include",
    ]
    assert {parameter.default for parameter in parameters.values()} == {None}
    keyword = [name for name, each in parameters.items() if each.kind is inspect.Parameter.KEYWORD_ONLY]
    assert keyword == list(parameters)[1:]


def test_the_package_itself_loads_nothing() -> None:
    program = (
        "import sys, livedash_pipeline; print([m for m in sys.modules if m in ('dagster', 'sqlalchemy', 'pydantic')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
