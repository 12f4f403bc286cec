"""Refuses creations of batches, and pages of lists, that the service would refuse at once over HTTP.

Add a check of a parameter here. Anything about the *content* of the requests file, even its existence, is found later by the
validation of the batch and is no HTTP error.
"""

from collections.abc import Mapping
from typing import Any

from livedash_pipeline.local.batch_api.refusals import Refusal, invalid_value, missing_parameter, wrong_type

ENDPOINTS = (
    "/v1/responses",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/videos",
)
_PARAMETERS = ("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after")
_SHORTEST_EXPIRY, _LONGEST_EXPIRY = 3600, 2_592_000


def check_batch_request(body: object) -> dict[str, Any]:
    """Returns the body of a create call if the service would take it; raises `Refusal` (400) otherwise."""
    if not isinstance(body, dict):
        raise wrong_type("body", "an object", body)
    for name in body:
        if name not in _PARAMETERS:
            raise Refusal(400, f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if body.get(name) is None:
            raise missing_parameter(name)
        if not isinstance(body[name], str):
            raise wrong_type(name, "a string", body[name])
    if body["endpoint"] not in ENDPOINTS:
        raise invalid_value("endpoint", body["endpoint"], ", ".join(map(repr, ENDPOINTS)))
    if body["completion_window"] != "24h":
        raise invalid_value("completion_window", body["completion_window"], "'24h'")
    _check_metadata(body.get("metadata"))
    check_expiry("output_expires_after", body.get("output_expires_after"))
    return body


def check_expiry(name: str, expiry: object) -> int | None:
    """Returns the seconds of an `expires_after` object, None for none; raises `Refusal` (400) for a bad one."""
    if expiry is None:
        return None
    if not isinstance(expiry, Mapping):
        raise wrong_type(name, "an object", expiry)
    for key in ("anchor", "seconds"):
        if expiry.get(key) is None:
            raise missing_parameter(f"{name}.{key}")
    if expiry["anchor"] != "created_at":
        raise invalid_value(f"{name}.anchor", expiry["anchor"], "'created_at'")
    return check_integer(f"{name}.seconds", expiry["seconds"], _SHORTEST_EXPIRY, _LONGEST_EXPIRY)


def check_integer(name: str, value: object, least: int, most: int) -> int:
    """Returns an integer within limits; a string of digits (a query or form value) counts as one."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise wrong_type(name, "an integer", value) from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    if value < least:
        message = (
            f"Invalid '{name}': integer below minimum value. Expected a value >= {least}, but got {value} instead."
        )
        raise Refusal(400, message, code="integer_below_min_value", param=name)
    if value > most:
        message = f"Invalid '{name}': integer above maximum value. Expected a value <= {most}, but got {value} instead."
        raise Refusal(400, message, code="integer_above_max_value", param=name)
    return value


def _check_metadata(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, Mapping):
        raise wrong_type("metadata", "an object", metadata)
    if len(metadata) > 16:
        message = f"Invalid 'metadata': too many properties. Expected at most 16, but got {len(metadata)} instead."
        raise Refusal(400, message, code="object_above_max_properties", param="metadata")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise wrong_type(f"metadata.{key}", "a string", value)
        for text, most in ((key, 64), (value, 512)):
            if len(text) > most:
                message = (
                    f"Invalid 'metadata.{key[:64]}': string too long. Expected at most {most} characters, "
                    f"but got {len(text)} instead."
                )
                raise Refusal(400, message, code="string_above_max_length", param=f"metadata.{key[:64]}")
