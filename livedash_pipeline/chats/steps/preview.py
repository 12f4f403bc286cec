"""What a batch would be, and what it may cost at most: looked at before anything is made, and before anything is asked again.

The cost is a bound: every question at the longest answer that its parameters allow, at the price of its tier. Add what somebody
wants to know before a batch is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatMode, ChatState, Tier
from livedash_pipeline.chats.rules.intake.rows import IntakeNote, IntakeRow
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.tiers import tier_of
from livedash_pipeline.chats.rules.turns import is_too_short, turn_messages
from livedash_pipeline.chats.steps.context import ChatContext
from livedash_pipeline.chats.steps.sizes import size_of
from livedash_pipeline.chats.store import turns
from livedash_pipeline.chats.store.batches import ChatBatch, NewChat
from livedash_pipeline.ledger.rules.admission.model_parameters import maximum_of
from livedash_pipeline.ledger.steps.admission.spending import budget_for

# Passages that a search may add to each question: five of at most two thousand characters.
_SEARCH_TOKENS = 5 * 700
_SHOWN_ROWS, _SHOWN_COLUMNS, _SHOWN_CELL = 5, 20, 200
# Questions count a token a byte already, which is more than there are; answers have some bytes a token.
_BYTES_OF_A_TOKEN = 4


@dataclass(frozen=True)
class Preview:
    """What a batch of a file would be.

    Attributes:
        chats: Conversations.
        rows: Questions.
        too_short: Questions that say too little to be asked.
        cost_eur: What all answers cost at most; None where the price or the exchange rate is unknown.
        columns: The file's columns.
        meanings: Which column is read as what.
        notes: What was unclear in the file, and how it was read.
        first_rows: Cells of its first rows, long ones cut.
    """

    chats: int
    rows: int
    too_short: int
    cost_eur: Decimal | None
    columns: Sequence[str]
    meanings: dict[str, str | None]
    notes: Sequence[IntakeNote]
    first_rows: Sequence[Sequence[str]] = ()


def first_cells(rows: Sequence[IntakeRow]) -> list[list[str]]:
    """The beginnings of the first rows' first cells, for a look at them."""
    return [
        [cell if len(cell) <= _SHOWN_CELL else f"{cell[:_SHOWN_CELL]}…" for cell in row.cells[:_SHOWN_COLUMNS]]
        for row in rows[:_SHOWN_ROWS]
    ]


def cost_of_file(
    context: ChatContext,
    connection: Connection,
    configuration: Configuration,
    conversations: Iterable[NewChat],
    *,
    mode: ChatMode,
    due_at: datetime | None,
) -> Decimal | None:
    """What a file's questions cost at most, each turn with the longest answers before it."""
    now = context.now(connection)
    total = Decimal(0)
    prices = {
        tier: budget_for(connection, context.settings, configuration.model, now=now, by_call=tier is Tier.SLICES)
        for tier in Tier
    }
    fixed = size_of(context, configuration, turn_messages(configuration, ""))
    searched = _SEARCH_TOKENS if configuration.search_provider != "none" else 0
    for chat in conversations:
        budget = prices[tier_of(mode, due_at, turns=len(chat.turns), now=now)]
        asked = [turn.question for turn in chat.turns if not is_too_short(turn.question)]
        contexts = sum(_most_tokens(text) for turn in chat.turns for text in (turn.context, turn.url) if text)
        turns_tokens = _input_tokens(asked, fixed.tokens + searched, configuration)
        tokens = sum(turns_tokens) + contexts
        output = len(asked) * maximum_of(configuration.parameters)
        longest = max(turns_tokens, default=0) + contexts
        if budget is None:
            return None
        cost = budget.of_many(len(asked), tokens, _BYTES_OF_A_TOKEN * tokens, output, longest=longest)
        if cost is None:
            return None
        total += cost
    return total


def _input_tokens(questions: Sequence[str], fixed_tokens: int, configuration: Configuration) -> list[int]:
    """Input tokens of each turn of a conversation at most: it shows the ones before it."""
    found, before = [], 0
    for question in questions:
        shown = _most_tokens(question)
        found.append(fixed_tokens + before + shown)
        before += shown + maximum_of(configuration.parameters)
    return found


def _most_tokens(text: str) -> int:
    """Tokens of a text at most: one a byte. Counting them exactly takes as long as everything else together."""
    return len(text.encode("utf-8", errors="replace"))


def cost_at_most(
    context: ChatContext,
    connection: Connection,
    batch: ChatBatch,
    *,
    states: Sequence[ChatState],
    most: int | None = None,
) -> Decimal | None:
    """What the conversations of a batch in these states, or the first `most` of them, cost at most if they are asked now."""
    conversations = islice(turns.unanswered_chats(connection, batch.id, states), most)
    return cost_of_file(context, connection, batch.configuration, conversations, mode=batch.mode, due_at=batch.due_at)
