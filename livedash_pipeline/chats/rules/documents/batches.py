"""Batches with what they lead to: the chats that they refer to, or the items that older ones hold themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from livedash_pipeline.base.rules.wording import plural
from livedash_pipeline.chats.rules.documents.fields import Fields, id_text
from livedash_pipeline.chats.rules.documents.files import Document
from livedash_pipeline.chats.rules.documents.kinds import Library
from livedash_pipeline.chats.rules.documents.moved import MovedBatch, MovedChat, MovedTurn
from livedash_pipeline.chats.rules.documents.problems import Problems
from livedash_pipeline.chats.rules.documents.turns import read_turn

_UPLOADERS = ("uploader", "uploaderuserid", "uploadedby", "userid", "user", "useremail")


def read_batch(document: Document, library: Library, problems: Problems) -> MovedBatch | None:
    """The batch of a document; None, and a problem, where it has no id by which a second move would know it."""
    fields = Fields(document.fields, document.place, problems)
    legacy_id = fields.id
    if legacy_id is None:
        fields.problem("no_id", "The batch has no id that can be read, and is left out.")
        return None
    return MovedBatch(
        document.place.file,
        document.place.line,
        legacy_id,
        name=fields.text("name"),
        type=fields.text("type"),
        ai_provider=fields.text("aiprovider"),
        search_provider=fields.text("searchprovider"),
        page_language=fields.text("pagelanguage"),
        apply_overrides=fields.truth("applyoverrides"),
        uploader=_uploader(fields),
        created_at=fields.moment("createdat"),
        status=fields.text("status") or "",
        chats=_chats(fields, library),
    )


def _uploader(fields: Fields) -> str | None:
    """Who uploaded the batch: an id or an address, also of an embedded user."""
    value = fields.value(*_UPLOADERS)
    if isinstance(value, dict):
        user = fields.inside(value)
        return user.text("email") or user.id
    return fields.text(*_UPLOADERS)


def _chats(fields: Fields, library: Library) -> tuple[MovedChat, ...]:
    """The chats of a batch: of its three lists the first that holds anything, and a problem for each other that does."""
    lists = {name: fields.items(name) for name in ("chats", "interactions", "entries")}
    filled = [name for name, found in lists.items() if found]
    for name in filled[1:]:
        message = f'The batch has "{filled[0]}", so {plural(len(lists[name]), "item")} of "{name}" {_are(lists[name])} left out.'
        fields.problem("second_list", message)
    if not filled:
        fields.problem("no_items", "The batch has no items.")
        return ()
    if filled[0] == "chats":
        return tuple(_referred_chats(lists["chats"], fields, library))
    return _grouped(lists[filled[0]], fields, library)


def _are(items: list[Any]) -> str:
    return "is" if len(items) == 1 else "are"


def _referred_chats(values: list[Any], fields: Fields, library: Library) -> Iterator[MovedChat]:
    seen: set[str] = set()
    for value in values:
        chat = _chat_fields(value, fields, library)
        if chat is None:
            continue
        known = chat.id
        if known is not None and known in seen:
            fields.problem("repeated_chat", f'The batch has the chat "{known}" more than once; it counts once.')
            continue
        seen.add(known or "")
        turns = tuple(turn for item in chat.items("interactions") for turn in _turn(item, chat, library))
        if not turns:
            chat.problem("no_turns", f'The chat "{known or "without an id"}" has no turn.')
        yield MovedChat(known, chat.text("chatid"), turns)


def _chat_fields(value: Any, fields: Fields, library: Library) -> Fields | None:
    """The chat that an item of a batch is or refers to."""
    if isinstance(value, dict):
        return fields.inside(value)
    reference = id_text(value)
    document = library.chat(reference) if reference is not None else None
    if document is None:
        fields.problem("missing_chat", f'The chat "{reference or "without an id"}" is in no file.')
        return None
    return Fields(document.fields, document.place, fields.problems)


def _turn(value: Any, owner: Fields, library: Library) -> Iterator[MovedTurn]:
    """The turn that an item is or refers to; none where there is a problem."""
    item = _item_fields(value, owner, library)
    turn = None if item is None else read_turn(item, library)
    if turn is not None:
        yield turn


def _item_fields(value: Any, owner: Fields, library: Library) -> Fields | None:
    if isinstance(value, dict):
        return owner.inside(value)
    reference = id_text(value)
    document = library.interaction(reference) if reference is not None else None
    if document is None:
        owner.problem("missing_interaction", f'The interaction "{reference or "without an id"}" is in no file.')
        return None
    return Fields(document.fields, document.place, owner.problems)


def _grouped(values: list[Any], fields: Fields, library: Library) -> tuple[MovedChat, ...]:
    """Items that a batch holds itself: those with one chat id are a conversation, the others are each their own."""
    chats: list[tuple[str | None, list[MovedTurn]]] = []
    known: dict[str, list[MovedTurn]] = {}
    for value in values:
        item = _item_fields(value, fields, library)
        if item is None:
            continue
        chat_id = item.text("chatid", "conversationid")
        turn = read_turn(item, library)
        if turn is None:
            continue
        if chat_id is None or chat_id not in known:
            turns: list[MovedTurn] = []
            chats.append((chat_id, turns))
            known.setdefault(chat_id or "", turns)
        else:
            turns = known[chat_id]
        turns.append(turn)
    return tuple(MovedChat(None, chat_id, tuple(turns)) for chat_id, turns in chats)
