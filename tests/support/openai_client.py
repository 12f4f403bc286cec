"""The client library as a user sets it up, for tests that speak to the local server themselves."""

from __future__ import annotations

from openai import DefaultHttpxClient, OpenAI

from livedash_pipeline.tls import machine_authorities


def openai_client(base_url: str, api_key: str = "k") -> OpenAI:
    """A client that repeats nothing; leaving it closes its connections."""
    connections = DefaultHttpxClient(verify=machine_authorities())
    return OpenAI(base_url=base_url, api_key=api_key, max_retries=0, http_client=connections)
