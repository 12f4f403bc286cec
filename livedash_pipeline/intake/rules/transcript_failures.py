"""What helps where transcripts could not be fetched, by the cause that is kept with each.

Add a cause that `sources.transcript_source` gives; what each means at length is in `docs/operations.md`.
"""

from __future__ import annotations

_HOSTS = "if the host is right: livedash company set {company} --transcript-host HOST[:PORT]"
_PUBLISHER = "the company has to publish them"
_REMEDIES = {
    "host_not_allowed": _HOSTS,
    "private_address": "if the address is right: livedash company set {company} --allow-address ADDRESS",
    "http_401": "credentials go only to the CSV's own host and port",
    "http_403": "credentials go only to the CSV's own host and port",
    "http_404": _PUBLISHER,
    "http_410": _PUBLISHER,
    "empty": _PUBLISHER,
    "too_large": _PUBLISHER,
    "binary": "have them published as UTF-8, or with their charset in Content-Type",
    "insecure_redirect": "the publisher has to keep to https",
    "tls_error": "name the authority in SSL_CERT_FILE",
}
_OTHERS = "they are tried again by themselves; livedash failed --company {company}"


def transcript_remedy(code: str, company: str) -> str:
    """What to do about transcripts that failed for a cause; the name of a company is part of some commands."""
    return _REMEDIES.get(code, _OTHERS).format(company=company)
