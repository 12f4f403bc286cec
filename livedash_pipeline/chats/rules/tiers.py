"""Which way a conversation is asked: by calls in time slices, or through the Batch API at half the price within a day.

Add a mode here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from livedash_pipeline.base.rules.chat_states import ChatMode, Tier

WINDOW = timedelta(hours=24)
"""Within which the Batch API answers."""

MARGIN = timedelta(hours=2)
"""Kept before the answers are wanted: for a batch to be filled, sent and taken in.

A batch that is still under way so shortly before is cancelled and settled, and what it has not answered is asked by calls.
Conversations that no batch has claimed are given to calls once a window does not fit any more.
"""


def tier_of(mode: ChatMode, due_at: datetime | None, *, turns: int, now: datetime) -> Tier:
    """The way to ask a conversation of so many turns that are left, each of which takes a window through the Batch API.

    With `auto` the cheap way is taken where it is in time for all turns; without a time at which answers are due it always is.
    """
    if mode is not ChatMode.AUTO:
        return Tier(mode.value)
    if due_at is None:
        return Tier.BATCH
    return Tier.BATCH if now + WINDOW * max(turns, 1) + MARGIN <= due_at else Tier.SLICES
