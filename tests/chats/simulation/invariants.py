"""What must hold of chat batches when everything is over, whatever went wrong before: our rows against the provider's own books.

- every batch has ended as its conversations say, no conversation is leased, and no request of a turn is open;
- an answer is one that the provider gave to that turn, shown after the answers that came before it;
- every call has a try of ours, every try at most one call; a try tells what its call came to, or that nobody knows;
- a call that was charged is in the ledger as charged, and so is every line of a batch;
- a question is bought again only after a person took it up again, or after a purchase of which nobody knows what came of it;
- a batch costs what its tries cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Table, select, text

from livedash_pipeline.base.rules.chat_states import ENDED_CHAT_BATCHES, ChatBatchStatus, ChatState, end_of
from livedash_pipeline.base.rules.outcomes import CHARGED_OUTCOMES, PAID_OUTCOMES, Outcome
from livedash_pipeline.base.rules.states import OPEN_REQUESTS
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    ai_request_attempts,
    chat_batches,
    chat_interactions,
    chats,
)
from livedash_pipeline.chats.rules.turn_ends import ANSWERED, state_of_chat
from livedash_pipeline.ledger.rules.calls.call_ends import LOST, TOO_LATE
from livedash_pipeline.local.batch_api.answering.questions import answer_question
from tests.chats.simulation.batch_side import LineKeepingService
from tests.chats.simulation.provider import Call, Provider
from tests.chats.simulation.watch import Watch

# Twice the time-out of a call, and a margin (`chats.steps.asking.talk`).
_LEASE = timedelta(seconds=150)
_UNFINISHED = text("""
    SELECT
        (SELECT count(*) FROM chat_batches WHERE ended_at IS NULL)
        + (SELECT count(*) FROM ai_batch_requests WHERE processed_at IS NULL)
""")


def count_unfinished(engine: Engine) -> int:
    """Batches of either kind that have not ended."""
    with engine.connect() as connection:
        return int(connection.execute(_UNFINISHED).scalar_one())


@dataclass(frozen=True)
class _Books:
    """Both sides' books."""

    batches: list[Any]
    chats: list[Any]
    turns: list[Any]
    requests: list[Any]
    tries: list[Any]
    remote_ids: dict[UUID, str | None]
    calls: list[Call]
    service: LineKeepingService | None

    @cached_property
    def turn_of(self) -> dict[UUID, UUID]:
        """The turn of each request."""
        return {request.id: request.chat_interaction_id for request in self.requests}

    @cached_property
    def tries_of(self) -> dict[UUID, list[Any]]:
        """The tries of each turn, in order."""
        found = defaultdict(list)
        for each in self.tries:
            found[self.turn_of[each.request_id]].append(each)
        return found

    @cached_property
    def turns_of(self) -> dict[UUID, list[Any]]:
        """The turns of each conversation, in order."""
        found = defaultdict(list)
        for turn in sorted(self.turns, key=lambda turn: turn.turn):
            found[turn.chat_id].append(turn)
        return found


def find_violations(
    engine: Engine, provider: Provider, watch: Watch, *, requeued: Collection[UUID], service: LineKeepingService | None
) -> list[str]:
    """Everything that does not hold, one sentence each."""
    with engine.connect() as connection:
        books = _read(connection, provider, service)
    checks: tuple[Iterable[str], ...] = (
        _ends(books),
        _conversations(books),
        _answers(books),
        _calls(books),
        _lines(books),
        _doubles(books, watch, requeued),
        _costs(books),
    )
    return [violation for check in checks for violation in check]


def _read(connection: Connection, provider: Provider, service: LineKeepingService | None) -> _Books:
    def rows(table: Table) -> list[Any]:
        return list(connection.execute(select(table).order_by(*table.primary_key)))

    ids = select(ai_batch_requests.c.id, ai_batch_requests.c.remote_batch_id)
    return _Books(
        rows(chat_batches),
        rows(chats),
        rows(chat_interactions),
        rows(ai_processing_requests),
        rows(ai_request_attempts),
        {row[0]: row[1] for row in connection.execute(ids)},
        provider.calls,
        service,
    )


def _ends(books: _Books) -> Iterator[str]:
    for batch in books.batches:
        status = ChatBatchStatus(batch.status)
        if status not in ENDED_CHAT_BATCHES:
            yield f"batch {batch.id} is still {status}"
            continue
        counts = {
            "completed": batch.processed_items,
            "failed": batch.failed_items,
            "skipped": batch.skipped_items,
            "cancelled": batch.cancelled_items,
        }
        was_cancelled = status is ChatBatchStatus.CANCELLED and batch.cancel_requested_at is not None
        if status is not end_of(cancelling=was_cancelled, **counts):
            yield f"batch {batch.id} ended as {status} with {counts}"
    for request in books.requests:
        if request.processing_status in OPEN_REQUESTS:
            yield f"request {request.id} is left in {request.processing_status}"
    for each in books.tries:
        if each.outcome is None:
            yield f"try {each.id} has no outcome"


def _conversations(books: _Books) -> Iterator[str]:
    for chat in books.chats:
        if chat.lease_until is not None:
            yield f"conversation {chat.id} is still leased"
        codes = [turn.outcome_code for turn in books.turns_of[chat.id]]
        if None in codes:
            if chat.state in (ChatState.COMPLETED, ChatState.SKIPPED, ChatState.FAILED):
                yield f"conversation {chat.id} is {chat.state} with turns that ended as {codes}"
        elif chat.state not in (state_of_chat(codes)[0], ChatState.CANCELLED):
            yield f"conversation {chat.id} is {chat.state} with turns that ended as {codes}"


