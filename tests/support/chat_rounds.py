"""Chat batches for tests: a context with a local server or with answers of a script, and batches of few questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.token_usage import TokenUsage
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.create import create_batch
from livedash_pipeline.chats.steps.new_batch import NewBatch
from livedash_pipeline.ledger.rules.calls.call_ends import CallEnd
from livedash_pipeline.ledger.rules.service.gateway import ModelCheck
from livedash_pipeline.settings import Settings

MODEL = "gpt-5-mini"


def answered(content: str = "An answer.") -> CallEnd:
    """A call that was answered and paid."""
    usage = TokenUsage(prompt_tokens=100, completion_tokens=10, total_tokens=110)
    return CallEnd(Outcome.PARSED, content=content, http_status=200, model=MODEL, usage=usage)


@dataclass
class ScriptedChats:
    """Answers as `on` says, by the last question; every body that was sent is kept."""

    on: Callable[[str], CallEnd] = lambda question: answered(f"About {question}")
    sent: list[Mapping[str, Any]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def complete(self, body: Mapping[str, Any]) -> CallEnd:
        with self.lock:
            self.sent.append(body)
        return self.on(body["messages"][-1]["content"])

    def check_model(self, model: str) -> ModelCheck:
        return ModelCheck(bool(model), True, None, False)

    @property
    def questions(self) -> list[str]:
        """What was asked, in order."""
        return [body["messages"][-1]["content"] for body in self.sent]


def chat_context(engine: Engine, chats: ScriptedChats, **settings: Any) -> ChatContext:
    """A context whose questions a script answers."""

    @contextmanager
    def connect(_configuration: Configuration, _key: str, _engine: Engine) -> Iterator[ScriptedChats]:
        yield chats

    chosen = Settings(openai_base_url="http://127.0.0.1:9/v1", openai_api_key="test-key", **settings)
    return ChatContext(engine, chosen, {}, connect=connect, jitter=lambda: -0.5)


def with_settings(context: ChatContext, **changes: Any) -> ChatContext:
    """The context with other settings."""
    return replace(context, settings=context.settings.model_copy(update=changes))


def make_batch(context: ChatContext, company: str, rows: Sequence[Mapping[str, str]] | int, **fields: Any) -> UUID:
    """A batch of rows, or of so many different questions."""
    listed = rows if not isinstance(rows, int) else [{"question": f"What is question {each}?"} for each in range(rows)]
    content = json.dumps(list(listed)).encode()
    return create_batch(context, NewBatch(company=company, **fields), content, "questions.json").batch_id


def states(engine: Engine, batch_id: UUID) -> dict[str, int]:
    """Conversations of a batch per state, counted from their rows."""
    query = text("SELECT state, count(*) AS chats FROM chats WHERE batch_id = :id GROUP BY state ORDER BY state")
    with engine.connect() as connection:
        return {row.state: row.chats for row in connection.execute(query, {"id": batch_id})}


def column(engine: Engine, batch_id: UUID, name: str, table: str = "chat_interactions") -> list[Any]:
    """One column of a batch's turns (or conversations), in the order of the file."""
    order = "row_index" if table == "chat_interactions" else "item_index"
    query = text(f"SELECT {name} FROM {table} WHERE batch_id = :id ORDER BY {order}")
    with engine.connect() as connection:
        return list(connection.execute(query, {"id": batch_id}).scalars())
