"""A second kind of request, about parcels in a table of their own: no line of the ledger knows it, nor any of the first kind.

It asks what the analysis asks, so that the local server answers it. What a migration of a new kind does stands in `INSTALL`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from livedash_pipeline.analysis.rules.answer_reading import read_analysis
from livedash_pipeline.analysis.rules.prompt import transcript_data
from livedash_pipeline.analysis.rules.request_lines import line_frame
from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.intake.rules.messages import Message
from livedash_pipeline.ledger.rules.admission.nothing_sent import Subjects
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer

INSTALL = """
CREATE TABLE parcels (
    id uuid PRIMARY KEY DEFAULT livedash_uuid7(),
    company_id uuid NOT NULL REFERENCES companies (id),
    contents text NOT NULL,
    asked_at timestamptz,
    failed text,
    answered text,
    language text
);
ALTER TABLE ai_processing_requests
    ADD COLUMN parcel_id uuid REFERENCES parcels (id),
    DROP COLUMN subject_id,
    DROP CONSTRAINT ck_ai_processing_requests_one_subject,
    ADD CONSTRAINT ck_ai_processing_requests_one_subject CHECK (num_nonnulls(session_id, parcel_id) = 1);
ALTER TABLE ai_processing_requests
    ADD COLUMN subject_id uuid NOT NULL GENERATED ALWAYS AS (coalesce(session_id, parcel_id)) STORED;
CREATE UNIQUE INDEX uq_ai_processing_requests_open ON ai_processing_requests (subject_id, processing_type)
    WHERE processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS');
CREATE INDEX ix_ai_processing_requests_subject_id_requested_at ON ai_processing_requests (subject_id, requested_at);
CREATE VIEW parcel_weight_subjects AS
    SELECT id AS subject_id, md5(contents) AS current_hash, true AS is_claimable,
        answered IS DISTINCT FROM md5(contents) AS is_requeueable, false AS is_erased
    FROM parcels;
CREATE OR REPLACE FUNCTION request_subject(processing_type text, subject_id uuid)
RETURNS TABLE (current_hash text, is_claimable boolean, is_requeueable boolean, is_erased boolean)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT s.current_hash, s.is_claimable, s.is_requeueable, s.is_erased FROM session_analysis_subjects AS s
    WHERE $1 = 'session_analysis' AND s.subject_id = $2
    UNION ALL
    SELECT s.current_hash, s.is_claimable, s.is_requeueable, s.is_erased FROM parcel_weight_subjects AS s
    WHERE $1 = 'parcel_weight' AND s.subject_id = $2
$$;
"""
_REWRITE = text("""
    UPDATE ai_processing_requests AS requests SET transcript_hash = md5(contents), input_hash = md5(contents)
    FROM parcels WHERE parcels.id = parcel_id AND processing_status = 'PENDING_BATCHING'
        AND requests.company_id = :company_id AND transcript_hash <> md5(contents)
""")
_ASK = text("""
    INSERT INTO ai_processing_requests (parcel_id, company_id, processing_type, model, prompt_version, transcript_hash,
        input_hash, body_bytes, token_estimate, max_output_tokens, requested_at, updated_at)
    SELECT id, company_id, 'parcel_weight', :model, '1', md5(contents), md5(contents), 2000, 1000, 4000, :now, :now
    FROM parcels WHERE company_id = :company_id AND answered IS DISTINCT FROM md5(contents)
        AND failed IS DISTINCT FROM md5(contents)
    ON CONFLICT (subject_id, processing_type) WHERE processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    DO NOTHING
""")
_LOCK = text("""
    SELECT parcels.id FROM parcels JOIN ai_processing_requests AS requests ON requests.parcel_id = parcels.id
    JOIN ai_request_attempts AS attempts ON attempts.request_id = requests.id AND attempts.batch_id = :batch_id
    ORDER BY parcels.id FOR NO KEY UPDATE OF parcels
""")
_START = text(
    "UPDATE parcels SET asked_at = :now FROM ai_processing_requests WHERE parcel_id = parcels.id AND batch_id = :id"
)
_LINES = text("""
    SELECT requests.id, parcels.id, contents, transcript_hash = md5(contents)
    FROM ai_processing_requests AS requests JOIN parcels ON parcels.id = parcel_id
    WHERE batch_id = :batch_id ORDER BY requests.id
