"""Whoever answers and whoever searches has what the steps ask of them."""

from __future__ import annotations

from inspect import signature

from livedash_pipeline.chats.rules.services import ChatService, Search
from livedash_pipeline.chats.store.search import PostgresSearch
from livedash_pipeline.services.openai.chats import OpenAIChats


def _parameters(owner: type, name: str) -> list[str]:
    return list(signature(getattr(owner, name)).parameters)


def test_the_implementations_take_what_the_protocols_say() -> None:
    for protocol, implementation, names in (
        (ChatService, OpenAIChats, ("complete", "check_model")),
        (Search, PostgresSearch, ("find",)),
    ):
        for name in names:
            assert _parameters(implementation, name) == _parameters(protocol, name)
