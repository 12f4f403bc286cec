"""The answers of commands, jobs and HTTP, as JSON documents: one function per kind of report.

Keys are camelCase, those of the user's plan come first and in its order; counts are 0 and never absent, money is a decimal
string. Add a document here, never in a shell, so that all shells answer alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping

from livedash_pipeline.core.outcomes import Outcome
from livedash_pipeline.core.states import RequestStatus
from livedash_pipeline.db.requests import Requeued
from livedash_pipeline.db.stages import PipelineStatus
from livedash_pipeline.flow.cancel import CancelReport
from livedash_pipeline.flow.import_csv import ImportReport
from livedash_pipeline.flow.ingest import IngestReport
from livedash_pipeline.flow.poll import PollReport
from livedash_pipeline.flow.prune import PruneReport
from livedash_pipeline.flow.reconcile import ReconcileReport
from livedash_pipeline.flow.submit import SubmitReport

Document = dict[str, Any]


def money(amount: Decimal | None) -> str | None:
    """Euro as a decimal string without trailing zeros and without an exponent; None where it is unknown."""
    if amount is None:
        return None
    return f"{amount.normalize():f}" if amount else "0"


def moment(value: datetime | None) -> str | None:
    """ISO 8601."""
    return None if value is None else value.isoformat()


def analysis_document(analysis: Mapping[str, Any] | RowMapping) -> Document:
    """What an analysis says of a session, without its texts; all null before it is analysed."""
    sentiment, category = analysis["sentiment"], analysis["category"]
    return {
        "analysedAt": moment(analysis["analysed_at"]),
        "language": analysis["language"],
        "sentiment": sentiment and sentiment.lower(),
        "escalated": analysis["escalated"],
        "forwardedHr": analysis["forwarded_hr"],
        "category": category and category.lower(),
    }


def summary_document(counts: Mapping[RequestStatus, int]) -> Document:
    """Requests per status, in the order of the user's plan."""
    return {"ok": True, "summary": {status.lower(): counts[status] for status in RequestStatus}}


def requeue_document(requeued: Requeued, *, dry_run: bool) -> Document:
    """What a requeue did, or would do."""
    document: Document = {
        "ok": True,
        "requeuedCount": requeued.requeued,
        "notFoundCount": requeued.not_found,
        "notFailedCount": requeued.not_failed,
    }
    return document | ({"dryRun": True} if dry_run else {})


def import_document(report: ImportReport) -> Document:
    """What an import of one company did."""
    return {
        "ok": True,
        "company": report.company,
        "rows": report.rows,
        "new": report.new,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "rejected": report.rejected,
    }


def imports_document(companies: Sequence[Document]) -> Document:
    """What imports of several companies did; not ok as soon as one failed."""
    return {"ok": all(company["ok"] for company in companies), "companies": list(companies)}


def submit_document(report: SubmitReport) -> Document:
    """What a submit did and left. Batches include those whose create was called and has no known answer."""
    unanswered = [batch for batch in report.submitted if batch.openai_batch_id is None]
    return {
        "ok": True,
        "batches": len(report.submitted),
        "requests": sum(batch.requests for batch in report.submitted),
        "estimatedCostEur": money(report.estimated_cost_eur),
        "recovered": report.recovered,
        "awaitingRecovery": report.awaiting_recovery,
        "nextRecoveryAt": moment(report.next_recovery_at),
        "unansweredBatches": len(unanswered),
        "unansweredRequests": sum(batch.requests for batch in unanswered),
        "held": report.held,
        "why": report.why,
    }


def poll_document(report: PollReport) -> Document:
    """What a poll saw; where the service wants fewer calls, nothing was asked, and the counts are what is known already."""
    return {
        "ok": True,
        "open": report.open,
        "changed": len(report.changes),
        "finished": report.finished,
        "pausedUntil": moment(report.paused_until),
    }


def ingest_document(report: IngestReport) -> Document:
    """What was taken in, how many batches' files came short, and until when the rest is left, if the service wants that."""
    return {
        "ok": True,
        "batches": len(report.batches),
        "outcomes": {outcome.value: report.outcomes.get(outcome.value, 0) for outcome in Outcome},
        "waiting": report.waiting,
        "nextLookAt": moment(report.next_look_at),
        "lateAnswers": report.late,
        "pausedUntil": moment(report.paused_until),
    }


def cancel_document(report: CancelReport) -> Document:
    """What came of a cancel."""
    return {
        "ok": True,
        "cancelRequestedCount": report.requested,
        "alreadyEndedCount": report.already_ended,
        "notFoundCount": report.not_found,
    }


def reconcile_document(report: ReconcileReport) -> Document:
    """What reconciling did; not ok where a batch may have been bought, and the service shows this key neither yes nor no."""
    document: Document = {
        "ok": not report.problems and not report.doubts,
        "adopted": report.adopted,
        "surplusCancelled": report.surplus_cancelled,
        "strangers": report.strangers,
        "filesRemoved": report.files_removed,
        "vanished": report.vanished,
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


def prune_document(report: PruneReport) -> Document:
    """What was deleted, or would be."""
    return {
        "ok": True,
        "dryRun": report.dry_run,
        "companies": [{"company": slug} | asdict(counts) for slug, counts in sorted(report.companies.items())],
        "erased": {"sessions": report.sessions, "inFlight": report.in_flight, "notFound": report.not_found},
        "dagsterRuns": report.dagster_runs,
        "auditEntries": report.audit_entries,
    }


def pipeline_document(status: PipelineStatus) -> Document:
    """Sessions per stage and status."""
    return {
        "ok": True,
        "totalSessions": status.total_sessions,
        "stages": {
            stage.lower(): {state.lower(): count for state, count in counts.items()}
            for stage, counts in status.stages.items()
        },
    }
