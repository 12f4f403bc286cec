"""Opens everything that the commands about chat batches need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from livedash_pipeline.commands.shell.context import ready_engine

if TYPE_CHECKING:
    from livedash_pipeline.chats.steps.context import ChatContext


@contextmanager
def chat_context() -> Iterator[ChatContext]:
    """What work on chat batches is given, on a database that is ready."""
    from livedash_pipeline.chats.steps.context import ChatContext
    from livedash_pipeline.settings import merged_environ

    with ready_engine() as (settings, engine):
        yield ChatContext(engine, settings, merged_environ(os.environ))
