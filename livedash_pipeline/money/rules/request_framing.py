"""Writes what a service bills as input beside the texts of messages: the frame of a chat, and parameters that a model is shown.

Add another part of a request here when a service starts to bill it. How much a count may be off is `token_margins`' business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# OpenAI's cookbook on counting tokens: three tokens frame a message, its role is one more, and three start the answer.
_PER_MESSAGE = 4
_START_OF_ANSWER = 3


def framing_tokens(messages: int) -> int:
    """Returns the tokens that frame so many messages and start the answer."""
    return _PER_MESSAGE * messages + _START_OF_ANSWER


def parameter_text(parameters: Mapping[str, Any]) -> str:
    """Returns the parameters that a model may be shown, as text to be counted; empty where there are none.

    Tools and schemas become part of the prompt. How is published for OpenAI's open models only (the harmony format), and there a
    schema stands as JSON below two headings. It is indented here, which is its longest form. Numbers and switches steer the
    service and are no part of the prompt.
    """
    shown = {name: value for name, value in parameters.items() if isinstance(value, str | dict | list)}
    schema = _schema_of(shown)
    if schema is not None:
        del shown["response_format"]
    parts = [] if schema is None else [_schema_text(schema)]
    return "".join([*parts, _indented(shown)] if shown else parts)


def _schema_of(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The named schema of structured outputs, or None where another format or another writing of it is given."""
    shape = parameters.get("response_format")
    schema = shape.get("json_schema") if isinstance(shape, dict) else None
    return schema if isinstance(schema, dict) and "schema" in schema else None


def _schema_text(schema: Mapping[str, Any]) -> str:
    described = f"// {schema['description']}\n" if schema.get("description") else ""
    return f"\n\n# Response Formats\n\n## {schema.get('name', '')}\n\n{described}{_indented(schema['schema'])}"


def _indented(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
