"""Uploaded files between their preview and their batch: kept for a while, and found by whoever uploaded them alone.

Add what is remembered of one. Every function runs on the caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, func, insert, select

from livedash_pipeline.base.store.tables import chat_uploads, companies

_uploads = chat_uploads.c


@dataclass(frozen=True)
class ChatUpload:
    """An upload without the bytes of its file.

    Attributes:
        id: Its id.
        company: Slug of the company whose batch it is to be.
        file_name: The file's name, as its sender said.
        size: Bytes of the file.
        fields: Fields of the form, as they were sent.
        preview: The document that was shown of it.
        created_at: When it came.
    """

    id: UUID
    company: str
    file_name: str
    size: int
    fields: dict[str, str]
    preview: dict[str, Any]
    created_at: datetime


def insert_upload(
    connection: Connection, *, token_id: UUID, company_id: UUID, content: bytes, now: datetime, **values: Any
) -> UUID:
    """Keeps a file."""
    row = {"token_id": token_id, "company_id": company_id, "content": content, "size": len(content), **values}
    found: UUID = connection.execute(
        insert(chat_uploads).values(**row, created_at=now).returning(_uploads.id)
    ).scalar_one()
    return found


def get_upload(connection: Connection, upload_id: UUID, *, token_id: UUID, since: datetime) -> ChatUpload | None:
    """An upload of a token that is not older than a moment; None if there is none."""
    columns = (_uploads.id, _uploads.file_name, _uploads.size, _uploads.fields, _uploads.preview, _uploads.created_at)
    query = (
        select(*columns, companies.c.slug.label("company"))
        .join(companies, companies.c.id == _uploads.company_id)
        .where(_uploads.id == upload_id, _uploads.token_id == token_id, _uploads.created_at >= since)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _read(row)


def _read(row: Any) -> ChatUpload:
    return ChatUpload(row.id, row.company, row.file_name, row.size, row.fields, row.preview, row.created_at)


def content_of(connection: Connection, upload_id: UUID) -> bytes | None:
    """The bytes of a file; None if it was deleted meanwhile."""
    found: bytes | None = connection.execute(
        select(_uploads.content).where(_uploads.id == upload_id)
    ).scalar_one_or_none()
    return found


def bytes_of_others(connection: Connection, token_id: UUID) -> int:
    """Bytes of all files that other tokens have uploaded."""
    query = select(func.coalesce(func.sum(_uploads.size), 0)).where(_uploads.token_id != token_id)
    return int(connection.execute(query).scalar_one())


def delete_upload(connection: Connection, upload_id: UUID) -> None:
    """Deletes an upload."""
    connection.execute(delete(chat_uploads).where(_uploads.id == upload_id))


def delete_older(connection: Connection, before: datetime) -> int:
    """Deletes all uploads that came before a moment; returns how many."""
    return connection.execute(delete(chat_uploads).where(_uploads.created_at < before)).rowcount


def keep_newest(connection: Connection, token_id: UUID, most: int) -> None:
    """Deletes all uploads of a token but the newest."""
    newest = select(_uploads.id).where(_uploads.token_id == token_id).order_by(_uploads.id.desc()).limit(most)
    connection.execute(delete(chat_uploads).where(_uploads.token_id == token_id, _uploads.id.not_in(newest)))