""")
# What came of requests, written to their parcels: of a batch, or of those named.
_APPLY = text("""
    UPDATE parcels SET asked_at = NULL,
        answered = CASE processing_status WHEN 'PROCESSING_COMPLETE' THEN transcript_hash ELSE answered END,
        language = CASE processing_status WHEN 'PROCESSING_COMPLETE' THEN parsed_answer ->> 'language' ELSE language END,
        failed = CASE processing_status WHEN 'PROCESSING_FAILED' THEN transcript_hash ELSE failed END
    FROM ai_processing_requests AS requests
    WHERE parcel_id = parcels.id AND (requests.id = ANY(:ids)
        OR requests.id IN (SELECT request_id FROM ai_request_attempts WHERE batch_id = :batch_id))
""")
_WAIT = text("""
    UPDATE parcels SET failed = NULL FROM ai_processing_requests AS requests
    WHERE parcel_id = parcels.id AND requests.id = ANY(:ids)
""")
_COUNT = text("""
    SELECT count(*), count(*) FILTER (WHERE answered IS DISTINCT FROM md5(contents)) FROM parcels
    WHERE CAST(:company_id AS uuid) IS NULL OR company_id = :company_id
""")


@dataclass(frozen=True)
class ParcelWeight:
    """What the ledger asks of it; see `RequestKind`."""

    name: str = "parcel_weight"

    def version(self) -> str:
        return "1"

    def outdated_companies(
        self, connection: Connection, *, default_model: str, company_id: UUID | None = None
    ) -> list[Company]:
        return []

    def bring_up_to_date(
        self,
        engine: Engine,
        company: Company,
        *,
        default_model: str,
        count_tokens: Callable[[str], int],
        clock: Callable[[Connection], datetime],
    ) -> None:
        with engine.begin() as connection:
            connection.execute(_REWRITE, {"company_id": company.id})

    def drop_lost_inputs(self, connection: Connection, company_id: UUID, *, now: datetime) -> tuple[int, int]:
        return 0, 0

    def take_kept_answers(self, engine: Engine, company_id: UUID) -> int:
        return 0

    def count_subjects(self, connection: Connection, company_id: UUID | None) -> Subjects:
        total, waiting = connection.execute(_COUNT, {"company_id": company_id}).one()
        return Subjects("parcel", total, waiting, "no parcel came", "its weight")

    def start(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        connection.execute(_START, {"id": batch_id, "now": now})

    def lock_subjects(self, connection: Connection, batch_id: UUID) -> None:
        connection.execute(_LOCK, {"batch_id": batch_id})

    def fail(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        self._apply(connection, ids=request_ids)

    def wait_again(self, connection: Connection, request_ids: Sequence[UUID]) -> None:
        connection.execute(_WAIT, {"ids": list(request_ids)})

    def lines(
        self, engine: Engine, batch_id: UUID, model: str, parameters: dict[str, Any]
    ) -> Generator[tuple[UUID, bytes | None]]:
        with engine.connect() as connection:
            for request_id, parcel_id, contents, is_current in connection.execute(_LINES, {"batch_id": batch_id}):
                said = [Message("user", contents, None)]
                data = transcript_data(parcel_id, said)
                yield request_id, line_frame(model, parameters).line(request_id, data) if is_current else None

    def fixed_bytes(self, model: str, parameters: dict[str, Any] | None) -> int:
        return line_frame(model, parameters).fixed_bytes

    def give_up_lost_inputs(
        self, connection: Connection, company_id: UUID, request_ids: Sequence[UUID], *, now: datetime
    ) -> None:
        """Parcels are never deleted: a changed one is asked about anew."""

    def read_answer(self, text: str, subject_id: str) -> UsableAnswer | UnusableAnswer:
        return read_analysis(text, subject_id)

    def apply_batch(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        self._apply(connection, batch_id=batch_id)

    def details(self, connection: Connection, batch_id: UUID) -> Mapping[str, int]:
        return {}

    def apply_kept(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> int:
        return self._apply(connection, ids=request_ids)

    def fail_late(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        self._apply(connection, ids=request_ids)

    def _apply(self, connection: Connection, *, batch_id: UUID | None = None, ids: Sequence[UUID] = ()) -> int:
        return connection.execute(_APPLY, {"batch_id": batch_id, "ids": list(ids)}).rowcount


def ask_about_parcels(connection: Connection, company_id: UUID, *, model: str, now: datetime) -> None:
    """Gives unclaimed requests the present contents, and every parcel that waits a request."""
    connection.execute(_REWRITE, {"company_id": company_id})
    connection.execute(_ASK, {"company_id": company_id, "model": model, "now": now})
