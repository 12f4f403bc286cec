"""Makes a chat batch of a file of questions, all of it or nothing; nothing is started.

Commands, jobs and HTTP come by here. Add what has to be true of every new batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatMode
from livedash_pipeline.base.rules.text import storable, storable_text
from livedash_pipeline.base.steps.workbooks import open_sheet_apart
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.chats.rules.intake.conversations import group_chats
from livedash_pipeline.chats.rules.intake.read import read_chat_file
from livedash_pipeline.chats.rules.intake.rows import DEFAULT_LIMITS, ChatFile, IntakeRow, UnusableFile
from livedash_pipeline.chats.rules.turns import is_too_short
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.new_batch import NewBatch, UnusableUploadError, checked_configuration, checked_name
from livedash_pipeline.chats.steps.preview import Preview, cost_of_file, first_cells
from livedash_pipeline.chats.store.batches import NewChat, NewTurn, batch_of_key, insert_batch
from livedash_pipeline.errors import LivedashError, UsageError
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True)
class Created:
    """A batch that was made."""

    batch_id: UUID
    chats: int
    rows: int


def read_file(path: Path) -> bytes:
    """The bytes of a file of questions on this machine.

    Raises:
        UsageError: It is too large.
        LivedashError: It cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > DEFAULT_LIMITS.max_bytes:
            raise UsageError(f"{path} has {size:,} bytes.", remedy=f"At most {DEFAULT_LIMITS.max_bytes:,} are taken.")
        return path.read_bytes()
    except OSError as error:
        raise LivedashError(
            f"{path} cannot be read: {error.strerror}.", remedy="Name a file that can be read.", code="unreadable_file"
        ) from None


def read_upload(content: bytes, filename: str) -> ChatFile:
    """A file of questions.

    Raises:
        UnusableUploadError: Something is wrong with it; the error has every line.
    """
    try:
        return read_chat_file(content, filename, opener=open_sheet_apart)
    except UnusableFile as error:
        raise UnusableUploadError(error, filename) from None


def preview_batch(context: ChatContext, asked: NewBatch, content: bytes, filename: str) -> Preview:
    """What a batch of a file would be, and cost at most; nothing is made.

    Raises:
        UsageError: A field has a value that cannot be.
        UnusableUploadError: The file cannot be used.
    """
    checked_name(asked.name, filename)
    file = read_upload(content, filename)
    conversations = [_new_chat(rows) for rows in group_chats(file.rows)]
    with context.engine.connect() as connection:
        company = get_company(connection, asked.company)
        configuration = checked_configuration(context, asked, company.chat_override)
        cost = cost_of_file(
            context, connection, configuration, conversations, mode=ChatMode(asked.mode), due_at=asked.due_at
        )
    return Preview(
        chats=len(conversations),
        rows=len(file.rows),
        too_short=sum(is_too_short(row.question) for row in file.rows),
        cost_eur=cost,
        columns=file.columns,
        meanings={
            "question": file.question_column,
            "chatId": file.chat_id_column,
            "url": file.url_column,
            "reference": file.reference_column,
            "context": file.context_column,
        },
        notes=file.notes,
        first_rows=first_cells(file.rows),
    )


def create_batch(context: ChatContext, asked: NewBatch, content: bytes, filename: str) -> Created:
    """Makes a batch; its conversations wait until somebody processes it.

    Raises:
        UsageError: A field has a value that cannot be, or the company is not worked for.
        UnusableUploadError: The file cannot be used.
    """
    file = read_upload(content, filename)
    conversations = [_new_chat(rows) for rows in group_chats(file.rows)]

    def work(connection: Connection) -> UUID:
        known = batch_of_key(connection, asked.creation_key) if asked.creation_key else None
        if known is not None:
            return known
        company = get_company(connection, asked.company)
        if not company.is_working:
            raise UsageError(
                f"{company.slug} is {company.status.lower()}: nothing is asked for it.",
                remedy=f"Set it to work: livedash company set {company.slug} --status active",
            )
        return insert_batch(
            connection,
            checked_configuration(context, asked, company.chat_override),
            conversations,
            now=context.now(connection),
            company_id=company.id,
            name=checked_name(asked.name, filename),
            type=asked.type,
            mode=ChatMode(asked.mode),
            due_at=asked.due_at,
            file_name=storable_text(filename[:255])[0],
            file_hash=file.sha256,
            columns=[storable_text(name)[0] for name in file.columns],
            creation_key=asked.creation_key,
            uploader=asked.uploader,
            uploader_token_id=asked.uploader_token_id,
        )

    batch_id = in_transaction(context.engine, work)
    log.info("chat batch made", chat_batch_id=str(batch_id), company=asked.company, chats=len(conversations))
    return Created(batch_id, len(conversations), len(file.rows))


def _new_chat(rows: list[IntakeRow]) -> NewChat:
    return NewChat(storable(rows[0].chat_id), [_new_turn(row) for row in rows])


def _new_turn(row: IntakeRow) -> NewTurn:
    return NewTurn(
        row.index,
        row.source_line,
        storable_text(row.question)[0],
        storable(row.context),
        storable(row.url),
        storable(row.reference),
        [storable_text(cell)[0] for cell in row.cells],
    )
