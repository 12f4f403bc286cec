"""What work on chat batches is given: the database, settings, providers, whoever answers, and clocks.

Everything that a test replaces goes in here. Add how a provider or a search is found.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.endpoints import key_fingerprint
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.rules.providers import DEFAULT_PROVIDER, OWN_KEY, Configuration, Provider, read_providers
from livedash_pipeline.chats.rules.services import ChatService, Search
from livedash_pipeline.chats.store.search import PostgresSearch
from livedash_pipeline.errors import SettingsError, UsageError
from livedash_pipeline.ledger.steps.admission.pauses import pausing
from livedash_pipeline.ledger.steps.calls.calls import CallTarget
from livedash_pipeline.services.openai.tokens import count_tokens
from livedash_pipeline.settings import Settings

SEARCH_PROVIDERS = ("none", "postgres")


class _NoSearch:
    """Finds nothing."""

    def find(self, *_: object, **__: object) -> tuple[()]:
        return ()


def _connect(configuration: Configuration, api_key: str, engine: Engine) -> AbstractContextManager[ChatService]:
    # The client library takes half a second to load, and most processes that load this never call anybody.
    from livedash_pipeline.services.openai.chats import OpenAIChats

    return OpenAIChats(
        configuration.base_url,
        api_key,
        timeout=configuration.timeout_seconds,
        on_failure=pausing(engine, configuration.endpoint),
    )


@dataclass(frozen=True)
class ChatContext:
    """What work on chat batches is given.

    Attributes:
        engine: Our database.
        settings: All settings.
        environ: Where providers' keys are, by the names of their variables.
        connect: Opens whoever answers the questions of a configuration, with a key.
        now: The clock of rows; in production the database's.
        monotonic: The clock of slices.
        sleep: Waits so many seconds where nothing is due.
        jitter: A number from 0 to 1, for waits that must not coincide.
        count_tokens: The tokenizer.
    """

    engine: Engine
    settings: Settings
    environ: Mapping[str, str]
    connect: Callable[[Configuration, str, Engine], AbstractContextManager[ChatService]] = _connect
    now: Callable[[Connection], datetime] = database_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    count_tokens: Callable[[str], int] = count_tokens

    def providers(self) -> Mapping[str, Provider]:
        """All providers: that of the settings, and those of LIVEDASH_CHAT_PROVIDERS.

        Raises:
            SettingsError: The file cannot be read, or something in it is not valid.
        """
        own = Provider(base_url=self.settings.openai_base_url, model=self.settings.openai_model)
        path = self.settings.livedash_chat_providers
        if path is None:
            return {DEFAULT_PROVIDER: own}
        try:
            return {DEFAULT_PROVIDER: own, **read_providers(path.expanduser().read_text(encoding="utf-8"))}
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"LIVEDASH_CHAT_PROVIDERS names {path}, which cannot be used: {error}.",
                remedy="See docs/chat-batches.md for what the file holds.",
            ) from None

    def provider(self, name: str) -> Provider:
        """One provider.

        Raises:
            UsageError: There is none of this name.
        """
        known = self.providers()
        if name not in known:
            raise UsageError(f"There is no provider {name[:100]!r}.", remedy=f"Use one of {', '.join(sorted(known))}.")
        return known[name]

    def api_key(self, configuration: Configuration) -> str:
        """The key of a batch's provider.

        Raises:
            SettingsError: The provider is gone, or its variable is not set.
        """
        known = self.providers().get(configuration.provider)
        if known is None:
            raise SettingsError(
                f"The provider {configuration.provider!r} is not configured any more.",
                remedy="Describe it again in the file of LIVEDASH_CHAT_PROVIDERS; the batch keeps all but the key.",
            )
        own = self.settings.openai_api_key if known.api_key_env == OWN_KEY else None
        key = own or self.environ.get(known.api_key_env, "").strip()
        if not key:
            raise SettingsError(
                f"{known.api_key_env} is not set.",
                remedy=f"Set it to a key of {configuration.endpoint}; for development start `livedash batch-api`.",
            )
        return key

    def search(self, configuration: Configuration) -> Search:
        """Whoever looks for passages."""
        return PostgresSearch(self.engine) if configuration.search_provider == "postgres" else _NoSearch()


def target_of(configuration: Configuration, api_key: str) -> CallTarget:
    """Where a batch's calls go, as the ledger names it."""
    return CallTarget(configuration.endpoint, configuration.model, key_fingerprint(api_key))
