"""What statements ask of a session's stages, against the rules that specify it: every combination of five stages' statuses."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence, Set
from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_pipeline.base.rules.states import PASSED_STAGES, STAGE_MOVES, Stage, StageStatus, is_done, is_ready
from livedash_pipeline.base.store import stages
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.base.store.statements import statement, with_lists
from livedash_pipeline.intake.store.sessions import find_due_sessions
from livedash_pipeline.intake.store.transcripts import ImportPage
from livedash_pipeline.overview.store.stage_retries import stage_retries
from livedash_pipeline.submissions.store.submissions import companies_with_submissions
from tests.conftest import NOW
from tests.support.imported import make_company

S = StageStatus
Statuses = tuple[StageStatus, ...]
# An external id names the status of each stage; an absent row means PENDING.
CODES = {"A": None, "P": S.PENDING, "I": S.IN_PROGRESS, "C": S.COMPLETED, "F": S.FAILED, "S": S.SKIPPED}
COMBINED = tuple(map("".join, product(CODES, repeat=len(Stage))))
ANALYSIS = list(Stage).index(Stage.AI_ANALYSIS)
FILL = """
INSERT INTO session_imports (
    company_id, external_session_id, start_time_raw, end_time_raw, start_time, end_time, initial_message, content_hash,
    created_at, updated_at
)
SELECT :company_id, combined, '', '', :now, :now, 'Hello', 'row', :now, :now FROM unnest(CAST(:combined AS text[])) AS combined;
INSERT INTO session_processing_status (import_id, stage, status)
SELECT imports.id, stages.name, codes.status
FROM session_imports AS imports
CROSS JOIN (SELECT name, row_number() OVER (ORDER BY position) AS place FROM processing_stages) AS stages
JOIN unnest(CAST(:codes AS text[]), CAST(:statuses AS text[])) AS codes (code, status)
    ON codes.code = substr(imports.external_session_id, stages.place::integer, 1)
