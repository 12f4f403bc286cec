"""The page at `/docs`: the OpenAPI document as plain HTML, made on the server, without scripts and other hosts.

Change its looks here. Its contents come from the routes and their models.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from livedash_pipeline.api.problems import TITLES

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.5rem;text-transform:capitalize;font-size:1.2rem}a{color:#0b5cad}
details{border:1px solid #d5dce3;border-radius:6px;margin:.5rem 0;padding:.5rem .8rem}summary{cursor:pointer}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f3f6f9;padding:.7rem;overflow:auto;border-radius:4px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0}
tr+tr td{border-top:1px solid #e6ebef}b.m{display:inline-block;min-width:4.2rem;font-family:ui-monospace,monospace}
@media(prefers-color-scheme:dark){body{background:#12171c;color:#dbe3ea}a{color:#7db8f2}pre{background:#1c242c}
details{border-color:#36424d}tr+tr td{border-color:#2a343d}}
"""
CONTENT_POLICY = (
    "default-src 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_DEEPEST = 6


def render(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    return "".join(_page(document))


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    title = f"{escape(info['title'])} {escape(info['version'])}"
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
    yield f"<body><h1>{title}</h1><p>{escape(info.get('description', ''))}</p>"
    yield '<p>The same for programs: <a href="/openapi.json">openapi.json</a>. Problems: <a href="#problems">below</a>.</p>'
    for tag, operations in _by_tag(document).items():
        yield f"<h2>{escape(tag)}</h2>"
        for method, path, operation in operations:
            yield from _operation(document, method, path, operation)
    yield '<h2 id="problems">Problems</h2><table>'
    for code, (status, text) in TITLES.items():
        anchor = code.replace("_", "-")
        yield f'<tr id="problem-{anchor}"><td>{status}</td><td><code>{code}</code></td><td>{escape(text)}</td></tr>'
    yield "</table></body></html>"


def _by_tag(document: Mapping[str, Any]) -> dict[str, list[tuple[str, str, Mapping[str, Any]]]]:
    tags: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation.get("tags", ["other"])[0], []).append((method.upper(), path, operation))
    return tags


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b class=m>{method}</b> <code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
    yield "".join(f"<p>{escape(part)}</p>" for part in operation.get("description", "").split("\n\n"))
    yield f"<pre>{escape(_curl(document, method, path, operation))}</pre>"
    yield "<table>"
    for parameter in operation.get("parameters", ()):
        needed = "required" if parameter.get("required") else ""
        schema = parameter.get("schema", {})
        about = parameter.get("description") or schema.get("description", "")
        name, place = escape(parameter["name"]), escape(parameter["in"])
        yield f"<tr><td><code>{name}</code></td><td>{place} {needed}</td><td>{escape(about)} {escape(_type(schema))}</td></tr>"
    yield "</table>"
    for title, schema in _bodies(operation):
        yield f"<p>{escape(title)}</p><pre>{escape(json.dumps(example(document, schema), indent=2))}</pre>"
    others = ", ".join(status for status in operation["responses"] if not status.startswith("2"))
    yield f"<p>Otherwise a problem: {escape(others)}.</p></details>"


def _bodies(operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"Body ({kind})", content.get("schema", {})
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if status.startswith("2"):
                yield f"{status} ({kind})", content.get("schema", {})


def _curl(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    required = [
        parameter["name"]
        for parameter in operation.get("parameters", ())
        if parameter.get("required") and parameter["in"] == "query"
    ]
    query = "?" + "&".join(f"{name}=…" for name in required) if required else ""
    parts = ["curl" if method == "GET" else f"curl -X {method}", f'"$LIVEDASH_API{path}{query}"']
    if operation.get("security"):
        parts.append('-H "Authorization: Bearer $TOKEN"')
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        body = json.dumps(example(document, content["application/json"].get("schema", {})))
        parts.append(f"-H 'Content-Type: application/json' -d '{body}'")
    return " \\\n  ".join(parts)


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kinds = [str(one.get("type", "")) for one in schema.get("anyOf", [schema])]
    return f"({' or '.join(kind for kind in kinds if kind)})" if any(kinds) else ""


def example(document: Mapping[str, Any], schema: Mapping[str, Any], depth: int = 0) -> Any:
    """A value of a schema: its own example, or one put together from those of its parts."""
    if "$ref" in schema:
        return example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth)
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if depth > _DEEPEST:
        return None
    if "anyOf" in schema:
        return example(document, schema["anyOf"][0], depth)
    if schema.get("type") == "array":
        return [example(document, schema.get("items", {}), depth + 1)]
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        return {name: example(document, part, depth + 1) for name, part in properties.items()}
    return _PLAIN.get(schema.get("format", schema.get("type", "")))


_PLAIN: Mapping[str, Any] = {
    "string": "…",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "uuid": "01971c4e-8f2a-7c3d-9e4f-5a6b7c8d9e0f",
    "date-time": "2025-05-01T12:00:00+00:00",
}
