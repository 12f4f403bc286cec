"""The Dagster component `livedash_pipeline.LiveDash`: the whole pipeline in a project of somebody's own, by a few lines of YAML.

`dg scaffold defs livedash_pipeline.LiveDash NAME` writes these lines. Its attributes are the settings, under the names of their
environment variables in lower case, and what `build_defs` takes. Nothing is added here for a new setting.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import dagster as dg
from pydantic import create_model

from livedash_pipeline.definitions import build_defs
from livedash_pipeline.defs.parts import Part
from livedash_pipeline.settings import Settings, load_settings, merged_environ

# What YAML has no word for: such values are written as the environment has them.
_WRITTEN = {Path: str, Decimal: str | int | float}


def _plain(annotation: Any) -> Any:
    """Returns the type of a setting as YAML can write it."""
    if get_origin(annotation) in {Union, UnionType}:
        (inner,) = [each for each in get_args(annotation) if each is not NoneType]
        return _plain(inner)
    return _WRITTEN.get(annotation, annotation)


def _attribute(name: str, description: str | None) -> Any:
    """Returns type and default of the attribute for a setting."""
    said = f"{description} Left out: {name.upper()} of the environment."
    annotation = _plain(Settings.model_fields[name].annotation) | None
    # Dagster takes descriptions into the schema from its resolvers, and not from pydantic's fields.
    return Annotated[annotation, dg.Resolver.default(description=said)], None


_ATTRIBUTES: dict[str, Any] = {
    name: _attribute(name, field.description) for name, field in Settings.model_fields.items()
}
_Settings: Any = create_model("LiveDashSettings", __base__=dg.Model, **_ATTRIBUTES)


class LiveDash(dg.Component, _Settings, dg.Resolvable):
    """Imports chat sessions of many companies and has a language model analyse each through OpenAI's Batch API, paying once.

    Every attribute is optional. Settings that are not given come from the environment and a `.env` file, as for the command
    `livedash`. Secrets belong there, or are named: `openai_api_key: "{{ env.OPENAI_API_KEY }}"`.
    """

    include: Annotated[
        list[str] | None,
        dg.Resolver.default(description=f"The parts that are wanted: {', '.join(Part)}. Left out: all."),
    ] = None

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002 - the component's interface
        """Makes the definitions of the pipeline.

        Raises:
            SettingsError: A setting is wrong, or a prefix cannot be part of a name.
        """
        given = {
            name.upper(): _as_variable(value)
            for name in Settings.model_fields
            if (value := getattr(self, name)) is not None
        }
        environ = merged_environ(os.environ) | given
        return build_defs(load_settings(environ, env_file=None), environ=environ, include=self.include)

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Says whose it is, in `dg list components` and in the docs of a project."""
        return dg.ComponentTypeSpec(
            description="Chat sessions of many companies, analysed through OpenAI's Batch API and paid for once.",
            tags=["postgres", "openai"],
            owners=[],
            metadata={},
        )


def _as_variable(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
