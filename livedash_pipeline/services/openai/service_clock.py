"""Reads the service's clock from the `Date` header of an answer that costs nothing.

Nothing is added here: calls that answer with documents belong to the gateway, whose client library hides this header.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx2

from livedash_pipeline.base.rules.endpoints import is_loopback
from livedash_pipeline.tls import machine_authorities


def service_time(base_url: str, api_key: str, *, timeout: float) -> datetime | None:
    """Returns the service's time, exact to a second; None where no answer with a date came.

    Args:
        base_url: Address with the API's path.
        api_key: Sent, so that the answer is the service's and not that of a gate before it.
        timeout: Seconds for connecting and for each read.
    """
    url = httpx2.URL(f"{base_url}/models")
    headers = {"Authorization": f"Bearer {api_key}"}
    trust_env = not is_loopback(url.host)
    authorities = machine_authorities(trust_env=trust_env)
    try:
        with (
            httpx2.Client(timeout=timeout, trust_env=trust_env, verify=authorities) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            return parsedate_to_datetime(answer.headers.get("date", ""))
    except (httpx2.HTTPError, ValueError, TypeError):
        return None
