"""Which server and which key a batch belongs to, as words that can be stored and compared.

Add what identifies an endpoint here. The API key itself is never stored, only its fingerprint, and holds and prices per
endpoint are decided elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

# A fixed salt keeps fingerprints comparable between machines; it only has to differ from a plain hash of the key.
FINGERPRINT_SALT = "livedash-pipeline/api-key/1"


def endpoint_of(base_url: str) -> str:
    """Host and path of an API address, in lower-case host, without scheme, user and trailing slash.

    The port is left out on loopback, where the stand-in server takes a free one at each start, and where it is the
    scheme's own.

    Raises:
        ValueError: The address has no host, or a port that is no number.
    """
    parts = urlsplit(base_url)
    host = parts.hostname
    if not host:
        raise ValueError(f"{base_url!r} is not an address of an API: it names no host")
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, usual) or is_loopback(host) else f":{parts.port}"
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}{port}{parts.path.rstrip('/')}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def key_fingerprint(api_key: str, salt: str = FINGERPRINT_SALT) -> str:
    """Twelve hex digits that tell whether two keys are the same, and from which no key can be read."""
    return hmac.new(salt.encode(), api_key.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:12]
