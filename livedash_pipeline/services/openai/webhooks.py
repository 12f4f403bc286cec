"""Verifies webhooks of the Batch API, and reads which batch one is about.

A webhook only hints that a batch has news; a poll then reads the batch. Add a kind of event where one concerns us.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from openai import OpenAI, OpenAIError

from livedash_pipeline.base.rules.json_text import JsonFault, read_json
from livedash_pipeline.errors import SettingsError

_PREFIX = "whsec_"
# Kinds of events about batches begin so.
_ABOUT_BATCHES = "batch."
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A genuine delivery.

    Attributes:
        webhook_id: Of the delivery; the same when it is repeated.
        type: Such as `batch.completed`.
        remote_batch_id: The batch it is about; None if it is about none.
    """

    webhook_id: str
    type: str
    remote_batch_id: str | None


class WebhookReader:
    """Verifies webhooks with a secret, in the way of the service's own library.

    Raises:
        SettingsError: The secret is none.
    """

    def __init__(self, secret: str) -> None:
        try:
            usable = (
                bool(base64.b64decode(secret.removeprefix(_PREFIX))) if secret.startswith(_PREFIX) else bool(secret)
            )
        except binascii.Error:
            usable = False
        if not usable:
            raise SettingsError(
                "OPENAI_WEBHOOK_SECRET is no secret of a webhook.",
                remedy="Copy it whole from the settings of the webhook; it begins with whsec_.",
            )
        self._secret = secret
        # Nothing is called with it: the verification is a method of the client.
        self._client = OpenAI(api_key="unused", webhook_secret=secret)

    def read(self, body: bytes, headers: Mapping[str, str]) -> WebhookEvent | None:
        """Reads the event of a delivery; None if it is not genuine, or older than five minutes.

        Args:
            body: The body as it came, byte for byte.
            headers: By their names in lower case.
        """
        try:
            self._client.webhooks.verify_signature(body, headers, secret=self._secret)
        except (OpenAIError, ValueError, TypeError):
            # Also missing headers, a body that is no text, and a signature that is not ASCII.
            return None
        return _event(headers["webhook-id"], read_json(body))

    def close(self) -> None:
        """Gives back what the client holds."""
        self._client.close()


def _event(webhook_id: str, document: object) -> WebhookEvent | None:
    """The event in a genuine body; None without a type."""
    if isinstance(document, JsonFault) or not isinstance(document, dict):
        return None
    kind, data = _text(document.get("type")), document.get("data")
    if kind is None or _text(webhook_id) is None:
        return None
    batch_id = _text(data.get("id")) if isinstance(data, dict) and kind.startswith(_ABOUT_BATCHES) else None
    return WebhookEvent(webhook_id, kind, batch_id)


def _text(value: object) -> str | None:
    """A text that can be stored."""
    good = isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()
    return str(value) if good else None
