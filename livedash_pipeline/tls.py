"""The machine's certificate authorities, read once per process.

Reading them takes longer than a request, and every pool of connections needs them. Add what concerns certificates here;
`base.rules.urls` and `sources.addresses` decide where the program may connect to.
"""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def machine_authorities(*, trust_env: bool = True) -> ssl.SSLContext:
    """Returns the `verify` argument of HTTP clients; `trust_env` says whether SSL_CERT_FILE and SSL_CERT_DIR count."""
    return httpx2.create_ssl_context(trust_env=trust_env)
