"""Which authorities vouch for a server: the machine's own, read once per process.

Reading them takes longer than a request does, and every pool of connections needs them. Add what concerns certificates here;
where a program may connect to is `base.rules.urls` and `sources.addresses`.
"""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def machine_authorities(*, trust_env: bool = True) -> ssl.SSLContext:
    """What an HTTP client is given as `verify`; `trust_env` says whether SSL_CERT_FILE and SSL_CERT_DIR count."""
    return httpx2.create_ssl_context(trust_env=trust_env)
