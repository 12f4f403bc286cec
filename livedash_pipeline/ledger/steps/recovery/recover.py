"""Takes over batches whose submitter is gone: adopts what was bought, fences what was not, and only then buys it again.

Every submit, poll and reconcile looks, adopts and fences, whatever the switches say; only a submit that may buy for this company
and model uploads and creates anew. The rules are in `ledger.rules.recovery.recovery`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from livedash_pipeline.base.rules.states import WORKING_COMPANIES
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.admission import admission
from livedash_pipeline.ledger.rules.recovery import recovery as rules
from livedash_pipeline.ledger.rules.recovery.evidence import Absence, Proof, Witnesses
from livedash_pipeline.ledger.rules.recovery.probes import ProbeKind
from livedash_pipeline.ledger.rules.recovery.recovery import RecoveryClock, Step
from livedash_pipeline.ledger.rules.service.failures import FailureKind
from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.send import (
    InputChangedError,
    SubmittedBatch,
    cancel_unbought,
    release,
    send,
)
from livedash_pipeline.ledger.steps.recovery.adopt import adopt_found
from livedash_pipeline.ledger.steps.recovery.find_surplus import find_surplus
from livedash_pipeline.ledger.steps.recovery.probe import delete_fence, make_probe, needs_probe, settle_fence
from livedash_pipeline.ledger.steps.recovery.recovery_view import RecoveryView, recovery_clock
from livedash_pipeline.ledger.steps.recovery.surplus import follow_surplus
from livedash_pipeline.ledger.store.admission import holds
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.ledger.store.recovery.recovery import TakenOver
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

# Time until the next look at a batch that waits for a probe's end, and for a listing that can be believed.
_PROBE_PAUSE = timedelta(seconds=15)
_PROOF_PAUSE = timedelta(seconds=60)
# One run takes over at most so many batches; the next run goes on.
_MOST = 100


@dataclass
class RecoveryReport:
    """The report of a recovery.

    Attributes:
        adopted: Batches that were found at the service.
        resubmitted: Batches that were uploaded and created anew, or went on from where they stood.
        released: Batches that ended without a purchase: released, or cancelled on request.
        surplus: Remote batches that no row names; they were cancelled.
        waiting: Batches that still have no known outcome.
        next_at: When the first of them is looked at again.
        problems: Sentences about faults that a person has to handle.
        doubts: Sentences about batches of which the service proves neither that they exist nor that they do not.
        failures: Errors of single batches that could not be looked at; the others were.
    """

    adopted: int = 0
    resubmitted: list[SubmittedBatch] = field(default_factory=list)
    released: int = 0
    surplus: int = 0
    waiting: int = 0
    next_at: datetime | None = None
    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    failures: list[ServiceError] = field(default_factory=list)

    @property
    def recovered(self) -> int:
        """Batches whose outcome is known now."""
        return self.adopted + len(self.resubmitted) + self.released


def recover_batches(
    context: BatchContext,
    *,
    may_buy: Callable[[TakenOver], bool] | None = None,
    timeout: float | None = None,
    time_left: Callable[[], bool] = lambda: True,
) -> RecoveryReport:
    """Takes over every batch of the endpoint whose lease has run out.

    Args:
        context: Database, endpoint and settings.
        may_buy: Whether this caller may upload and create for a batch; None: never.
        timeout: Seconds for each look-up, which is then tried once.
        time_left: Whether to take over another batch after one; the rest stays for the next recovery.

    Raises:
        ServiceError: The service could not be asked, or refused; rows stay for the next recovery.
    """
    report = RecoveryReport()
    for turn in range(_MOST):
        if turn and not time_left():
            break
        taken = in_transaction(
            context.engine,
            lambda connection: recovery.take_over(
                connection, context.endpoint, lease=context.settings.livedash_lease, now=context.now(connection)
            ),
        )
        if not taken:
            break
        _Recovery(context, taken[0], may_buy, timeout, report).run()
    _learn_of_fence(context, timeout, report)
    with context.engine.connect() as connection:
        report.waiting, report.next_at = claims.awaiting_recovery(connection, context.endpoint)
    return report


def _learn_of_fence(context: BatchContext, timeout: float | None, report: RecoveryReport) -> None:
    """Reads the result of a fence probe under way, whatever became of the batch that it was made for."""
    try:
        settle_fence(context, timeout=timeout)
    except ServiceError as error:
        report.failures.append(error)


@dataclass
class _Recovery:
    """The recovery of one batch that was taken over."""

    context: BatchContext
    taken: TakenOver
    may_buy: Callable[[TakenOver], bool] | None
    timeout: float | None
    report: RecoveryReport
    _doubt: str = ""

    def run(self) -> None:
        step = rules.first_step(self.taken.unfinished)
        if step is Step.LOOK:
            step = self._seen()
        log.info("recovery", batch_id=str(self.taken.claim.batch_id), company=self.taken.claim.company, step=step.value)
        acts: dict[Step, Callable[[], None]] = {
            Step.CANCEL: self._cancel,
            Step.RESUME: self._resume,
            Step.DELETE_INPUT: self._delete_input,
            Step.START_OVER: self._start_over,
            Step.PROBE: self._wait_for_proof,
            Step.UNPROVEN: self._wait_for_proof,
            Step.STOP: self._stop,
            Step.WAIT: self._wait,
        }
        if step in acts:
            acts[step]()

    def _seen(self) -> Step:
        """Returns the step after a look; if the look fails because of this batch alone, recovery goes on with the others."""
        try:
            return self._look()
        except ServiceError as error:
            if not rules.concerns_one_batch(error.failure):
                raise
            self.report.failures.append(error)
            self._doubt = f"cannot be put to the test: {error.failure.message}"
            return Step.UNPROVEN

    def _look(self) -> Step:
        """Asks for the input file and for the batches since it was made; adopts what it finds."""
        file_id = self.taken.input_file_id
        if file_id is None:
            raise AssertionError(f"batch {self.taken.claim.batch_id} began to be created without an input file")
        with self.context.engine.connect() as connection:
            now = self.context.now(connection)
        visible, since = self._view.input_file(file_id)
        witnesses = self._view.witnesses()
        listing = self._view.list_since(since, witnesses)
        found = adopt_found(self.context, [self.taken], listing.batches, timeout=self.timeout) > 0
        self.report.adopted += found
        self._follow_surplus(listing)
        if found:
            return Step.ADOPT
        ours = rules.choose_ours(listing.batches, self.taken.tag)
        if ours and self.taken.unfinished.absence_believed_at is None:
            self._doubt = f"shows batch {ours[0].id}, which by a look-up is another one"
            return Step.UNPROVEN
        return self._judge(listing, witnesses, since, visible, now)

    def _judge(self, listing: Listing, witnesses: Witnesses, since: datetime, visible: bool, now: datetime) -> Step:
        """Returns the step after a look that found nothing; if the step depends on absence, proves it, if need be by a probe."""
        same_project = self._view.sees_project()

        def step(absence: Absence) -> Step:
            return rules.next_step(
                self.taken.unfinished,
                found=False,
                file_visible=visible,
                same_project=same_project,
                absence=absence,
                now=now,
                clock=self._clock,
            )

        if step(Absence(Proof.NO_WITNESS)) is not Step.PROBE:
            return step(Absence(Proof.NO_WITNESS))
        absence = self._view.absence(listing, witnesses, since)
        if step(absence) is Step.PROBE and needs_probe(self.context, witnesses, now):
            note = make_probe(self.context, ProbeKind.LISTING)
            witnesses = self._view.witnesses()
            absence = self._view.absence(self._view.list_since(since, witnesses), witnesses, since, note=note)
        self._doubt = absence.reason
        return step(absence)

    def _follow_surplus(self, listing: Listing) -> None:
        surplus = find_surplus(self.context, listing, timeout=self.timeout).found
        if surplus:
            follow_surplus(self.context, listing.batches, timeout=self.timeout)
        self.report.surplus += surplus

    @property
    def _view(self) -> RecoveryView:
        return RecoveryView(self.context, self.taken, self.timeout)

    @property
    def _clock(self) -> RecoveryClock:
        return recovery_clock(self.context)

    def _allowed(self) -> bool:
        """Whether this caller may upload and create for the batch, by switches, holds and the company's status."""
        working = self.taken.company_status in WORKING_COMPANIES
        return working and self.may_buy is not None and self.may_buy(self.taken)

    def _cancel(self) -> None:
        """Cancels a batch of which nothing was bought, or can be after the fence; its requests become what the caller chose."""
        fenced = self.taken.unfinished.create_started_at is not None
        if fenced and not self._forget_input():
            return
        self.report.released += cancel_unbought(self.context, self.taken.claim)

    def _resume(self) -> None:
        if not self._allowed():
            self._release("abandoned", "The process that built this batch ended before it was submitted.")
            return
        file_id = self.taken.input_file_id
        if file_id is not None and not self._view.input_file(file_id)[0]:
            file_id = None
        self._send(file_id)

    def _delete_input(self) -> None:
        """Sets the fence, written down first: deletes the input file, so that a late create on it fails unbilled."""
        claim, file_id = self.taken.claim, self.taken.input_file_id
        with self.context.engine.begin() as connection:
            now = self.context.now(connection)
            held = recovery.request_input_deletion(
                connection, claim, key_fingerprint=self.context.key_fingerprint, now=now
            )
        if not held or file_id is None:
            return
        try:
            delete_fence(self.context, file_id)
        except ServiceError as error:
            if not rules.concerns_one_batch(error.failure):
                raise
            self.report.failures.append(error)
            self._doubt = f"shows nothing of it, and its input file could not be deleted: {error.failure.message}"
            self._wait_for_proof()
            return
        with self.context.engine.begin() as connection:
            recovery.record_input_deleted(connection, claim, lag=self._clock.lag, now=self.context.now(connection))

    def _start_over(self) -> None:
        if settle_fence(self.context, timeout=self.timeout):
            self._wait_for(_PROBE_PAUSE)
            return
        if not self._allowed():
            self._release("create_lost", "The service never showed the batch, and its input file is deleted.")
            return
        if self._forget_input():
            self._send(None)

    def _forget_input(self) -> bool:
        """Turns a fenced batch back into one whose create never began; False where another process holds it by now."""
        with self.context.engine.begin() as connection:
            return recovery.forget_input(
                connection,
                self.taken.claim,
                lease=self.context.settings.livedash_lease,
                now=self.context.now(connection),
            )

    def _send(self, input_file_id: str | None) -> None:
        try:
            sent = send(self.context, self.taken.claim, input_file_id=input_file_id)
        except InputChangedError:
            # Its requests wait again with their present input; the other batches go on.
            self.report.released += 1
            return
        if sent is not None:
            self.report.resubmitted.append(sent)

    def _release(self, code: str, message: str) -> None:
        release(self.context, self.taken.claim, error_code=code, error_message=message)
        self.report.released += 1

    def _wait(self) -> None:
        with self.context.engine.begin() as connection:
            moment = rules.look_again_at(self.taken.unfinished, now=self.context.now(connection), clock=self._clock)
            recovery.wait_until(connection, self.taken.claim, moment=moment)

    def _wait_for(self, pause: timedelta, doubt: str | None = None) -> None:
        with self.context.engine.begin() as connection:
            moment = self.context.now(connection) + pause
            recovery.wait_until(connection, self.taken.claim, moment=moment, doubt=doubt)

    def _wait_for_proof(self) -> None:
        """Lets a row whose absence is not proven wait for a believable listing or for a person's word, and reports it."""
        claim = self.taken.claim
        message = f"Whether batch {claim.batch_id} was bought is not known: the listing of {self.context.endpoint} {self._doubt}."
        self.report.doubts.append(message)
        log.warning("absence not proven", batch_id=str(claim.batch_id), company=claim.company, reason=self._doubt)
        self._wait_for(_PROOF_PAUSE, self._doubt)

    def _stop(self) -> None:
        """Places a hold and reports that this key does not see the input file, so that its listing proves nothing."""
        claim = self.taken.claim
        message = (
            f"Batch {claim.batch_id} may have been bought, and the present OPENAI_API_KEY does not see its input file "
            f"{self.taken.input_file_id}: the key belongs to another project."
        )
        self.report.problems.append(message)
        log.error("input file not visible", batch_id=str(claim.batch_id), company=claim.company)

        def work(connection: Connection) -> None:
            now = self.context.now(connection)
            holds.place_hold(
                connection,
                endpoint=self.context.endpoint,
                model=claim.model,
                rule=admission.hold_rule(FailureKind.FORBIDDEN),
                reason="input_file_not_visible",
                message=message,
                key_fingerprint=self.context.key_fingerprint,
                now=now,
            )
            recovery.wait_until(connection, claim, moment=now + admission.FIRST_HOLD)

        in_transaction(self.context.engine, work)
