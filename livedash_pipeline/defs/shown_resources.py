"""Resources as Dagster's UI shows them: each with its type, and the settings that it goes by, without secrets.

A plain object shows as `<lambda>`, and the fields of a configurable resource stand in every launchpad, where nobody should change
them for one run. So each is a definition whose settings are read and no longer asked for. Add a setting to the list of its
resource; a secret is only said to be set or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.base.store.connect import shown_address
from livedash_pipeline.settings import Settings

_SERVICE = (
    *("openai_base_url", "openai_api_key", "openai_model", "batch_creation_enabled", "batch_polling_enabled"),
    *("livedash_min_batch", "livedash_max_wait", "livedash_max_attempts", "livedash_max_releases"),
    *("livedash_enqueued_tokens", "livedash_monthly_cap_eur", "livedash_daily_cap_eur"),
    *("livedash_total_monthly_cap_eur", "livedash_total_daily_cap_eur"),
    *("livedash_lease", "livedash_create_deadline", "livedash_visibility_lag", "livedash_vanished_after"),
)
_SOURCES = ("livedash_import_interval", "livedash_max_reject_ratio", "livedash_sftp_known_hosts")
_SETTINGS_OF = {"postgres": ("database_url",), "openai_batch": _SERVICE, "http_source": _SOURCES}
_DESCRIPTIONS = {
    "postgres": "The database of this pipeline: its tables, not Dagster's storage.",
    "openai_batch": "The Batch API, and what is sent to it when.",
    "http_source": "Where CSVs and transcripts are fetched; companies name addresses and variables with credentials.",
}


def shown_resource(key: str, resource: object, settings: Settings) -> dg.ResourceDefinition:
    """Makes the definition of a resource by its plain key; runs and sensors get the object itself."""
    fields = {
        name.upper(): dg.Field(
            type(value), default_value=value, is_required=False, description=Settings.model_fields[name].description
        )
        for name, value in shown_values(key, settings).items()
    }
    definition = dg.ResourceDefinition(_giving(resource), config_schema=fields, description=_DESCRIPTIONS[key])
    return definition.configured({})


def shown_resources(plain: Mapping[str, object], settings: Settings) -> dict[str, object]:
    """Makes the definitions of our own resources; replacements that are definitions already stay as they are."""
    return {
        key: resource if isinstance(resource, dg.ResourceDefinition) else shown_resource(key, resource, settings)
        for key, resource in plain.items()
    }


def shown_values(key: str, settings: Settings) -> dict[str, Any]:
    """Returns the settings that a resource goes by, by name, as anybody who sees the UI may see them."""
    return {name: _shown(name, settings) for name in _SETTINGS_OF[key]}


def _giving(resource: object) -> Callable[[dg.InitResourceContext], object]:
    def give(_context: dg.InitResourceContext) -> object:
        return resource

    # What Dagster shows as the type is the name and the module of this function.
    give.__name__, give.__module__ = type(resource).__name__, type(resource).__module__
    return give


def _shown(name: str, settings: Settings) -> Any:
    value = getattr(settings, name)
    if name == "database_url":
        return "the embedded server" if value is None else shown_address(value)
    if name == "openai_base_url":
        # Host and path, as batches record it: an address may hold a name, a password or a key.
        return endpoint_of(value)
    if name.endswith("_key"):
        return "not set" if value is None else "set"
    return value if isinstance(value, bool | int | float | str) else str("" if value is None else value)
