"""Providers: who answers the questions of a batch, as an operator describes them in a TOML file.

A provider names an endpoint with OpenAI's API, a model, its parameters and a system prompt. A batch keeps a copy of what it was
made with (`Configuration`); a key is never stored, only the name of the variable that holds it. Add what a provider may say here.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from livedash_pipeline.base.rules.endpoints import endpoint_of
from livedash_pipeline.ledger.rules.admission.model_parameters import check_text, default_parameters, read_parameters

DEFAULT_PROVIDER = "openai"
DEFAULT_PROMPT = (
    "You answer questions of visitors of a public web site. Answer in the language of the question, in plain words and in at "
    "most four sentences. If sources are given, use them and name their numbers in brackets, such as [1]. If you do not know, "
    "say so."
)
DEFAULT_PROMPT_VERSION = "1"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


OWN_KEY = "OPENAI_API_KEY"
"""The variable with the key that batches of the ledger are bought with."""


class Provider(BaseModel):
    """One provider, by the keys of its table in the file.

    Attributes:
        base_url: Address with the API's path.
        api_key_env: Name of the variable with its key.
        model: Asked for every question.
        parameters: Sent with every question; without them, those that the model's name suggests.
        system_prompt: What every conversation begins with.
        prompt_version: Named by results; change it with the prompt.
        concurrency: Questions under way at once, over all workers and hosts.
        requests_per_minute: The most that one worker sends in a minute; None for no bound.
        timeout_seconds: For one question.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base_url: str
    api_key_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = OWN_KEY
    model: Annotated[str, Field(min_length=1, max_length=200)]
    parameters: dict[str, Any] = Field(default_factory=dict)
    system_prompt: Annotated[str, Field(max_length=100_000)] = DEFAULT_PROMPT
    prompt_version: Annotated[str, Field(min_length=1, max_length=100)] = DEFAULT_PROMPT_VERSION
    concurrency: Annotated[int, Field(ge=1, le=100)] = 8
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        if "@" in value.partition("://")[2].partition("/")[0]:
            raise ValueError("carries credentials, and addresses are stored; name the key's variable in api_key_env")
        endpoint_of(value)
        return value.rstrip("/")

    @field_validator("parameters")
    @classmethod
    def _parameters(cls, value: dict[str, Any]) -> dict[str, Any]:
        return read_parameters(json.dumps(value)) if value else value

    @field_validator("system_prompt")
    @classmethod
    def _prompt(cls, value: str) -> str:
        check_text(value)
        return value

    @property
    def endpoint(self) -> str:
        """Host and path, as the ledger records it."""
        return endpoint_of(self.base_url)


TurnPolicy = Literal["stop", "continue"]
"""What a failed turn does to the turns after it: they are not asked, or asked without it."""


class Configuration(BaseModel):
    """Everything that decides how a batch is asked, as it was when the batch was made."""

    model_config = ConfigDict(frozen=True)

    provider: str
    base_url: str
    model: str
    parameters: dict[str, Any]
    system_prompt: str
    prompt_version: str
    concurrency: int
    requests_per_minute: int | None
    timeout_seconds: float
    search_provider: str
    page_language: str | None
    override_text: str | None
    turn_policy: TurnPolicy

    @property
    def endpoint(self) -> str:
        """Host and path, as the ledger records it."""
        return endpoint_of(self.base_url)

    @property
    def digest(self) -> str:
        """Names the configuration: two runs of one digest were asked alike."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()


def configuration_of(
    name: str,
    provider: Provider,
    *,
    search_provider: str,
    page_language: str | None,
    override_text: str | None,
    turn_policy: TurnPolicy,
) -> Configuration:
    """The copy of a provider that a new batch keeps; `override_text` is None where none applies."""
    return Configuration(
        provider=name,
        base_url=provider.base_url,
        model=provider.model,
        parameters=provider.parameters or default_parameters(provider.model),
        system_prompt=provider.system_prompt,
        prompt_version=provider.prompt_version,
        concurrency=provider.concurrency,
        requests_per_minute=provider.requests_per_minute,
        timeout_seconds=provider.timeout_seconds,
        search_provider=search_provider,
        page_language=page_language,
        override_text=override_text,
        turn_policy=turn_policy,
    )


def read_providers(text: str) -> Mapping[str, Provider]:
    """The providers of a file: a table `[providers.NAME]` each.

    Raises:
        ValueError: The first thing that is wrong, as a sentence without a full stop.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is no TOML ({error})") from None
    unknown = sorted(document.keys() - {"providers"})
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no table of it; providers stand in [providers.NAME]")
    tables = document.get("providers", {})
    if not isinstance(tables, dict):
        raise ValueError("'providers' is no table")
    return {name: _read_provider(name, table) for name, table in tables.items()}


def _read_provider(name: str, table: object) -> Provider:
    if not _NAME.fullmatch(name):
        raise ValueError(f"the provider's name {name[:100]!r} is not made of lower-case letters, digits and hyphens")
    try:
        return Provider.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{place or 'its table'} of provider {name!r} is not valid: {reason}") from None
