"""Rows become conversations."""

from __future__ import annotations

from livedash_pipeline.chats.rules.intake.conversations import group_chats
from livedash_pipeline.chats.rules.intake.read import read_chat_file


def test_rows_with_one_id_are_one_conversation_and_those_without_are_their_own() -> None:
    file = read_chat_file(b"question,chatId\nA,x\nB,\nC,y\nD, x \nE,\nF,X\n", "a.csv")
    assert [[row.question for row in chat] for chat in group_chats(file.rows)] == [
        ["A", "D"],
        ["B"],
        ["C"],
        ["E"],
        ["F"],
    ]
    assert group_chats([]) == []
