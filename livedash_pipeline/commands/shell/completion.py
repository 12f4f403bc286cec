"""What a shell completes: words of closed sets, companies, and ids of the newest batches.

Add a set as `one_of`. Names from the database come only where it answers at once: an embedded server that rests is not started,
and whatever goes wrong completes to nothing, since nobody reads an error in the middle of a line.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatMode
from livedash_pipeline.base.rules.outcomes import FAILURE_CODES, Outcome
from livedash_pipeline.base.rules.states import BatchStatus, CompanyStatus, RequestStatus, Stage

if TYPE_CHECKING:
    from sqlalchemy import Engine

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

# A shell waits for it with every press of the key: so long for a connection, and so long for a statement.
_MOST_SECONDS = 2
_MOST_BATCHES = 50


def one_of(words: Iterable[str]) -> Complete:
    """Completes words of a closed set, in either case."""
    known = [word.lower() for word in words]

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
        return [CompletionItem(word) for word in known if word.startswith(incomplete.lower())]

    return complete


STAGE = one_of(Stage)
REQUEST_STATUS = one_of(RequestStatus)
BATCH_STATUS = one_of(BatchStatus)
COMPANY_STATUS = one_of(CompanyStatus)
CHAT_BATCH_STATUS = one_of(ChatBatchStatus)
CHAT_MODE = one_of(ChatMode)
OUTCOME = one_of(Outcome)
ERROR_CODE = one_of(sorted(FAILURE_CODES))
AUDIT_OUTCOME = one_of(("done", "refused", "failed"))


def complete_company(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes slugs of companies, each with its name where the shell shows one."""

    def look(engine: Engine) -> list[CompletionItem]:
        from livedash_pipeline.base.store.companies import list_companies

        with engine.connect() as connection:
            companies = list_companies(connection)
        return [
            CompletionItem(each.slug, help=each.name) for each in companies if each.slug.startswith(incomplete.lower())
        ]

    return _asked(look)


def complete_batch(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes ids of the newest batches: ours, or OpenAI's where that is how the word begins."""

    def look(engine: Engine) -> list[CompletionItem]:
        from livedash_pipeline.ledger.steps.batches.batch_search import BatchSearch, search_batches

        rows = search_batches(engine, BatchSearch(), limit=_MOST_BATCHES)["batches"]
        name = "openaiBatchId" if incomplete and "batch_".startswith(incomplete[:6]) else "id"
        found = [(row[name], f"{row['company']}, {row['status']}") for row in rows if row[name]]
        return [CompletionItem(word, help=said) for word, said in found if word.startswith(incomplete)]

    return _asked(look)


def complete_chat_batch(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001
    """Completes ids of the newest chat batches."""

    def look(engine: Engine) -> list[CompletionItem]:
        from livedash_pipeline.chats.steps.documents import list_document

        rows = list_document(engine, limit=_MOST_BATCHES, with_costs=False)["batches"]
        return [
            CompletionItem(row["id"], help=f"{row['company']}, {row['name']}")
            for row in rows
            if row["id"].startswith(incomplete)
        ]

    return _asked(look)


def _asked(look: Callable[[Engine], list[CompletionItem]]) -> list[CompletionItem]:
    with suppress(Exception):
        from livedash_pipeline.base.store.connect import make_engine

        url = _database_url()
        if url is not None:
            engine = make_engine(url, statement_timeout=_MOST_SECONDS)
            try:
                return look(engine)
            finally:
                engine.dispose()
    return []


def _database_url() -> str | None:
    """The database that commands use, if it is there already."""
    from sqlalchemy import make_url

    from livedash_pipeline.embedded_postgres.server import running_postgres
    from livedash_pipeline.runtime.environment import DATABASE
    from livedash_pipeline.settings import load_settings

    settings = load_settings(os.environ)
    if settings.database_url is None:
        server = running_postgres(settings.home)
        return None if server is None else server.url(DATABASE)
    url = make_url(settings.database_url)
    patience = {"connect_timeout": str(_MOST_SECONDS)}
    return url.set(query={**patience, **url.query}).render_as_string(hide_password=False)
