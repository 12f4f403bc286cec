"""What a strict `json_schema` must look like: every property required, and `additionalProperties` false, at every depth.

Add further rules of strict mode here. Whether an answer fits a schema is not checked: the stand-in's answers are built to fit.
"""

from collections.abc import Iterator, Mapping
from typing import Any


def strict_schema_fault(schema: Mapping[str, Any]) -> str | None:
    """Returns the first violation as the service words it, or None for a schema that strict mode takes."""
    if schema.get("type") != "object":
        return "In context=(), schema must be of type 'object'."
    for path, node in _objects(schema, ()):
        fault = _object_fault(node)
        if fault is not None:
            return f"In context={path}, {fault}"
    return None


def _object_fault(node: Mapping[str, Any]) -> str | None:
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required = node.get("required")
    listed = required if isinstance(required, list) else []
    missing = [name for name in node.get("properties", {}) if name not in listed]
    if missing:
        return (
            "'required' is required to be supplied and to be an array including every key in properties. "
            f"Missing '{missing[0]}'."
        )
    return None


def _objects(node: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yields every object schema below a node with its path."""
    if not isinstance(node, Mapping):
        return
    if node.get("type") == "object" or "properties" in node:
        yield path, node
    for group in ("properties", "$defs", "definitions"):
        members = node.get(group)
        for name, member in (members if isinstance(members, Mapping) else {}).items():
            yield from _objects(member, (*path, group, str(name)))
    yield from _objects(node.get("items"), (*path, "items"))
    for index, member in enumerate(node.get("anyOf") or ()):
        yield from _objects(member, (*path, "anyOf", str(index)))
