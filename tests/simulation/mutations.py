"""Safeguards taken away one at a time, to prove that the simulation notices: deliberate sabotage, in a process of its own.

Each mutation is a context that holds while schedules run. What lies at the edge of the steps (commits, calls) is taken away by
`Sabotage`; what lies inside a module, by replacing that module's function. Add a safeguard here when it is added there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, text

from livedash_pipeline.base.store.tables import ai_batch_requests
from livedash_pipeline.ledger.rules.recovery import recovery as rules
from livedash_pipeline.ledger.rules.recovery.evidence import Absence, Proof, Witnesses
from livedash_pipeline.ledger.rules.recovery.twins import Verdict
from livedash_pipeline.ledger.rules.results import short_results
from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.steps.recovery import find_surplus, proof
from livedash_pipeline.ledger.steps.results import ingest, result_files
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.recovery import recovery
from livedash_pipeline.ledger.store.results.finished import BatchToIngest
from tests.simulation.money_mutations import MONEY_MUTATIONS
from tests.simulation.runner import Sabotage
from tests.simulation.tampering import Mutation, replaced, rewritten

_batches = ai_batch_requests.c


@contextmanager
def _given(sabotage: Sabotage) -> Iterator[Sabotage]:
    yield sabotage


def _retried_create(_engine: Engine) -> AbstractContextManager[Sabotage]:
    return _given(Sabotage(create_tries=3))


def _kept_inputs(_engine: Engine) -> AbstractContextManager[Sabotage]:
    return _given(Sabotage(deletes=False))


def _lost_commit(function: str) -> Mutation:
    def mutation(_engine: Engine) -> AbstractContextManager[Sabotage]:
        return _given(Sabotage(keep_commit=lambda name: name != function))

    return mutation


@contextmanager
def _no_fence(_engine: Engine) -> Iterator[Sabotage]:
    def unfenced(connection: Any, claim: Any, condition: Any, **values: object) -> bool:
        changed = ai_batch_requests.update().where((_batches.id == claim.batch_id) & condition).values(**values)
        return bool(connection.execute(changed).rowcount == 1)

    with (
        replaced(claims, "_held", lambda claim: _batches.id == claim.batch_id),
        replaced(recovery, "_write", unfenced),
    ):
        yield Sabotage()


def _no_error_file(_engine: Engine) -> AbstractContextManager[Sabotage]:
    fetch = result_files._fetch

    def only_output(context: Any, batch: Any, name: str, *file: Any) -> None:
        if name == "output":
            fetch(context, batch, name, *file)

    return replaced(result_files, "_fetch", only_output)


def _no_adoption(_engine: Engine) -> AbstractContextManager[Sabotage]:
    return replaced(rules, "choose_ours", lambda _listed, _tag: [])


def _settled_again(_engine: Engine) -> AbstractContextManager[Sabotage]:
    return rewritten(
        "ledger/lock_batch_to_settle",
        ("AND processed_at IS NULL AND status = ANY(:ended_batches)", "AND status <> ALL(:live_batches)"),
    )


@contextmanager
def _no_open_index(engine: Engine) -> Iterator[Sabotage]:
    with engine.begin() as connection:
        definition = connection.execute(
            text("SELECT indexdef FROM pg_indexes WHERE indexname = 'uq_ai_processing_requests_open'")
        ).scalar_one()
        connection.execute(text("DROP INDEX uq_ai_processing_requests_open"))
    conflict = (
        "ON CONFLICT (subject_id, processing_type)"
        " WHERE processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')\nDO NOTHING"
    )
    try:
        with rewritten("analysis/insert_requests", (conflict, "")):
            yield Sabotage()
    finally:
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM ai_request_attempts"))
            connection.execute(text("DELETE FROM ai_processing_requests"))
            connection.execute(text(definition))


@contextmanager
def _no_waiting(_engine: Engine) -> Iterator[Sabotage]:
    """Once the input file is deleted another batch may be created at once: what shows late is not waited for."""
    decide, record = rules.next_step, recovery.record_input_deleted

    def at_once(batch: Any, **known: Any) -> Any:
        step = decide(batch, **known)
        waits = step is rules.Step.WAIT and batch.input_deleted_at is not None
        return rules.Step.START_OVER if waits else step

    def without_lag(connection: Any, claim: Any, *, lag: timedelta, now: Any) -> bool:
        return record(connection, claim, lag=timedelta(0), now=now)

    with replaced(rules, "next_step", at_once), replaced(recovery, "record_input_deleted", without_lag):
        yield Sabotage()


def _no_wish_check(_engine: Engine) -> AbstractContextManager[Sabotage]:
    def start(
        connection: Any, claim: Any, *, key_fingerprint: str, nonce: str, guard: str, lease: int, now: Any
    ) -> bool:
        return claims._write(
            connection,
            claims._held(claim) & (_batches.status == "UPLOADING"),
            create_started_at=now,
            create_nonce=nonce,
            purchase_guard=guard,
            key_fingerprint=key_fingerprint,
            lease_until=now + timedelta(seconds=lease),
        )

    return replaced(claims, "start_create", start)


@contextmanager
def _short_believed(_engine: Engine) -> Iterator[Sabotage]:
    def at_once(before: Any, *, same: bool, believable: bool, now: Any) -> Any:
        return replace(after_look(before, same=same, believable=believable, now=now), believed=believable)

    after_look = short_results.after_look
    with replaced(short_results, "after_look", at_once), replaced(result_files, "transfer_fault", lambda _file: None):
        yield Sabotage()


def _missing_bought_again(_engine: Engine) -> AbstractContextManager[Sabotage]:
    return replaced(ingest, "_may_be_paid", lambda _connection, _batch, _counts: False)


def _surplus_ignored(_engine: Engine) -> AbstractContextManager[Sabotage]:
    return replaced(find_surplus, "judge_twin", lambda *_looks: Verdict.UNCLEAR)


def _no_witness(_engine: Engine) -> AbstractContextManager[Sabotage]:
    """Whatever a listing leaves out is believed not to exist, as long as the listing does not contradict itself."""

    def judge(listing: Listing, _witnesses: Witnesses, **_known: Any) -> Absence:
        return Absence(Proof.ABSENT) if listing.flaw is None else Absence(Proof.CONTRADICTED, listing.flaw)

    return replaced(proof, "judge_absence", judge)


def _no_nonce(_engine: Engine) -> AbstractContextManager[Sabotage]:
    return _given(Sabotage(names_creates=False))


def _no_look_before_cancel(_engine: Engine) -> AbstractContextManager[Sabotage]:
    """What a listing shows beside the id that its row tracks is surplus at once."""
    return replaced(find_surplus, "_look", lambda *_looked: Verdict.SURPLUS)


def _expired_forgotten(_engine: Engine) -> AbstractContextManager[Sabotage]:
    """Batches that expired or were cancelled are not asked for their partial results."""
    fetch = result_files.fetch_files

    def nothing(context: Any, batch: BatchToIngest, **how: Any) -> Any:
        files = fetch(context, batch, **how)
        if batch.remote_status in ("expired", "cancelled"):
            files.paths.clear()
        return files

    return replaced(ingest, "fetch_files", nothing)


MUTATIONS: dict[str, Mutation] = {
    "create is sent again when its answer is lost": _retried_create,
    "the start of create is not committed": _lost_commit("ledger.steps.batches.send._begin_create"),
    "the claim is not committed": _lost_commit("ledger.steps.batches.submit._claim"),
    "no write carries the fence": _no_fence,
    "the input file is not deleted before a create is repeated": _kept_inputs,
    "the error file is not read": _no_error_file,
    "a batch that is found is not adopted": _no_adoption,
    "processed_at is not asked before settling": _settled_again,
    "two requests of a session may be open": _no_open_index,
    "nobody waits for a batch to show after its input file was deleted": _no_waiting,
    "a wish to cancel is not asked for before create": _no_wish_check,
    "one download is believed, whatever its size": _short_believed,
    "a missing answer that was charged is bought again": _missing_bought_again,
    "surplus batches are not looked for": _surplus_ignored,
    "partial results are thrown away": _expired_forgotten,
    "absence is believed without a witness": _no_witness,
    "no create carries a name": _no_nonce,
    "surplus is cancelled without a look at what its row tracks": _no_look_before_cancel,
    **MONEY_MUTATIONS,
}
