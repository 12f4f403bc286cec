"""What helps where transcripts could not be fetched, by the cause that is kept with each.

Add a cause that `sources.transcript_source` gives; what each means at length is in `docs/operations.md`.
"""

from __future__ import annotations

_ADDRESS = "their address in the CSV has to change"
_CREDENTIALS = "check the variables that the company names; they are sent to the CSV's own host and port alone"
_PUBLISHER = "the company has to publish them"
_REMEDIES = {
    "host_not_allowed": "if the host is right: livedash company set {company} --transcript-host HOST[:PORT] (or s3://BUCKET)",
    "private_address": "if the address is right: livedash company set {company} --allow-address ADDRESS",
    "http_401": _CREDENTIALS,
    "http_403": _CREDENTIALS,
    "http_404": _PUBLISHER,
    "http_410": _PUBLISHER,
    "empty": _PUBLISHER,
    "too_large": _PUBLISHER,
    "binary": "have them published as UTF-8 or with their charset in Content-Type, or set encoding in the company's profile",
    "file_not_found": _PUBLISHER,
    "permission_denied": "check the credentials and the rights of the store that they lie in",
    "host_key_unknown": "the key of the server has to stand in the file of known hosts (LIVEDASH_SFTP_KNOWN_HOSTS)",
    "insecure_redirect": "the publisher has to keep to https",
    "tls_error": "name the authority in SSL_CERT_FILE",
    # Refused by what the address says, so that nobody tries it again.
    "bad_url": _ADDRESS,
    "credentials_in_url": _ADDRESS,
    "file_not_allowed": _ADDRESS,
    "too_many_redirects": _ADDRESS,
}
_OTHERS = "they are tried again by themselves, five times in all; livedash failed --company {company}"


def transcript_remedy(code: str, company: str) -> str:
    """What to do about transcripts that failed for a cause; the name of a company is part of some commands."""
    return _REMEDIES.get(code, _OTHERS).format(company=company)
