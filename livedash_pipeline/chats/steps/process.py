"""Works on a chat batch for a while: a bounded slice, by several workers at once, wherever it is started from.

A slice starts a batch that has not begun, looks at the clock before each claim, waits for what is under way, and says what is
left and why it stopped. Nothing is kept in the process between slices, so that any number of them, on any host, may work on one
batch. Add what happens between conversations here; one conversation is `chats.steps.asking.ask`.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.chat_states import ChatBatchStatus, ChatMode
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.base.store.properties import require_endpoint_kind
from livedash_pipeline.chats.rules.services import ChatService
from livedash_pipeline.chats.rules.slices import LONGEST, SHORTEST, Pace, StopReason, breaker_for, is_slice
from livedash_pipeline.chats.steps.asking.ask import Asker
from livedash_pipeline.chats.steps.asking.talk import COMPANY_IS_OFF, LEASE_MARGIN, Asked, Talk, Went, lease_of
from livedash_pipeline.chats.steps.context import ChatContext, target_of
from livedash_pipeline.chats.steps.named import EVERYBODY, Viewer, required_batch
from livedash_pipeline.chats.steps.take_back import take_back, take_back_in
from livedash_pipeline.chats.steps.waves import prepare_waves
from livedash_pipeline.chats.store import conversations
from livedash_pipeline.chats.store.batches import ChatBatch
from livedash_pipeline.chats.store.moves import LockedBatch, lock_batch, start_batch
from livedash_pipeline.errors import UsageError
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.steps.admission.pauses import pausing
from livedash_pipeline.ledger.steps.calls.calls import holding
from livedash_pipeline.ledger.steps.costs.spend_sums import bring_sums_up_to_date
from livedash_pipeline.logs import get_logger

log = get_logger(__name__)

# Between looks of a worker that has nothing to do while others are at work, or wait for their moment.
_LONGEST_WAIT = 1.0
_WITH_THE_BATCH_API = "What is left goes through the Batch API, and is answered within a day."


@dataclass
class SliceReport:
    """What a slice did, and what is left of the batch.

    Attributes:
        processed: Conversations that were answered.
        failed: Conversations that failed.
        skipped: Conversations that were skipped.
        remaining: Conversations of the batch that are not over.
        stop: Why the slice ended.
        reason: In words, where something keeps the rest waiting.
        overrun: Seconds by which work under way outlasted the slice.
        status: The batch's state afterwards.
    """

    processed: int
    failed: int
    skipped: int
    remaining: int
    stop: StopReason
    reason: str | None
    overrun: float
    status: ChatBatchStatus


def process_for_duration(
    context: ChatContext, batch_id: UUID, *, seconds: float, viewer: Viewer = EVERYBODY, workers: int | None = None
) -> SliceReport:
    """Works on a batch for `seconds`.

    Args:
        context: What work on chat batches is given.
        batch_id: The batch.
        seconds: 1 to 300; work under way is waited for, each question up to its time-out.
        viewer: Whose batches the caller sees.
        workers: Questions at once, if fewer than the provider takes.

    Raises:
        UsageError: No such batch, or a slice that is too short or too long.
        SettingsError: The provider's key is not set, or the database belongs to another kind of endpoint.
        ServiceError: The service could not be asked whether it knows the model.
    """
    if not is_slice(seconds):
        raise UsageError(f"A slice of {seconds:g} s is not possible.", remedy=f"Use {SHORTEST} to {LONGEST} seconds.")
    begun = context.monotonic()
    batch = _started(context, batch_id, viewer)
    if batch.status is not ChatBatchStatus.PROCESSING:
        take_back(context, batch)
        return _report(context, batch, _Slice(begun + seconds))
    prepare_waves(context, batch)
    if batch.mode is ChatMode.BATCH:
        waiting = _Slice(begun + seconds)
        waiting.stop_for(StopReason.PAUSED, _WITH_THE_BATCH_API)
        return _report(context, batch, waiting)
    api_key = context.api_key(batch.configuration)
    with context.connect(batch.configuration, api_key, context.engine) as service:
        work = _Slice(begun + seconds)
        reason = _refusal(context, batch, service, api_key)
        if reason is not None:
            work.stop_for(StopReason.HELD, reason)
        else:
            # The caps of each call look at what slices before this one have spent.
            bring_sums_up_to_date(context.engine)
            _work(context, batch, service, api_key, work, workers)
    return _report(context, batch, work)


def record_intent(context: ChatContext, batch_id: UUID, *, viewer: Viewer = EVERYBODY) -> SliceReport:
    """Starts a batch without working on it: whoever works on batches goes on with it.

    Raises:
        UsageError: No such batch.
    """
    batch = _started(context, batch_id, viewer)
    waiting = _Slice(context.monotonic())
    waiting.stop_for(
        StopReason.PAUSED, "Other slices are under way here: the batch is started, and `chat_batch_sensor` goes on."
    )
    return _report(context, batch, waiting)


def _started(context: ChatContext, batch_id: UUID, viewer: Viewer) -> ChatBatch:
    def work(connection: Connection) -> ChatBatch:
        batch = required_batch(connection, batch_id, viewer=viewer)
        if batch.status is ChatBatchStatus.CREATED and start_batch(connection, batch.id, now=context.now(connection)):
            log.info("chat batch started", chat_batch_id=str(batch.id), company=batch.company, items=batch.total_items)
        return required_batch(connection, batch_id, viewer=viewer)

    return in_transaction(context.engine, work)


def _refusal(context: ChatContext, batch: ChatBatch, service: ChatService, api_key: str) -> str | None:
    """Why nothing may be asked of the batch's model now, in words."""
    target = target_of(batch.configuration, api_key)
    with context.engine.connect() as connection:
        reason = holding(connection, target, now=context.now(connection))
    if reason is not None:
        return reason
    check = service.check_model(batch.configuration.model)
    if check.failure is not None and not check.route_missing and not check.failure.retryable:
        return f"{batch.configuration.endpoint} refuses {batch.configuration.model}: {check.failure.message}"
    with context.engine.begin() as connection:
        require_endpoint_kind(connection, stand_in=check.stand_in, now=context.now(connection))
    return None


