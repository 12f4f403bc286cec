"""What somebody who makes a chat batch says of it, checked here once for commands, jobs and HTTP.

Add a field of the upload form here. What a file may hold is `chats.rules.intake`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID

from livedash_pipeline.base.rules.chat_states import ChatMode
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.base.store.company_values import LONGEST_OVERRIDE
from livedash_pipeline.chats.rules.intake.rows import UnusableFile
from livedash_pipeline.chats.rules.providers import (
    DEFAULT_PROVIDER,
    OWN_KEY,
    Configuration,
    Provider,
    TurnPolicy,
    configuration_of,
)
from livedash_pipeline.chats.steps.context import SEARCH_PROVIDERS, ChatContext
from livedash_pipeline.errors import LivedashError, UsageError

LONGEST_NAME = 200
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_TYPE = re.compile(r"[A-Za-z0-9_ -]{1,50}")


@dataclass(frozen=True, kw_only=True)
class NewBatch:
    """A batch to be made, as it was asked for.

    Attributes:
        company: Slug of the company whose batch it is.
        name: Any text that people read it by; without one the file's name.
        type: A word of the uploader's own.
        ai_provider: Who answers.
        search_provider: `none` or `postgres`.
        page_language: A language code such as `en` or `fr-CA`.
        apply_overrides: Whether the override text applies.
        override_text: Instructions of the uploader; without them the company's.
        mode: `slices`, `batch` or `auto`.
        due_at: When the answers are wanted, for `auto`.
        turn_policy: `stop` or `continue`: what a failed turn does to the turns after it.
        creation_key: Names this one request: sent again, it makes no second batch.
        uploader: Who makes it, in words.
        uploader_token_id: The token that makes it.
    """

    company: str
    name: str | None = None
    type: str = "question"
    ai_provider: str = DEFAULT_PROVIDER
    search_provider: str = "none"
    page_language: str | None = None
    apply_overrides: bool = False
    override_text: str | None = None
    mode: str = ChatMode.SLICES
    due_at: datetime | None = None
    turn_policy: TurnPolicy = "stop"
    creation_key: str | None = None
    uploader: str | None = None
    uploader_token_id: UUID | None = None


def checked_name(name: str | None, filename: str) -> str:
    """The name of a batch: spaces, accents and emoji are fine.

    Raises:
        UsageError: It is empty, too long, or holds control characters.
    """
    chosen = storable_text((name if name is not None else filename).strip())[0]
    if not chosen or len(chosen) > LONGEST_NAME or any(sign < " " or sign == "\x7f" for sign in chosen):
        raise UsageError(
            f"A chat batch cannot be called {chosen[:50]!r}.",
            remedy=f"Give a name of 1 to {LONGEST_NAME} characters, without line breaks.",
        )
    return chosen


def checked_configuration(context: ChatContext, asked: NewBatch, company_override: str | None) -> Configuration:
    """The configuration that a new batch keeps.

    Raises:
        UsageError: A field has a value that cannot be, or the provider does not take batches.
        SettingsError: The providers' file cannot be used.
    """
    provider = context.provider(asked.ai_provider)
    if asked.search_provider not in SEARCH_PROVIDERS:
        raise _not_one_of("search provider", asked.search_provider, SEARCH_PROVIDERS)
    if asked.mode not in tuple(ChatMode):
        raise _not_one_of("mode", asked.mode, tuple(ChatMode))
    if asked.turn_policy not in get_args(TurnPolicy):
        raise _not_one_of("turn policy", asked.turn_policy, get_args(TurnPolicy))
    if asked.page_language is not None and not _LANGUAGE.fullmatch(asked.page_language):
        raise UsageError(f"{asked.page_language[:50]!r} is no language code.", remedy="Use one such as en or fr-CA.")
    if not _TYPE.fullmatch(asked.type):
        raise UsageError(f"{asked.type[:60]!r} is no type.", remedy="Use up to 50 letters, digits, spaces and hyphens.")
    _check_batches(context, asked, provider)
    return configuration_of(
        asked.ai_provider,
        provider,
        search_provider=asked.search_provider,
        page_language=asked.page_language,
        override_text=_override(asked, company_override),
        turn_policy=asked.turn_policy,
    )


def _check_batches(context: ChatContext, asked: NewBatch, provider: Provider) -> None:
    if asked.mode != ChatMode.SLICES and provider.base_url != context.settings.openai_base_url:
        raise UsageError(
            f"The provider {asked.ai_provider!r} is at {provider.endpoint}, and batches go to OPENAI_BASE_URL.",
            remedy="Use the mode slices, or a provider at OPENAI_BASE_URL.",
        )
    if asked.mode != ChatMode.SLICES and provider.api_key_env != OWN_KEY:
        raise UsageError(
            f"The provider {asked.ai_provider!r} has the key of {provider.api_key_env}, and batches are bought with {OWN_KEY}.",
            remedy=f"Use the mode slices, or a provider without api_key_env or with {OWN_KEY}.",
        )


def _override(asked: NewBatch, company_override: str | None) -> str | None:
    """The text that applies; None where none does."""
    text = asked.override_text or company_override
    if not asked.apply_overrides:
        if asked.override_text:
            raise UsageError(
                "There is an override text, and overrides do not apply.", remedy="Apply overrides as well."
            )
        return None
    if not text or not text.strip():
        raise UsageError(
            f"Overrides are to apply, and neither the upload nor {asked.company} has an override text.",
            remedy="Give one, or set the company's: livedash company set SLUG --chat-override TEXT",
        )
    if len(text) > LONGEST_OVERRIDE:
        raise UsageError(
            f"The override text has {len(text):,} characters.", remedy=f"Use at most {LONGEST_OVERRIDE:,}."
        )
    return storable_text(text)[0]


def _not_one_of(what: str, value: str, known: tuple[str, ...]) -> UsageError:
    return UsageError(f"{value[:50]!r} is no {what}.", remedy=f"Use one of {', '.join(map(str, known))}.")


class UnusableUploadError(LivedashError):
    """The file cannot be used: nothing of it was taken. `errors` has the first of them, each with its line."""

    code = "unusable_file"

    def __init__(self, file: UnusableFile, filename: str) -> None:
        first = file.errors[0]
        place = f" (line {first.line})" if first.line is not None else ""
        more = f" There are {file.total:,} errors." if file.total > 1 else ""
        super().__init__(
            f"{filename[:100]} cannot be used{place}: {first.message}{more}",
            remedy="Mend the file and send it again; nothing of it was taken.",
        )
        self.errors = [{"line": each.line, "code": each.code, "message": each.message} for each in file.errors]
        self.total = file.total

    def as_document(self) -> dict[str, object]:
        """The failure with the error of each row."""
        document = super().as_document()
        return document | {"errors": self.errors, "errorCount": self.total}
