"""Moving in beside a daemon: what the old system has answered can be bought at no moment in between."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, select

from livedash_pipeline.analysis.steps.build_requests import build_requests
from livedash_pipeline.analysis.steps.session_analysis import SESSION_ANALYSIS
from livedash_pipeline.analysis.store import requests as analysis_requests
from livedash_pipeline.base.store.companies import get_company
from livedash_pipeline.base.store.tables import ai_processing_requests, sessions
from livedash_pipeline.ledger.rules.admission.admission import Budget, PendingGroup
from livedash_pipeline.ledger.steps.batches.context import BatchContext
from livedash_pipeline.ledger.steps.batches.submit import submit_pending
from livedash_pipeline.ledger.store.batches import claims
from livedash_pipeline.ledger.store.batches.claims import Claim, ClaimLimits
from livedash_pipeline.takeover.steps.run import import_livedash
from livedash_pipeline.takeover.store.companies import lock_company
from tests.conftest import NOW
from tests.support.races import held, race
from tests.support.rows import rows_of
from tests.takeover.steps.old_system import ANALYSIS, DONE, WAITING, OldSystem
from tests.takeover.steps.our_side import stages_of


def build(engine: Engine, slug: str = "acme-bv") -> int:
    with engine.connect() as connection:
        company = get_company(connection, slug)
    return build_requests(engine, company, default_model="gpt-5-mini", count_tokens=len).created


def outcomes(engine: Engine) -> list[tuple[str, str | None]]:
    return sorted((row.processing_status, row.error_code) for row in rows_of(engine, ai_processing_requests))


@pytest.fixture
def answered(engine: Engine, old: OldSystem) -> OldSystem:
    """A chat that waits here with a request, and that the old system has analysed since."""
    session = old.chat(old.company(), stages=WAITING)
    import_livedash(engine, old.url)
    assert build(engine) == 1
    old.run('UPDATE "Session" SET summary = %s, sentiment = %s WHERE id = %s', "A summary of it.", "NEGATIVE", session)
    old.request(session)
    return old


def test_nothing_of_a_company_is_claimed_until_it_has_moved_in_whole(
    engine: Engine, answered: OldSystem, scripted: BatchContext
) -> None:
    with race(engine) as others:
        with held(engine, "SELECT id FROM sessions FOR UPDATE"):
            moving = others.begin(lambda: import_livedash(engine, answered.url))
            assert not moving.done(), "it waits for the session"
            report = submit_pending(scripted, ignore_minimum=True)
        assert moving.result()["ok"]
    assert report.submitted == []
    assert report.held == ["acme-bv is being taken over from LiveDash"]
    assert outcomes(engine) == [("PROCESSING_COMPLETE", None), ("PROCESSING_FAILED", "answered_before")]
    assert stages_of(engine)["AI_ANALYSIS"] == {"COMPLETED": 1}
    assert submit_pending(scripted, ignore_minimum=True).submitted == []


def test_moving_in_waits_for_a_claim_that_is_being_made_and_leaves_what_it_bought(
    engine: Engine, answered: OldSystem
) -> None:
    with race(engine) as others:
        with engine.begin() as connection:
            (group,) = claims.pending_groups(connection)
            assert claims.may_claim(connection, group.company_id)
            moving = others.begin(lambda: import_livedash(engine, answered.url))
            assert not moving.done(), "it waits for the claim"
            assert claim(connection, group) is not None
        assert moving.result()["tables"]["sessions"]["updated"] == 0
    assert outcomes(engine) == [("BATCHING_IN_PROGRESS", None), ("PROCESSING_COMPLETE", None)]
    assert stages_of(engine)["AI_ANALYSIS"] == {"IN_PROGRESS": 1}


def claim(connection: Connection, group: PendingGroup) -> Claim | None:
    return claims.claim_batch(
        connection, group, ClaimLimits(100, 10**9, None, Budget(None)),
        endpoint="e", key_fingerprint="k", kind=SESSION_ANALYSIS, lease=900, now=NOW, dagster_run_id=None,
    )  # fmt: skip


def test_a_request_that_was_thought_of_before_the_analysis_came_is_not_made(engine: Engine, old: OldSystem) -> None:
    old.chat(old.company(), stages=DONE, analysis=ANALYSIS)
    import_livedash(engine, old.url)
    with engine.begin() as connection:
        # As a step does that looked for waiting sessions a moment before the company was there whole.
        session_id, company_id = connection.execute(select(sessions.c.id, sessions.c.company_id)).one()
        built = analysis_requests.BuiltRequest(session_id, "t", "i", 1, 1, 1)
        made = analysis_requests.insert_requests(
            connection, company_id, [built], model="m", prompt_version="p", now=NOW
        )
    assert made == 0


def test_moving_in_holds_no_other_company_back(engine: Engine, old: OldSystem, scripted: BatchContext) -> None:
    for name in ("Alpha", "Beta"):
        old.chat(old.company(name), stages=WAITING)
    import_livedash(engine, old.url)
    assert [build(engine, slug) for slug in ("alpha", "beta")] == [1, 1]
    with engine.begin() as connection:
        lock_company(connection, get_company(connection, "alpha"))
        report = submit_pending(scripted, ignore_minimum=True)
    assert [batch.company for batch in report.submitted] == ["beta"]
    assert report.held == ["alpha is being taken over from LiveDash"]
