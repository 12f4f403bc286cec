"""One batch for people: its course and what is known of its purchase, and apart from that its counts and costs.

Add what a batch's page shows. Counts and costs are sums over up to 50,000 lines, so they are a document of their own.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, RowMapping

from livedash_pipeline.base.rules.outcomes import Outcome
from livedash_pipeline.base.rules.states import BatchStatus
from livedash_pipeline.base.rules.values import Document, moment, money
from livedash_pipeline.base.store.connect import autocommitted, database_now
from livedash_pipeline.ledger.rules.admission.cancelling import why_no_cancel
from livedash_pipeline.ledger.steps.batches.listing import listed_document
from livedash_pipeline.ledger.store.batches import listing
from livedash_pipeline.ledger.store.costs.entries import BatchCost, batch_costs
from livedash_pipeline.ledger.store.recovery.traits import ListedTraits, read_traits
from livedash_pipeline.ledger.store.results.finished import batch_id_of
from livedash_pipeline.overview.rules.operations.batch_course import course
from livedash_pipeline.overview.steps.operations.pulse import traits_document
from livedash_pipeline.overview.store import inspections
from livedash_pipeline.overview.store.operations.batches import outcomes_of, surplus_of


def inspect_batch(engine: Engine, name: str, *, endpoint: str | None = None) -> Document | None:
    """Describes a batch without its counts and costs; None if there is none.

    Args:
        engine: Our database.
        name: Our id, or the service's.
        endpoint: The service that the settings name; a batch of another service is marked as such.
    """
    with autocommitted(engine) as connection:
        batch_id = batch_id_of(connection, name)
        row = None if batch_id is None else inspections.read_batch(connection, batch_id)
        if row is None or batch_id is None:
            return None
        (listed,) = listing.list_batches(connection, limit=1, batch_id=batch_id)
        now = database_now(connection)
        traits = read_traits(connection, row["endpoint"], row["key_fingerprint"])
        return {
            "batch": listed_document(listed, endpoint, now) | _files(row),
            "course": [
                {"name": each.name, "words": each.words, "at": moment(each.at), "isAhead": each.is_ahead}
                for each in course({str(name): value for name, value in row.items()}, now=now)
            ],
            "purchase": _purchase(row),
            "traits": traits_document(ListedTraits(row["endpoint"], row["key_fingerprint"], traits)),
            "surplus": [_surplus_document(each) for each in surplus_of(connection, batch_id)],
            "noCancelBecause": why_no_cancel(
                BatchStatus(row["status"]),
                processed_at=row["processed_at"],
                cancel_requested_at=row["cancel_requested_at"],
            ),
        }


def count_batch(engine: Engine, name: str) -> Document | None:
    """Counts a batch's requests by outcome and adds up its cost; None if there is no such batch.

    `outcomes` and `inFlight` sum to its requests; `late` are answers that showed after those were counted.
    """
    with autocommitted(engine) as connection:
        batch_id = batch_id_of(connection, name)
        if batch_id is None:
            return None
        tries, late = outcomes_of(connection, batch_id)
        return {"outcomes": _counts(tries), "inFlight": tries.get(None, 0), "late": _counts(late)} | _costs(
            connection, batch_id
        )


def _costs(connection: Connection, batch_id: Any) -> Document:
    cost = batch_costs(connection, [batch_id]).get(batch_id, BatchCost())
    return {
        "estimatedCostEur": money(cost.estimated_eur),
        "costUsd": money(cost.cost_usd),
        "costEur": money(cost.cost_eur),
        "unattributedEur": money(cost.unattributed_eur),
        "surplusEur": money(cost.surplus_eur),
        "openEntries": cost.open_entries,
    }


def _counts(found: dict[str | None, int]) -> dict[str, int]:
    return {outcome.value: found[outcome.value] for outcome in Outcome if outcome.value in found}


def _files(row: RowMapping) -> Document:
    return {
        "endpoint": row["endpoint"],
        "keyFingerprint": row["key_fingerprint"],
        "inputFileId": row["input_file_id"],
        "outputFileId": row["output_file_id"],
        "errorFileId": row["error_file_id"],
        "bodyBytes": row["body_bytes"],
        "tokenEstimate": row["token_estimate"],
        "reported": {word: row[f"reported_{word}"] for word in ("total", "completed", "failed")},
        "lines": {word: row[f"lines_{word}"] for word in ("succeeded", "failed")},
        "cancelUnfinished": row["cancel_unfinished"],
        "dagsterRunId": row["dagster_run_id"],
        "kind": row["processing_type"],
    }


def _purchase(row: RowMapping) -> Document:
    """What is known of whether it was bought once."""
    return {
        "guard": row["purchase_guard"],
        "fence": row["fence"],
        "nonce": row["create_nonce"],
        "listedBatchId": row["listed_batch_id"],
        "absenceDoubt": row["absence_doubt"],
        "absenceBelievedAt": moment(row["absence_believed_at"]),
        "ingestAsks": row["ingest_asks"],
        "shortDownloads": row["short_downloads"],
    }


def _surplus_document(row: RowMapping) -> Document:
    return {
        "openaiBatchId": row["remote_batch_id"],
        "openaiStatus": row["remote_status"],
        "submittedAt": moment(row["submitted_at"]),
        "foundAt": moment(row["found_at"]),
        "cancelRequestedAt": moment(row["cancel_requested_at"]),
        "notFoundSince": moment(row["not_found_since"]),
        "endedAt": moment(row["ended_at"]),
        "costUsd": money(row["total_cost_usd"]),
        "costEur": money(row["total_cost_eur"]),
    }