def _answers(books: _Books) -> Iterator[str]:
    """What was given is what is kept, and was asked after what had been answered by then."""
    by_text = {call.end.content: call.body["messages"] for call in books.calls if call.end.outcome is Outcome.PARSED}
    for turns in books.turns_of.values():
        for turn in turns:
            if turn.outcome_code != ANSWERED:
                continue
            messages = by_text.get(turn.answer) or _line_answered(books, turn)
            if messages is None:
                yield f"turn {turn.id} has an answer that nobody gave to it: {turn.answer!r}"
                continue
            said = [message["content"] for message in messages[1:]]
            if said != [*_shown(turns, turn), turn.question]:
                yield f"turn {turn.id} was asked as {said}"


def _line_answered(books: _Books, turn: Any) -> Sequence[Any] | None:
    """The messages of the line of a batch that was answered with a turn's answer."""
    for each in books.tries_of[turn.id] if books.service else ():
        for body in books.service.bodies.get(str(each.request_id), ()):  # type: ignore[union-attr]
            if answer_question(body["messages"]).text == turn.answer:
                messages: Sequence[Any] = body["messages"]
                return messages
    return None


def _shown(turns: Sequence[Any], turn: Any) -> Iterator[str]:
    for earlier in turns:
        answered = earlier.outcome_code == ANSWERED and earlier.completed_at <= turn.started_at
        if earlier.turn < turn.turn and answered:
            yield earlier.question
            yield earlier.answer


def _calls(books: _Books) -> Iterator[str]:
    made: dict[UUID | None, list[Call]] = defaultdict(list)
    for call in books.calls:
        made[call.attempt].append(call)
    if made.pop(None, None):
        yield "a call was made that nobody had written down"
    questions = {turn.id: turn.question for turn in books.turns}
    for each in books.tries:
        if not each.is_call:
            continue
        if len(made[each.id]) > 1:
            yield f"try {each.id} was called {len(made[each.id])} times"
        lost = each.outcome == Outcome.ARTIFACT_UNAVAILABLE and each.error_code == LOST
        if lost and each.settled_at - each.created_at < _LEASE:
            yield f"try {each.id} was given up after {each.settled_at - each.created_at}"
        unsent = each.outcome == Outcome.TRANSIENT and each.error_code == TOO_LATE
        if bool(made[each.id]) is unsent and not lost:
            yield f"try {each.id} is {each.outcome}, and {len(made[each.id])} calls were made for it"
        for call in made[each.id]:
            if call.body["messages"][-1]["content"] != questions[books.turn_of[each.request_id]]:
                yield f"try {each.id} asked something else"
            yield from _judged(each, call, lost=lost)


def _judged(each: Any, call: Call, *, lost: bool) -> Iterator[str]:
    if call.way.charged and each.outcome not in CHARGED_OUTCOMES:
        yield f"try {each.id} was charged and is {each.outcome}"
    if lost:
        return
    told = (each.outcome, each.prompt_tokens or 0)
    if told != (call.end.outcome, call.end.usage.prompt_tokens or 0):
        yield f"try {each.id} tells {told} of a call that was {call.end.outcome}"


def _lines(books: _Books) -> Iterator[str]:
    """Every line that was charged is in the ledger, and what tells of an answer was charged."""
    bill = books.service.journal()["bill"] if books.service else []
    charged = {(line["batch_id"], line["custom_id"]) for line in bill if line["batch_id"]}
    known = {(books.remote_ids.get(each.batch_id), str(each.request_id)): each for each in books.tries if each.batch_id}
    for line in charged - known.keys():
        yield f"line {line} was charged and has no try"
    for line, each in known.items():
        if each.outcome in PAID_OUTCOMES and line not in charged:
            yield f"try {each.id} is {each.outcome} and was not charged"


def _doubles(books: _Books, watch: Watch, requeued: Collection[UUID]) -> Iterator[str]:
    requests_of = defaultdict(set)
    for request in books.requests:
        requests_of[request.chat_interaction_id].add(request.id)
    for turn in books.turns:
        paid = [each for each in books.tries_of[turn.id] if each.outcome in PAID_OUTCOMES]
        parsed = [each for each in paid if each.outcome == Outcome.PARSED]
        again = watch.reopened[turn.batch_id] > 0 or bool(requests_of[turn.id] & set(requeued))
        if len(parsed) > 1 or (len(paid) > 1 and not again):
            yield f"turn {turn.id} was bought {len(paid)} times"
        if parsed and turn.outcome_code != ANSWERED:
            yield f"turn {turn.id} was answered and is {turn.outcome_code}"


def _costs(books: _Books) -> Iterator[str]:
    batch_of = {turn.id: turn.batch_id for turn in books.turns}
    usd, eur = defaultdict[UUID, Decimal](Decimal), defaultdict[UUID, Decimal](Decimal)
    for each in books.tries:
        batch_id = batch_of[books.turn_of[each.request_id]]
        usd[batch_id] += each.total_cost_usd or 0
        eur[batch_id] += each.total_cost_eur or 0
    for batch in books.batches:
        told, counted = (batch.cost_usd, batch.cost_eur), (usd[batch.id], eur[batch.id])
        if told != counted:
            yield f"batch {batch.id} cost {told}, and its tries {counted}"
    for turn in books.turns:
        costs = [each.total_cost_eur for each in books.tries_of[turn.id] if each.outcome == Outcome.PARSED]
        if turn.outcome_code == ANSWERED and costs != [turn.cost_eur]:
            yield f"turn {turn.id} cost {turn.cost_eur}, and its try {costs}"
