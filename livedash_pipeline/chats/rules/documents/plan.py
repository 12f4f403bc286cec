"""What a batch of the old system becomes here: its chats with their states, its columns, and its times.

Add what has to be decided before it is written; it is written by `chats.store.moving_in`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatState
from livedash_pipeline.chats.rules.documents.ends import code_of, count_states, status_of
from livedash_pipeline.chats.rules.documents.moved import MovedBatch, MovedChat, MovedTurn
from livedash_pipeline.chats.rules.documents.snapshot import configuration_of
from livedash_pipeline.chats.rules.intake.rows import DEFAULT_LIMITS
from livedash_pipeline.chats.rules.providers import Configuration
from livedash_pipeline.chats.rules.turn_ends import is_failure, state_of_chat

# Postgres and Python both have the years between, in whichever zone they are shown.
_YEARS = range(2, 9999)

LONGEST_QUESTION = DEFAULT_LIMITS.max_question
"""Characters; of many more the search of a company's answers could make no index."""


@dataclass(frozen=True)
class PlannedChat:
    """A chat with at least one turn; `codes` are those of its turns, `code` is its own."""

    chat: MovedChat
    codes: tuple[str, ...]
    state: ChatState
    code: str

    @property
    def error(self) -> str | None:
        """Why it failed, as its first failed turn says."""
        pairs = zip(self.chat.turns, self.codes, strict=True)
        return next((turn.error for turn, code in pairs if is_failure(code)), None)

    @property
    def started_at(self) -> datetime | None:
        """When its first turn began."""
        return min(_begins(self.chat.turns), default=None)

    @property
    def completed_at(self) -> datetime | None:
        """When its last turn ended."""
        return max(_ends(self.chat.turns), default=None)


@dataclass(frozen=True)
class PlannedBatch:
    """A batch as it is going to be here.

    Attributes:
        batch: As it was read.
        chats: Those that have turns.
        columns: The names of the turns' other fields, in the order in which they first appear.
        counts: How many chats have each state.
        left_out: How many fields are more than a batch has columns.
    """

    batch: MovedBatch
    chats: tuple[PlannedChat, ...]
    columns: tuple[str, ...]
    configuration: Configuration
    counts: Mapping[ChatState, int]
    status: ChatBatchStatus
    left_out: int

    @property
    def turns(self) -> Iterator[MovedTurn]:
        """All turns in their order."""
        return (turn for planned in self.chats for turn in planned.chat.turns)


@dataclass(frozen=True, slots=True)
class Times:
    """The moments of a batch that ended."""

    created_at: datetime
    started_at: datetime | None
    ended_at: datetime


def plan_batch(batch: MovedBatch) -> PlannedBatch | None:
    """What a batch becomes; None for one without any turn, of which there is nothing to keep."""
    chats = tuple(_plan_chat(chat) for chat in batch.chats if chat.turns)
    if not chats:
        return None
    names = tuple(dict.fromkeys(name for each in chats for turn in each.chat.turns for name in turn.cells))
    counts = count_states(each.state for each in chats)
    most = DEFAULT_LIMITS.max_columns
    status = status_of(batch, counts)
    return PlannedBatch(batch, chats, names[:most], configuration_of(batch), counts, status, left_out=len(names[most:]))


def times_of(planned: PlannedBatch, now: datetime) -> Times:
    """The moments of a batch as its documents have them, and `now` for one that they do not."""
    turns = tuple(planned.turns)
    started = min(_begins(turns), default=None)
    created = usable(planned.batch.created_at) or started or now
    return Times(created, started, max(created, max(_ends(turns), default=now)))


def cells_of(turn: MovedTurn, columns: Sequence[str]) -> list[str]:
    """The cells of a turn under a batch's columns, as far as the last one that has text."""
    cells = [turn.cells.get(name, "") for name in columns]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def own_ids(ids: Iterable[str | None], taken: Collection[str]) -> list[str | None]:
    """Each id where it is met first; None where it is met again, is taken already, or is missing."""
    found: list[str | None] = []
    seen = set(taken)
    for each in ids:
        found.append(None if each in seen else each)
        if each is not None:
            seen.add(each)
    return found


def usable(moment: datetime | None) -> datetime | None:
    """A moment that can be stored and shown everywhere; None for one at the ends of the calendar."""
    return moment if moment is not None and moment.year in _YEARS else None


def _plan_chat(chat: MovedChat) -> PlannedChat:
    codes = tuple(map(code_of, chat.turns))
    return PlannedChat(chat, codes, *state_of_chat(codes))


def _begins(turns: Iterable[MovedTurn]) -> Iterator[datetime]:
    return (moment for turn in turns if (moment := usable(turn.started_at)) is not None)


def _ends(turns: Iterable[MovedTurn]) -> Iterator[datetime]:
    return (moment for turn in turns if (moment := usable(turn.completed_at)) is not None)
