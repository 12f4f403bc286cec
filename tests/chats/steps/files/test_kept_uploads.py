"""An uploaded file waits for its batch: for its uploader alone, for a while, and for one batch."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from livedash_pipeline.access.rules.tokens import SECRET_BYTES
from livedash_pipeline.access.steps.tokens import create_token
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.connect import database_now
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.files import uploads
from livedash_pipeline.chats.steps.files.uploads import (
    LIFETIME,
    create_of_upload,
    delete_old_uploads,
    find_upload,
    keep_upload,
)
from livedash_pipeline.chats.steps.new_batch import NewBatch, UnusableUploadError
from livedash_pipeline.chats.store.uploads import ChatUpload
from livedash_pipeline.errors import LivedashError, UsageError
from tests.support.chat_rounds import ScriptedChats, chat_context

pytest_plugins = ["tests.support.fixtures"]
CONTENT = b"id,question\n7,How do I apply?\n8,And then?\n"


@pytest.fixture
def context(engine: Engine, company: Company) -> ChatContext:
    assert company.slug == "acme"
    return chat_context(engine, ScriptedChats())


def token(engine: Engine) -> UUID:
    document = create_token(engine, b"key", name="test", secret=uuid4().bytes * (SECRET_BYTES // 16))
    return UUID(document["token"]["id"])


def asked(**fields: str) -> NewBatch:
    return NewBatch(company="acme", **fields)  # type: ignore[arg-type]


def kept(context: ChatContext, token_id: UUID, content: bytes = CONTENT) -> UUID:
    return keep_upload(context, asked(), {"company": "acme"}, content, "q.csv", token_id=token_id).id


def found(context: ChatContext, upload_id: UUID, token_id: UUID) -> ChatUpload:
    upload = find_upload(context.engine, upload_id, token_id=token_id)
    assert isinstance(upload, ChatUpload)
    return upload


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_file_is_kept_with_its_preview_and_becomes_one_batch(engine: Engine, context: ChatContext) -> None:
    mine = token(engine)
    made = keep_upload(context, asked(), {"company": "acme", "name": "a\ud800b"}, CONTENT, "q\0.csv", token_id=mine)
    upload = found(context, made.id, mine)
    assert (upload.company, upload.file_name, upload.size) == ("acme", "q\ufffd.csv", len(CONTENT))
    assert upload.fields == {"company": "acme", "name": "a\ufffdb"}
    assert (upload.preview["rows"], upload.preview["firstRows"]) == (2, [["7", "How do I apply?"], ["8", "And then?"]])
    batch_id = create_of_upload(context, asked(), upload, token_id=mine)
    assert count(engine, "chat_uploads") == 0
    assert find_upload(engine, made.id, token_id=mine) == batch_id
    assert create_of_upload(context, asked(), upload, token_id=mine) == batch_id
    assert count(engine, "chat_batches") == 1


def test_several_clicks_at_once_make_one_batch(engine: Engine, context: ChatContext) -> None:
    mine = token(engine)
    upload = found(context, kept(context, mine), mine)
    made: list[UUID] = []
    threads = [
        threading.Thread(target=lambda: made.append(create_of_upload(context, asked(), upload, token_id=mine)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(set(made)), count(engine, "chat_batches")) == (4, 1, 1)


def test_others_do_not_find_a_file_nor_its_batch(engine: Engine, context: ChatContext) -> None:
    mine, other = token(engine), token(engine)
    upload_id = kept(context, mine)
    with pytest.raises(UsageError, match="not kept any more"):
        find_upload(engine, upload_id, token_id=other)
    create_of_upload(context, asked(), found(context, upload_id, mine), token_id=mine)
    with pytest.raises(UsageError, match="not kept any more"):
        find_upload(engine, upload_id, token_id=other)


def test_a_file_that_cannot_be_used_is_not_kept(engine: Engine, context: ChatContext) -> None:
    with pytest.raises(UnusableUploadError):
        kept(context, token(engine), b"name\nx\n")
    assert count(engine, "chat_uploads") == 0


def test_files_go_after_an_hour(engine: Engine, context: ChatContext) -> None:
    mine = token(engine)
    upload_id = kept(context, mine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE chat_uploads SET created_at = created_at - interval '61 minutes'"))
    with pytest.raises(UsageError, match="not kept any more"):
        find_upload(engine, upload_id, token_id=mine)
    assert count(engine, "chat_uploads") == 1
    later = replace(context, now=lambda connection: database_now(connection))
    assert kept(later, token(engine))
    assert count(engine, "chat_uploads") == 1
    assert delete_old_uploads(engine, clock=lambda connection: database_now(connection) + 2 * LIFETIME) == 1
    assert timedelta(hours=1) == LIFETIME


def test_the_newest_three_files_of_a_token_are_kept(engine: Engine, context: ChatContext) -> None:
    mine, other = token(engine), token(engine)
    kept(context, other)
    ids = [kept(context, mine) for _ in range(5)]
    assert count(engine, "chat_uploads") == 4
    for gone in ids[:2]:
        with pytest.raises(UsageError):
            find_upload(engine, gone, token_id=mine)
    assert found(context, ids[2], mine)


def test_too_many_bytes_that_wait_are_refused(
    engine: Engine, context: ChatContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(context, token(engine))
    monkeypatch.setattr(uploads, "MOST_BYTES", len(CONTENT) + 10)
    with pytest.raises(LivedashError, match="wait for somebody") as caught:
        kept(context, token(engine))
    assert caught.value.code == "too_many_uploads"
