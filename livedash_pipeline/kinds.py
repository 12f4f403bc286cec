"""The kinds of request that this program knows: an explicit list.

Add a kind here once its room has it; the shells hand the list to the ledger's steps.
"""

from __future__ import annotations

from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.chats.steps.chat_turn import CHAT_TURN
from livedash_pipeline.chats.steps.judging.kind import CHAT_JUDGEMENT
from livedash_pipeline.ledger.store.batches.request_kind import Kinds

KINDS = Kinds.of(SESSION_ANALYSIS, CHAT_TURN, CHAT_JUDGEMENT)
