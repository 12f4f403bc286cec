"""The one exception of the stand-in: a refusal in the shape in which the service reports it over HTTP.

Add a constructor here when a refusal is needed in several places. Faults inside a batch file are values (`validation.py`),
not exceptions.
"""

from typing import Any


class Refusal(Exception):  # noqa: N818 -- it is an answer of the service, raised to leave the call early
    """The service says no: an HTTP status and the `error` document that goes with it, perhaps after how many seconds to retry."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = "invalid_request_error",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.retry_after = retry_after

    def document(self) -> dict[str, Any]:
        """Returns the body of the reply: `{"error": {message, type, param, code}}`."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def missing_parameter(name: str) -> Refusal:
    """Returns the 400 for a parameter that has to be there."""
    return Refusal(400, f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name)


def wrong_type(name: str, expected: str, value: object) -> Refusal:
    """Returns the 400 for a value of the wrong JSON type; `expected` is a phrase such as "a string"."""
    return Refusal(
        400,
        f"Invalid type for '{name}': expected {expected}, but got {json_type(value)} instead.",
        code="invalid_type",
        param=name,
    )


def invalid_value(name: str, value: object, supported: str) -> Refusal:
    """Returns the 400 for a value outside the list of supported ones."""
    return Refusal(
        400,
        f"Invalid value: '{value}'. Supported values are: {supported}.",
        code="invalid_value",
        param=name,
    )


def model_not_found(name: str) -> Refusal:
    """Returns the 404 for a model that the service does not know."""
    return Refusal(
        404,
        f"The model '{name}' does not exist or you do not have access to it.",
        code="model_not_found",
        param="model",
    )


def json_type(value: object) -> str:
    """Names a JSON value's type with its article, as the service's messages do."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "an integer", float: "a decimal", list: "an array", dict: "an object"}
    return names.get(type(value), "another type")
