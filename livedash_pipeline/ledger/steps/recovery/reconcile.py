"""Compares everything the service has with the ledger: adopts, cancels surplus, removes stray files, ends vanished batches.

Polls and recovery read only as far as they must; reconcile reads everything, once a day or when a person asks. It counts batches
and files that are not ours and never touches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.connect import in_transaction
from livedash_pipeline.ledger.rules.recovery.probes import probe_nonce
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, RemoteFile
from livedash_pipeline.ledger.steps.admission.pauses import describe_pause, paused_until
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.recovery.absence import accept_absence
from livedash_pipeline.ledger.steps.recovery.find_surplus import find_surplus
from livedash_pipeline.ledger.steps.recovery.give_up import give_up_forgotten, give_up_unseen
from livedash_pipeline.ledger.steps.recovery.listings import read_listing
from livedash_pipeline.ledger.steps.recovery.recover import RecoveryReport, recover_batches
from livedash_pipeline.ledger.steps.recovery.surplus import follow_surplus
from livedash_pipeline.ledger.steps.results.poll import PollReport, poll_batches
from livedash_pipeline.ledger.store.recovery import traits
from livedash_pipeline.ledger.store.results import observations, remote_files
from livedash_pipeline.logs import get_logger
from livedash_pipeline.services.errors import ServiceError

log = get_logger(__name__)

# Files of settled batches stay at the service for so long, for people who want to look at them.
FILES_KEPT = timedelta(days=3)
# Answers of services that have no listing of files; theirs expire by themselves.
_NO_SUCH_LISTING = frozenset({404, 405, 501})
_EVERYTHING = datetime.fromtimestamp(0, UTC)


@dataclass
class ReconcileReport:
    """The report of a reconcile.

    Attributes:
        adopted: Batches that were found at the service.
        surplus_cancelled: Remote batches that no row names, found now.
        unknown: Remote batches that are not ours; they are left alone.
        files_removed: Input and result files of ours that nobody needs any more.
        vanished: Batches that the service does not have any more, believed now.
        unclear: Remote batches with our mark of which the service's answers do not say whether they are surplus; left alone.
        problems: Sentences about faults that a person has to handle.
        doubts: Sentences about batches of which the service proves neither that they exist nor that they do not.
        paused_until: Nothing was compared, since the service wants fewer calls until then.
    """

    adopted: int = 0
    surplus_cancelled: int = 0
    unknown: int = 0
    files_removed: int = 0
    vanished: int = 0
    unclear: int = 0
    problems: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    paused_until: datetime | None = None
    recovery: RecoveryReport = field(default_factory=RecoveryReport)
    poll: PollReport = field(default_factory=lambda: PollReport(0, 0))


def reconcile_batches(
    context: BatchContext, *, accept_vanished: bool = False, believe_absence: str | None = None
) -> ReconcileReport:
    """Compares the whole remote listing with the ledger.

    Args:
        context: Database and endpoint.
        believe_absence: A batch, by our id, whose create has no known outcome: a person says that it made nothing.
        accept_vanished: Believe at once that a batch the service does not know is gone, without waiting: one that goes on,
            one that has ended and was not ingested, and one whose create has no known outcome and whose input file is not shown.

    Raises:
        ServiceError: The listing could not be had whole; nothing is concluded from half of it.
        UsageError: `believe_absence` names no batch of which that can be said yet.
    """
    report = ReconcileReport()
    if believe_absence is not None:
        accept_absence(context, believe_absence)
    until = paused_until(context)
    if until is not None:
        report.paused_until = until
        report.problems.append(f"{describe_pause(context.endpoint, until)}.")
        return report
    if accept_vanished:
        # First, so that recovery does not stop at these batches and place a hold because of them.
        report.vanished = give_up_unseen(context)
    report.recovery = recover_batches(context)
    report.poll = poll_batches(context)
    listing = read_listing(context, _EVERYTHING)
    listed = listing.batches
    found = find_surplus(context, listing)
    follow_surplus(context, listed)
    report.adopted = report.recovery.adopted + report.poll.adopted
    report.surplus_cancelled = found.found + report.recovery.surplus + report.poll.surplus
    report.unknown = found.unknown
    report.unclear = len(found.unclear)
    for remote_batch_id in found.unclear:
        log.warning("batch with our mark left alone", remote_batch_id=remote_batch_id)
    report.problems = report.recovery.problems
    report.doubts = report.recovery.doubts
    if listing.flaw is None:
        report.vanished += _believe_vanished(context, listed, accept_vanished)
    else:
        report.doubts.append(
            f"The listing of {context.endpoint} {listing.flaw}; nothing is concluded from what it leaves out."
        )
    if accept_vanished:
        report.vanished += give_up_forgotten(context, listed)
    report.files_removed = _remove_files(context)
    log.info(
        "reconciled",
        listed=len(listed),
        adopted=report.adopted,
        surplus=report.surplus_cancelled,
        unknown=report.unknown,
        files_removed=report.files_removed,
        vanished=report.vanished,
        unclear=report.unclear,
    )
    return report


def _believe_vanished(context: BatchContext, listed: Sequence[RemoteBatch], accept: bool) -> int:
    """Believes a 404 after a day, and only to a key that sees another batch it made: one of another project sees nothing."""

    def write(connection: Connection) -> list[UUID]:
        now = context.now(connection)
        waited = timedelta(0) if accept else timedelta(seconds=context.settings.livedash_vanished_after)
        return observations.mark_vanished(
            connection,
            context.endpoint,
            since=now - waited,
            seen=[remote.id for remote in listed],
            any_key=accept,
            now=now,
        )

    vanished = in_transaction(context.engine, write)
    for batch_id in vanished:
        log.error("batch vanished", batch_id=str(batch_id))
    return len(vanished)


def _remove_files(context: BatchContext) -> int:
    """Removes files named after a settled batch of ours, or after an older upload of one; touches no other file."""
    try:
        files = list(context.gateway.list_files())
    except ServiceError as error:
        if error.failure.status not in _NO_SUCH_LISTING:
            raise
        log.warning("service lists no files", endpoint=context.endpoint, http_status=error.failure.status)
        return 0
    with context.engine.connect() as connection:
        now = context.now(connection)
        removable = remote_files.removable(
            connection, context.endpoint, _named(files), settled_before=now - FILES_KEPT, now=now
        )
        nonces = {nonce: file.id for file in files if (nonce := probe_nonce(file.filename)) is not None}
        ended = traits.ended_probe_nonces(connection, context.endpoint, nonces)
    removable += sorted(nonces[nonce] for nonce in ended)
    removed = sum(context.gateway.delete_file(file_id) for file_id in removable)
    if removable:
        with context.engine.begin() as connection:
            remote_files.note_deleted(connection, context.endpoint, settled_before=now - FILES_KEPT, now=now)
    return removed


def _named(files: list[RemoteFile]) -> dict[str, str]:
    return {file.id: file.filename for file in files}


def reconcile_document(report: ReconcileReport) -> Document:
    """The document of a reconcile; not ok where a batch may have been bought and the service does not show whether it was."""
    document: Document = {
        "ok": not report.problems and not report.doubts,
        "adopted": report.adopted,
        "surplusCancelled": report.surplus_cancelled,
        "strangers": report.unknown,
        "filesRemoved": report.files_removed,
        "vanished": report.vanished,
        "unclear": report.unclear,
    }
    if report.paused_until is not None:
        document["error"] = {
            "code": "paused",
            "message": " ".join(report.problems),
            "remedy": "Nothing was compared. Run `livedash reconcile` again after that.",
        }
    elif report.problems:
        document["error"] = {
            "code": "input_file_not_visible",
            "message": " ".join(report.problems),
            "remedy": "Set OPENAI_API_KEY to a key of the project that they were made with; until then they wait. Where no such "
            "key is left: `livedash reconcile --accept-vanished`, after which their requests fail.",
        }
    elif report.doubts:
        document["error"] = {
            "code": "listing_unproven",
            "message": " ".join(report.doubts),
            "remedy": "They are looked for until the listing proves itself. Where you know that a batch was not made, say so: "
            "`livedash reconcile --believe-absence BATCH`.",
        }
    return document
