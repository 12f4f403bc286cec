"""Refuses chat completion requests that the service would refuse, before any answer is made.

Add a rule here when the real service answers a parameter with a 4xx. Rules about the envelope of a batch line are in
`validation.py`.
"""

import re
from collections.abc import Mapping
from typing import Any

from livedash_pipeline.local.batch_api.answering.catalogue import Catalogue, Model
from livedash_pipeline.local.batch_api.answering.strict_schema import strict_schema_fault
from livedash_pipeline.local.batch_api.refusals import (
    Refusal,
    invalid_value,
    missing_parameter,
    model_not_found,
    wrong_type,
)

_SCHEMA_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# Reasoning models take these only at the value given here.
_FIXED_FOR_REASONING = {"temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}


def check_chat_request(body: Mapping[str, Any], catalogue: Catalogue) -> Model:
    """Returns the model of a request that the service would take; raises `Refusal` for any other."""
    name = body.get("model")
    if name is None:
        raise Refusal(400, "you must provide a model parameter", param="model")
    model = catalogue.get(name)
    if model is None:
        raise model_not_found(str(name))
    _check_messages(body.get("messages"))
    _check_limits(body, model)
    _check_effort(body.get("reasoning_effort"), model)
    _check_response_format(body, model)
    if body.get("stream"):
        message = "Unsupported value: 'stream' does not support true with this local stand-in."
        raise Refusal(400, message, code="unsupported_value", param="stream")
    return model


def message_text(message: Mapping[str, Any]) -> str:
    """Returns the text of one message, whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))


def _check_messages(messages: object) -> None:
    if messages is None:
        raise missing_parameter("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        message = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        raise Refusal(400, message, code="empty_array", param="messages")
    for index, item in enumerate(messages):
        if not isinstance(item, Mapping):
            raise wrong_type(f"messages[{index}]", "an object", item)
        if item.get("role") not in _ROLES:
            raise invalid_value(f"messages[{index}].role", item.get("role"), ", ".join(map(repr, _ROLES)))
        if not isinstance(item.get("content"), str | list):
            raise wrong_type(f"messages[{index}].content", "a string or an array", item.get("content"))


def _check_limits(body: Mapping[str, Any], model: Model) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        limit = body.get(name)
        if limit is None:
            continue
        if name == "max_tokens" and model.reasoning:
            message = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            raise Refusal(400, f"Unsupported parameter: {message}", code="unsupported_parameter", param=name)
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise wrong_type(name, "an integer", limit)
        if limit < 1:
            message = f"Invalid '{name}': integer below minimum value. Expected a value >= 1, but got {limit}."
            raise Refusal(400, message, code="integer_below_min_value", param=name)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise Refusal(400, message, code="invalid_parameter_combination", param="max_tokens")
    if model.reasoning:
        _check_fixed_parameters(body)


def _check_fixed_parameters(body: Mapping[str, Any]) -> None:
    for name, default in _FIXED_FOR_REASONING.items():
        value = body.get(name)
        if value is not None and value != default:
            message = (
                f"Unsupported value: '{name}' does not support {value} with this model. "
                f"Only the default ({default}) value is supported."
            )
            raise Refusal(400, message, code="unsupported_value", param=name)


def _check_effort(effort: object, model: Model) -> None:
    name = "reasoning_effort"
    if effort is None or model.efforts is None or effort in model.efforts:
        return
    if model.efforts:
        message = f"Unsupported value: '{name}' does not support {effort!r} with this model. "
        message += f"Supported values are: {', '.join(map(repr, model.efforts))}."
        raise Refusal(400, message, code="unsupported_value", param=name)
    if model.reasoning:
        message = f"Unsupported parameter: '{name}' is not supported with this model."
        raise Refusal(400, message, code="unsupported_parameter", param=name)
    raise Refusal(400, f"Unrecognized request argument supplied: {name}")


def _check_response_format(body: Mapping[str, Any], model: Model) -> None:
    wanted = body.get("response_format")
    if wanted is None:
        return
    if not isinstance(wanted, Mapping):
        raise wrong_type("response_format", "an object", wanted)
    kind = wanted.get("type")
    if kind == "json_schema" and not model.schemas:
        message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
        raise Refusal(400, message, param="response_format")
    if kind == "json_schema":
        _check_json_schema(wanted.get("json_schema"))
    elif kind == "json_object":
        texts = (message_text(message) for message in body["messages"])
        if not any("json" in text.lower() for text in texts):
            message = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            raise Refusal(400, message, param="messages")
    elif kind != "text":
        raise invalid_value("response_format.type", kind, "'json_object', 'json_schema', and 'text'")


def _check_json_schema(wanted: object) -> None:
    place = "response_format.json_schema"
    if wanted is None:
        raise missing_parameter(place)
    if not isinstance(wanted, Mapping):
        raise wrong_type(place, "an object", wanted)
    name = wanted.get("name")
    if name is None:
        raise missing_parameter(f"{place}.name")
    if not isinstance(name, str) or not _SCHEMA_NAME.fullmatch(name):
        message = (
            f"Invalid '{place}.name': string does not match pattern. Expected '^[a-zA-Z0-9_-]+$', at most 64 long."
        )
        raise Refusal(400, message, code="invalid_value", param=f"{place}.name")
    schema = wanted.get("schema")
    if not wanted.get("strict"):
        return
    if not isinstance(schema, Mapping):
        raise missing_parameter(f"{place}.schema")
    fault = strict_schema_fault(schema)
    if fault is not None:
        message = f"Invalid schema for response_format '{name}': {fault}"
        raise Refusal(400, message, param="response_format")
