"""Every cause has something that helps, with the company in it where a command needs it."""

from __future__ import annotations

import pytest

from livedash_pipeline.intake.rules.transcript_failures import transcript_remedy


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("host_not_allowed", "company set acme --transcript-host"),
        ("private_address", "company set acme --allow-address"),
        ("host_key_unknown", "LIVEDASH_SFTP_KNOWN_HOSTS"),
        ("binary", "UTF-8"),
        ("bad_url", "has to change"),
        ("http_403", "variables that the company names"),
        ("http_503", "livedash failed --company acme"),
    ],
)
def test_a_cause_has_a_remedy(code: str, said: str) -> None:
    assert said in transcript_remedy(code, "acme")
