"""Posts alerts as JSON to a webhook, within bounds of time, and never shows its address beyond the host.

Whoever knows a webhook's path can post there, so paths and queries are kept out of messages. An address that is not public is
connected to only where the setting is written with it, or allows it. Add other ways of delivery here; what an alert says is
`overview.rules.alerts`, and when one is sent is decided in `defs.checks.alerts`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2

from livedash_pipeline.base.rules.urls import SourceRules, source_rules
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.addresses import PinnedTransport, Resolver, resolve
from livedash_pipeline.sources.http import USER_AGENT, open_response, source_error_for, with_retries
from livedash_pipeline.tls import machine_authorities

TRY_SECONDS = 10.0
TRIES = 3
# A webhook that has just failed gets one short try for each further alert: five of them have to fit into a sensor's minute.
QUICK_SECONDS = 2.0
_LONGEST_PAUSE = 2.0


def shown_webhook(url: str) -> str:
    """A webhook's scheme, host and port: all that messages and logs may say of it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


class AlertWebhook:
    """One webhook, and whether it took the last alert.

    Args:
        url: Where alerts are posted.
        allowed_addresses: Addresses and networks that are not public and may be posted to.
        sleep: Waits between tries.
        seconds: How long one try may take in all.
        resolver: Addresses of a host; given by tests.
    """

    def __init__(
        self,
        url: str,
        *,
        allowed_addresses: Sequence[str] = (),
        sleep: Callable[[float], None] = time.sleep,
        seconds: float = TRY_SECONDS,
        resolver: Resolver = resolve,
    ) -> None:
        self._url = url
        self._rules = source_rules(url, (), allowed_addresses)
        self._resolver = resolver
        self._sleep = sleep
        self._seconds = seconds
        self._failing = False

    def post(self, document: Mapping[str, Any]) -> None:
        """Delivers one alert, in three tries at most, or in a short one while the webhook is failing.

        Raises:
            SourceError: It was not taken; the message names the host only.
        """
        seconds, tries = (QUICK_SECONDS, 1) if self._failing else (self._seconds, TRIES)
        try:
            with_retries(lambda: self._try(document, min(seconds, self._seconds)), sleep=self._pause, attempts=tries)
        except SourceError:
            self._failing = True
            raise
        self._failing = False

    def look_up(self) -> None:
        """Resolves the host as a delivery would, and posts nothing.

        Raises:
            SourceError: Its name cannot be resolved, or leads to an address that is not allowed; the message names the host only.
        """
        try:
            with self._transport() as transport:
                transport.look_up(httpx2.URL(self._url))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise source_error_for(error, shown_webhook(self._url)) from None

    def _pause(self, seconds: float) -> None:
        # A sensor's tick cannot wait for as long as a server may ask.
        self._sleep(min(seconds, _LONGEST_PAUSE))

    def _try(self, document: Mapping[str, Any], seconds: float) -> None:
        shown = shown_webhook(self._url)
        # The answer's body is of no interest, and a redirect is none that an alert should follow.
        with (
            self._client(seconds) as client,
            Deadline(seconds) as deadline,
            open_response(client, self._url, deadline, shown=shown, posted=document) as response,
        ):
            if not response.is_success:
                raise source_error_for(response, shown)

    def _transport(self) -> PinnedTransport:
        return PinnedTransport(
            self._rules,
            machine_authorities(),
            resolver=self._resolver,
            clock=time.monotonic,
            remedy=_address_remedy,
            shown=shown_webhook,
        )

    def _client(self, seconds: float) -> httpx2.Client:
        # A proxy of the environment would connect to an address that nobody checked.
        return httpx2.Client(
            transport=self._transport(),
            trust_env=False,
            timeout=httpx2.Timeout(seconds),
            headers={"User-Agent": USER_AGENT},
        )


def _address_remedy(address: str, _rules: SourceRules) -> str:
    return f"If it is right, add {address} to LIVEDASH_ALERT_ALLOW_ADDRESS where the daemon runs."
