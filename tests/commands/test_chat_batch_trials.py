"""What `livedash chat-batch try` and `template` say to people and to programs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.chats.rules.intake.read import read_chat_file
from tests.commands.conftest import Run, document_of
from tests.support.chat_rounds import ScriptedChats, chat_context, make_batch, states


def test_try_asks_the_first_and_says_what_is_next(livedash: Run, engine: Engine, company: Company) -> None:
    batch_id = make_batch(chat_context(engine, ScriptedChats()), company.slug, 12)
    dry = livedash("chat-batch", "try", str(batch_id), "--items", "2", "--dry-run").stdout
    assert "2 conversations would be asked" in dry
    assert "10 would wait. Nothing was changed." in dry
    tried = livedash("chat-batch", "try", str(batch_id), "--items", "2").stdout
    assert tried.splitlines()[1:] == [
        f"Next: livedash chat-batch process {batch_id} --until-done",
        f"Then, for the others: livedash chat-batch resume {batch_id}",
    ]
    assert states(engine, batch_id) == {"PENDING": 2, "CANCELLED": 10}
    assert "has begun" in livedash("chat-batch", "try", str(batch_id)).stdout
    document = document_of(livedash("chat-batch", "try", str(batch_id), "--json"))
    assert (document["tried"], document["status"]) == (False, "processing")


def test_template_writes_a_file_that_can_be_used(livedash: Run, tmp_path: Path) -> None:
    written = tmp_path / "q.xlsx"
    livedash("chat-batch", "template", "--format", "xlsx", "--output", str(written))
    assert len(read_chat_file(written.read_bytes(), "q.xlsx").rows) == 2
    assert livedash("chat-batch", "template").stdout.startswith("question,chatId,url")
