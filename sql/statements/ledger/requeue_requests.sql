-- Failed requests wait again, with both allowances restarted: only the newest of a subject, only when none is open and the
-- subject may still be asked about (`ledger/rules/admission/requeue.py`). The rest is counted, not changed. The status that is
-- expected comes from the rows above and is no constant: after an outage the planner believes for a while that none has failed,
-- and reads them all once per row.
WITH asked AS (
    SELECT DISTINCT given.id
    FROM unnest(CAST(:request_ids AS uuid[])) AS given (id)
),

found AS (
    SELECT
        requests.id,
        requests.subject_id,
        requests.processing_type,
        requests.processing_status,
        requests.requested_at
    FROM ai_processing_requests AS requests
    JOIN asked ON asked.id = requests.id
    WHERE CAST(:company_id AS uuid) IS NULL OR requests.company_id = :company_id
    ORDER BY requests.id
    FOR UPDATE OF requests
),

eligible AS (
    SELECT
        found.id,
        found.processing_type,
        found.processing_status
    FROM found
    CROSS JOIN LATERAL request_subject(found.processing_type, found.subject_id) AS subject
    WHERE
        found.processing_status = 'PROCESSING_FAILED'
        AND subject.is_requeueable
        AND NOT EXISTS (
            SELECT 1
            FROM ai_processing_requests AS other
            WHERE
                other.subject_id = found.subject_id
                AND other.processing_type = found.processing_type
                AND (
                    -- Not by id alone: requests of a system that was taken over keep their ids, which do not grow with time.
                    (other.requested_at, other.id) > (found.requested_at, found.id)
                    OR other.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
                )
        )
),

requeued AS (
    UPDATE ai_processing_requests AS requests
    SET
        processing_status = 'PENDING_BATCHING',
        batch_id = NULL,
        attempts_before_requeue = requests.attempts,
        releases_before_requeue = requests.releases,
        error_code = NULL,
        error_message = NULL,
        completed_at = NULL,
        updated_at = :now
    FROM eligible
    WHERE requests.id = eligible.id AND requests.processing_status = eligible.processing_status AND NOT :dry_run
)

SELECT
    (SELECT count(*) FROM asked) AS asked,
    (SELECT count(*) FROM found) AS found,
    -- As a list for each kind, whose subjects wait again with them.
    (
        SELECT coalesce(json_object_agg(by_kind.processing_type, by_kind.ids), '{}')
        FROM (
            SELECT
                eligible.processing_type,
                array_agg(eligible.id ORDER BY eligible.id) AS ids
            FROM eligible
            GROUP BY eligible.processing_type
        ) AS by_kind
    ) AS eligible
