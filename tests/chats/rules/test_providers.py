"""Providers as an operator describes them, and the copy that a batch keeps."""

from __future__ import annotations

import pytest

from livedash_pipeline.chats.rules.providers import Provider, configuration_of, read_providers

GOOD = """
[providers.careful]
base_url = "https://llm.example.com/v1/"
api_key_env = "CAREFUL_KEY"
model = "gpt-5-mini"
concurrency = 3
system_prompt = "Be careful."
parameters = { max_completion_tokens = 2000 }
"""


def test_a_file_describes_providers_by_name() -> None:
    found = read_providers(GOOD)["careful"]
    assert (found.base_url, found.api_key_env, found.concurrency) == ("https://llm.example.com/v1", "CAREFUL_KEY", 3)
    assert (found.endpoint, found.parameters) == ("llm.example.com/v1", {"max_completion_tokens": 2000})
    assert read_providers("") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("providers = 3", "no table"),
        ("=", "no TOML"),
        ("[provider.a]", "no table of it"),
        ("[providers.Bad_Name]\nmodel='m'\nbase_url='https://x/v1'", "lower-case"),
        ("[providers.a]\nmodel='m'", "base_url"),
        ("[providers.a]\nmodel='m'\nbase_url='ftp://x'", "http://"),
        ("[providers.a]\nmodel='m'\nbase_url='https://user:secret@x/v1'", "credentials"),
        ("[providers.a]\nmodel='m'\nbase_url='https://x/v1'\nmodels='n'", "models"),
        ("[providers.a]\nmodel='m'\nbase_url='https://x/v1'\nconcurrency=0", "concurrency"),
        ("[providers.a]\nmodel='m'\nbase_url='https://x/v1'\nparameters={temperature=1}", "maximum"),
        ("[providers.a]\nmodel='m'\nbase_url='https://x/v1'\nsystem_prompt=\"a\\u0000b\"", "system_prompt"),
        ("[providers]\na = 3", "not valid"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_providers(text)


def test_a_batch_keeps_all_but_the_key() -> None:
    provider = Provider(base_url="https://x.example/v1", model="gpt-5-mini")
    kept = configuration_of(
        "mine", provider, search_provider="none", page_language="nl", override_text=None, turn_policy="stop"
    )
    assert (kept.provider, kept.endpoint, kept.page_language) == ("mine", "x.example/v1", "nl")
    assert kept.parameters == {"max_completion_tokens": 4000, "reasoning_effort": "low"}
    assert "api_key" not in kept.model_dump_json()
    assert kept.digest == kept.model_copy().digest