@dataclass
class _Slice:
    """What the workers of a slice share."""

    deadline: float
    went: Counter[Went] = field(default_factory=Counter)
    stop: StopReason | None = None
    reason: str | None = None
    lock: Lock = field(default_factory=Lock)

    def stop_for(self, stop: StopReason, reason: str | None = None) -> None:
        """The first reason stands."""
        with self.lock:
            if self.stop is None:
                self.stop, self.reason = stop, reason


def _work(
    context: ChatContext, batch: ChatBatch, service: ChatService, api_key: str, work: _Slice, workers: int | None
) -> None:
    number = min(workers or batch.configuration.concurrency, batch.configuration.concurrency, batch.total_items)
    worker = _Worker(context, batch, service, api_key, work)
    with ThreadPoolExecutor(number, thread_name_prefix="chats") as pool:
        running = [pool.submit(worker.run) for _ in range(number)]
    for each in running:
        each.result()


class _Worker:
    """Takes one conversation after the other until the slice ends; shared by the threads of a slice."""

    def __init__(
        self, context: ChatContext, batch: ChatBatch, service: ChatService, api_key: str, work: _Slice
    ) -> None:
        self._context = context
        self._batch = batch
        self._target = target_of(batch.configuration, api_key)
        self._slice = work
        self._asker = Asker(context, batch, service, api_key)
        self._breaker = breaker_for(batch.configuration.concurrency)
        self._pace = Pace(batch.configuration.requests_per_minute)

    def run(self) -> None:
        """Works until the slice ends."""
        following: Talk | None = None
        try:
            while following is not None or self._slice.stop is None:
                # What was begun with the conversation before is under way, and is waited for.
                talk = following or self._next()
                following = None if talk is None else self._ask(talk)
        except BaseException:
            # The others finish what they hold and take nothing new.
            self._slice.stop_for(StopReason.PAUSED, "A worker ended with an error.")
            raise

    def _next(self) -> Talk | None:
        """A conversation, claimed in a transaction of its own; None where there is none now, after a wait for one."""
        if self._context.monotonic() >= self._slice.deadline:
            self._slice.stop_for(StopReason.DEADLINE)
            return None
        with self._slice.lock:
            wait = self._pace.take(self._context.monotonic())
        if wait:
            self._wait(wait)
            if self._context.monotonic() >= self._slice.deadline:
                return None
        claim = in_transaction(self._context.engine, self._claim)
        if isinstance(claim, Talk):
            return claim
        if claim is not None:
            self._wait(claim)
        return None

    def _ask(self, talk: Talk) -> Talk | None:
        """Asks a conversation, and returns the one that was begun with its end."""
        asked = self._asker.ask(talk, self._goes_on, self._follow)
        self._note(asked)
        if isinstance(asked.following, Asked):
            self._note(asked.following)
            return None
        return asked.following

    def _follow(self, connection: Connection, batch: LockedBatch, now: datetime) -> Talk | None:
        """The next conversation, in the transaction that ends the one before it; None if the slice ends or a call has to wait."""
        configuration = self._batch.configuration
        if self._slice.stop is not None or self._context.monotonic() >= self._slice.deadline:
            return None
        if batch.status is not ChatBatchStatus.PROCESSING or self._pace.per_minute is not None:
            return None
        if conversations.under_way(connection, configuration.provider, now=now) >= configuration.concurrency:
            return None
        claimed = conversations.claim_chat(connection, batch, lease=lease_of(self._batch), now=now)
        return None if claimed is None else Talk(*claimed)

    def _goes_on(self) -> bool:
        """Whether the next turn of a conversation may follow now; a long wait for it is not spent holding the conversation."""
        now = self._context.monotonic()
        if self._slice.stop is not None or now >= self._slice.deadline:
            return False
        with self._slice.lock:
            if self._pace.wait(now) > LEASE_MARGIN / 2:
                return False
            wait = self._pace.take(now)
        if wait:
            self._wait(wait)
        return self._context.monotonic() < self._slice.deadline

    def _claim(self, connection: Connection) -> Talk | float | None:
        """A conversation; seconds to wait where none is due now; None where the slice is over."""
        now = self._context.now(connection)
        batch = lock_batch(connection, self._batch.id)
        if batch is None or batch.status is not ChatBatchStatus.PROCESSING:
            cancelled = batch is not None and batch.status in (ChatBatchStatus.CANCELLING, ChatBatchStatus.CANCELLED)
            self._slice.stop_for(StopReason.CANCELLED if cancelled else StopReason.FINISHED)
            return None
        if not batch.company_works:
            self._slice.stop_for(StopReason.HELD, COMPANY_IS_OFF)
            return None
        under_way = conversations.under_way(connection, self._batch.configuration.provider, now=now)
        if under_way >= self._batch.configuration.concurrency:
            return _LONGEST_WAIT
        claimed = conversations.claim_chat(connection, batch, lease=lease_of(self._batch), now=now)
        return self._nothing_due(connection, now) if claimed is None else Talk(*claimed)

    def _nothing_due(self, connection: Connection, now: datetime) -> float | None:
        """Seconds until something may be due; what a lost worker held is taken back as soon as its lease has passed."""
        if take_back_in(connection, self._context, self._batch, now=now):
            return 0.0
        waiting, soonest = conversations.next_due(connection, self._batch.id)
        if soonest is None and not waiting:
            # Where nothing is left at all, the report says that it is finished.
            self._slice.stop_for(StopReason.PAUSED, _WITH_THE_BATCH_API)
            return None
        until = _LONGEST_WAIT if soonest is None else (soonest - now).total_seconds()
        return min(max(until, 0.05), _LONGEST_WAIT)

    def _wait(self, seconds: float) -> None:
        left = self._slice.deadline - self._context.monotonic()
        if left > 0:
            self._context.sleep(min(seconds, left))

    def _note(self, asked: Asked) -> None:
        with self._slice.lock:
            self._slice.went[asked.went] += 1
            answered = asked.went in (Went.PROCESSED, Went.SKIPPED)
            is_open = self._breaker.note(troubled=asked.troubled, answered=answered)
        if asked.went is Went.HELD:
            self._slice.stop_for(StopReason.HELD, asked.reason)
        elif is_open:
            reason = f"{self._breaker.failures} calls failed one after the other: it is tried again later."
            self._slice.stop_for(StopReason.PAUSED, reason)
            # Kept for all processes, and longer each time: what is down is not asked by the next slice either.
            pausing(self._context.engine, self._target.endpoint, self._context.now)(
                ApiFailure(FailureKind.RATE_LIMITED, None, "calls_failed", reason)
            )


def _report(context: ChatContext, batch: ChatBatch, work: _Slice) -> SliceReport:
    with context.engine.connect() as connection:
        after = required_batch(connection, batch.id)
    cancelled = after.status in (ChatBatchStatus.CANCELLING, ChatBatchStatus.CANCELLED)
    stop = work.stop or (StopReason.CANCELLED if cancelled else StopReason.FINISHED)
    if after.open_items == 0 and not cancelled:
        stop = StopReason.FINISHED
    report = SliceReport(
        processed=work.went[Went.PROCESSED],
        failed=work.went[Went.FAILED],
        skipped=work.went[Went.SKIPPED],
        remaining=after.open_items,
        stop=StopReason.CANCELLED if cancelled else stop,
        reason=None if stop is StopReason.FINISHED else work.reason,
        overrun=max(context.monotonic() - work.deadline, 0.0),
        status=after.status,
    )
    log.info(
        "slice of a chat batch",
        chat_batch_id=str(batch.id),
        processed=report.processed,
        failed=report.failed,
        skipped=report.skipped,
        remaining=report.remaining,
        stop=report.stop.value,
    )
    return report
