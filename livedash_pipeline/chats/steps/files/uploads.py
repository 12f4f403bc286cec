"""Keeps an uploaded file from its preview to the batch that is made of it, so that it is sent once and cannot change between.

A file is kept for an hour, three of a token at most, and in the database, where each worker of a server finds it. The batch is
made once, however often somebody asks. Add what a preview shows of a file to `chats.steps.preview`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.connect import database_now, in_transaction
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.create import create_batch, preview_batch
from livedash_pipeline.chats.steps.documents import preview_document
from livedash_pipeline.chats.steps.new_batch import NewBatch
from livedash_pipeline.chats.store import uploads
from livedash_pipeline.chats.store.batches import batch_of_key
from livedash_pipeline.chats.store.uploads import ChatUpload
from livedash_pipeline.errors import LivedashError, UsageError

LIFETIME = timedelta(hours=1)
MOST_OF_A_TOKEN = 3
MOST_BYTES = 500_000_000
"""Of all files that wait."""
NOT_FOUND = "no_such_chat_upload"
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Uploaded:
    """A file that waits for its batch."""

    id: UUID
    preview: Document


def keep_upload(
    context: ChatContext, asked: NewBatch, fields: Mapping[str, str], content: bytes, filename: str, *, token_id: UUID
) -> Uploaded:
    """Looks at a file as a preview does, and keeps it.

    Raises:
        UsageError: A field has a value that cannot be.
        UnusableUploadError: The file cannot be used; nothing is kept.
        LivedashError: Too many files wait.
    """
    found = preview_batch(context, asked, content, filename)
    preview = preview_document(found) | {"firstRows": [list(cells) for cells in found.first_rows]}

    def work(connection: Connection) -> UUID:
        now = context.now(connection)
        uploads.delete_older(connection, now - LIFETIME)
        if uploads.bytes_of_others(connection, token_id) + len(content) > MOST_BYTES:
            raise LivedashError(
                f"Files of over {MOST_BYTES // 1_000_000:,} MB wait for somebody to make batches of them.",
                remedy="Wait up to an hour, or use `livedash chat-batch create`.",
                code="too_many_uploads",
            )
        kept = uploads.insert_upload(
            connection,
            token_id=token_id,
            company_id=get_company(connection, asked.company).id,
            content=content,
            now=now,
            file_name=storable_text(filename[:_LONGEST_NAME])[0],
            fields={name: storable_text(value)[0] for name, value in fields.items()},
            preview=preview,
        )
        uploads.keep_newest(connection, token_id, MOST_OF_A_TOKEN)
        return kept

    return Uploaded(in_transaction(context.engine, work), preview)


def find_upload(engine: Engine, upload_id: UUID, *, token_id: UUID) -> ChatUpload | UUID:
    """An upload that waits, or the batch that was made of it.

    Raises:
        UsageError: There is neither for this token; code `no_such_chat_upload`.
    """
    with engine.connect() as connection:
        since = database_now(connection) - LIFETIME
        found = uploads.get_upload(connection, upload_id, token_id=token_id, since=since)
        made = batch_of_key(connection, _key(token_id, upload_id))
    if made is not None:
        return made
    if found is None:
        raise UsageError(
            "The file is not kept any more, or was never uploaded.",
            remedy=f"Upload it again: a file waits for {LIFETIME.seconds // 60} minutes.",
            code=NOT_FOUND,
        )
    return found


def create_of_upload(context: ChatContext, asked: NewBatch, upload: ChatUpload, *, token_id: UUID) -> UUID:
    """Makes the batch of an upload, or returns the one that was made before; the file is deleted then.

    Raises:
        UsageError: A field cannot be any more, the company is not worked for, or the file was deleted meanwhile.
    """
    with context.engine.connect() as connection:
        content = uploads.content_of(connection, upload.id)
    if content is None:
        found = find_upload(context.engine, upload.id, token_id=token_id)
        if isinstance(found, UUID):
            return found
        raise AssertionError("an upload has its content")
    named = replace(asked, creation_key=_key(token_id, upload.id))
    made = create_batch(context, named, content, upload.file_name)
    with context.engine.begin() as connection:
        uploads.delete_upload(connection, upload.id)
    return made.batch_id


def delete_old_uploads(engine: Engine, *, clock: Callable[[Connection], datetime] = database_now) -> int:
    """Deletes files that nobody made a batch of; returns how many."""
    with engine.begin() as connection:
        return uploads.delete_older(connection, clock(connection) - LIFETIME)


def _key(token_id: UUID, upload_id: UUID) -> str:
    """Names the one batch of an upload; the token is part of it, so that nobody finds a batch by an id of others."""
    return f"{token_id}:upload:{upload_id}"