WHERE codes.status IS NOT NULL AND imports.external_session_id = ANY(:combined);
INSERT INTO sessions (company_id, import_id, start_time, end_time, row_hash, transcript_hash, created_at, updated_at)
SELECT company_id, id, start_time, end_time, 'row', 'hash', :now, :now FROM session_imports
WHERE external_session_id = ANY(:combined);
INSERT INTO messages (session_id, position, role, content) SELECT id, 0, 'user', 'Hello' FROM sessions
WHERE import_id IN (SELECT id FROM session_imports WHERE external_session_id = ANY(:combined));
INSERT INTO transcripts (import_id, url, row_hash, status, content, updated_at)
SELECT id, '', 'row', 'FETCHED', 'Hello', :now FROM session_imports WHERE external_session_id = ANY(:combined)
"""
REQUESTS = """
INSERT INTO ai_processing_requests (
    session_id, company_id, model, prompt_version, transcript_hash, input_hash, body_bytes, token_estimate, max_output_tokens,
    requested_at, updated_at
)
SELECT id, company_id, 'm', '1', 'hash', 'i', 1, 1, 1, :now, :now FROM sessions
"""


@pytest.fixture
def company(engine: Engine) -> Company:
    return make_company(engine)


@pytest.fixture
def found(engine: Engine, company: Company) -> Mapping[UUID, Statuses]:
    """Statuses of the stages, in order, by import."""
    with engine.begin() as connection:
        fill(connection, company, COMBINED)
        rows = connection.execute(text("SELECT id, external_session_id FROM session_imports"))
        known = {row.id: tuple(CODES[code] or S.PENDING for code in row.external_session_id) for row in rows}
    assert len(known) == len(CODES) ** len(Stage)
    return known


def fill(connection: Connection, company: Company, combined: Sequence[str]) -> None:
    """Adds a session for each combination of statuses."""
    values = {
        "combined": list(combined),
        "codes": list(CODES),
        "statuses": list(CODES.values()),
        "company_id": company.id,
        "now": NOW,
    }
    for part in FILL.split(";"):
        connection.execute(text(part), values)


def ids(connection: Connection, query: str, **values: object) -> Set[UUID]:
    return set(connection.execute(with_lists(query), values).scalars())


def test_statements_know_which_sessions_are_done(
    engine: Engine, company: Company, found: Mapping[UUID, Statuses]
) -> None:
    count = statement("base/count_unsettled_sessions").text
    of_imports = "\nFROM session_imports AS imports"
    unsettled = count.replace(f"SELECT count(*){of_imports}", f"SELECT imports.id{of_imports}")
    cutoffs = dict.fromkeys(("transcripts_before", "messages_before", "answers_before"), NOW.replace(year=NOW.year + 1))
    pages = {"company_id": company.id, "after": "", "until": "~"}
    with engine.connect() as connection:
        undone = {each for each in found if not is_done(found[each])}
        assert ids(connection, unsettled, company_id=None) == undone
        assert ids(connection, unsettled, company_id=company.id) == undone
        assert ids(connection, unsettled, company_id=UUID(int=0)) == set()
        connection.execute(statement("retention/create_scratch_prunable_sessions"), pages | cutoffs)
        prunable = "SELECT import_id FROM scratch_prunable_sessions WHERE {}"
        assert ids(connection, prunable.format("prunes_messages")) == {each for each in found if is_done(found[each])}
        derived = {each for each, statuses in found.items() if is_done(statuses[:ANALYSIS])}
        assert ids(connection, prunable.format("prunes_transcript")) == derived


def test_kept_counts_tell_whether_all_sessions_are_done(engine: Engine, company: Company) -> None:
    drawn = random.Random(5)
    done = [codes for codes in COMBINED if is_done([CODES[code] or S.PENDING for code in codes])]
    undone = sorted(set(COMBINED) - set(done))
    with engine.connect() as connection:
        fill(connection, company, done)
        assert stages.all_sessions_settled(connection)
        assert stages.all_sessions_settled(connection, company.id)
        assert stages.all_sessions_settled(connection, UUID(int=0)), "somebody without sessions"
        # Many that are done, of which most have failed, hide no single one that is not.
        for codes in drawn.sample(undone, 150):
            with connection.begin_nested() as savepoint:
                fill(connection, company, [codes])
                assert not stages.all_sessions_settled(connection), codes
                assert not stages.all_sessions_settled(connection, company.id), codes
                assert stages.all_sessions_settled(connection, UUID(int=0))
                savepoint.rollback()


@pytest.mark.parametrize("place", range(len(Stage)))
def test_statements_know_which_sessions_are_ready_for_a_stage(
    engine: Engine, found: Mapping[UUID, Statuses], place: int
) -> None:
    stage = list(Stage)[place]
    ready = {each for each, statuses in found.items() if is_ready(statuses[:place])}
    with engine.connect() as connection:
        waiting = {row.import_id for row in stages.sessions_needing(connection, stage, limit=10_000)}
        assert waiting == {each for each in ready if found[each][place] is S.PENDING}
        retried = {"ids": found, "filtered": False, "company_id": None, "reanalyse": False, "lock": False}
        stage_retries(connection, stage, **retried)  # type: ignore[arg-type]
        eligible = ids(connection, "SELECT import_id FROM scratch_eligible_retries WHERE is_ready")
        assert eligible == {each for each in ready if found[each][place] is S.FAILED}
        started = stages.start_stage(connection, stage, found, now=NOW).moved
        assert set(started) == {each for each in ready if S.IN_PROGRESS in STAGE_MOVES[found[each][place]]}


def test_the_sensor_of_submissions_counts_what_derivations_and_requests_find(
    engine: Engine, company: Company, found: Mapping[UUID, Statuses]
) -> None:
    page = {"company_id": company.id, "after_id": UUID(int=0), "chunk_size": 10_000, "stages_added": True}
    with engine.connect() as connection:
        # Submissions have a row at every stage.
        marked = "UPDATE session_imports SET source = 'api' WHERE external_session_id NOT LIKE '%A%' RETURNING id"
        submitted = ids(connection, marked)
        due = {row.import_id for row in find_due_sessions(connection, ImportPage(company.id, "", "~"))}
        unasked = {row.import_id for row in connection.execute(statement("analysis/find_sessions_to_request"), page)}
        (waiting,) = companies_with_submissions(connection)
    assert waiting.sessions == len(due & submitted) + len(unasked & submitted) > 0


def test_requests_are_made_and_withdrawn_by_what_is_before_the_analysis(
    engine: Engine, company: Company, found: Mapping[UUID, Statuses]
) -> None:
    page = {"company_id": company.id, "after_id": UUID(int=0), "chunk_size": 10_000}
    query = statement("analysis/find_sessions_to_request")
    # There is nothing to ask about a session that was not created.
    waiting = {each for each, own in found.items() if own[ANALYSIS] is S.PENDING and own[ANALYSIS - 1] is S.COMPLETED}
    expected = {each for each in waiting if is_ready(found[each][:ANALYSIS])}
    with engine.connect() as connection:
        for stages_added in (True, False):
            rows = connection.execute(query, page | {"stages_added": stages_added})
            # Without added stages nobody looks at CSV_IMPORT, which a row has passed by being there.
            assert {
                row.import_id for row in rows if stages_added or found[row.import_id][0] in PASSED_STAGES
            } == expected
        connection.execute(text(REQUESTS), {"now": NOW})
        withdrawn = statement("analysis/withdraw_requests")
        connection.execute(withdrawn, {"company_id": company.id, "most": None, "reason": "Failed.", "now": NOW})
        failed = ids(
            connection,
            "SELECT sessions.import_id FROM ai_processing_requests AS requests JOIN sessions ON sessions.id = session_id"
            " WHERE processing_status = 'PROCESSING_FAILED'",
        )
    assert failed == {each for each, statuses in found.items() if S.FAILED in statuses[:ANALYSIS]}
