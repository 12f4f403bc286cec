-- Imports of one page that are old enough for one of three kinds of text, and still have it. What is under way is never touched:
-- an open request, messages that are to be derived anew, or a row that an import is just changing. A text is needed until the
-- stages that read it are done: COMPLETED, FAILED, SKIPPED, or PENDING behind a FAILED one.
CREATE TEMPORARY TABLE scratch_prunable_sessions ON COMMIT DROP AS
SELECT
    imports.id AS import_id,
    sessions.id AS session_id,
    coalesce(
        stages.is_derived
        AND coalesce(sessions.end_time, imports.end_time) < CAST(:transcripts_before AS timestamptz)
        -- A newer transcript waits to be derived, unless that was refused or its session has lost its messages.
        AND (
            stages.creation IS DISTINCT FROM 'COMPLETED'
            OR known.sha256 IS NOT DISTINCT FROM sessions.transcript_sha256
            OR first_message.is_deleted
        ), false
    ) AS prunes_transcript,
    coalesce(
        stages.is_analysed
        AND coalesce(sessions.end_time, imports.end_time) < CAST(:messages_before AS timestamptz), false
    ) AS prunes_messages,
    coalesce(
        stages.is_analysed
        AND coalesce(sessions.end_time, imports.end_time) < CAST(:answers_before AS timestamptz), false
    ) AS prunes_answers
FROM session_imports AS imports
LEFT JOIN sessions ON sessions.import_id = imports.id
LEFT JOIN transcripts AS known ON known.import_id = imports.id
LEFT JOIN LATERAL (
    SELECT messages.content IS null AS is_deleted
    FROM messages
    WHERE messages.session_id = sessions.id
    ORDER BY messages.position
    LIMIT 1
) AS first_message ON true
CROSS JOIN
    LATERAL (
        SELECT
            max(judged.status) FILTER (WHERE judged.name = 'SESSION_CREATION') AS creation,
            coalesce(bool_and(judged.is_done) FILTER (WHERE judged.position <= judged.creation_position), true) AS is_derived,
            coalesce(bool_and(judged.is_done), true) AS is_analysed
        FROM (
            SELECT
                processing_stages.name,
                processing_stages.position,
                stage_row.status,
                max(CASE processing_stages.name WHEN 'SESSION_CREATION' THEN processing_stages.position END)
                    OVER () AS creation_position,
                CASE coalesce(stage_row.status, 'PENDING')
                    WHEN 'IN_PROGRESS' THEN false
                    WHEN 'PENDING'
                        THEN
                            coalesce(
                                bool_or(stage_row.status = 'FAILED') OVER (
                                    ORDER BY processing_stages.position
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                                ), false
                            )
                    ELSE true
                END AS is_done
            FROM processing_stages
            LEFT JOIN session_processing_status AS stage_row
                ON stage_row.import_id = imports.id AND stage_row.stage = processing_stages.name
        ) AS judged
    ) AS stages
WHERE
    imports.company_id = :company_id
    AND imports.external_session_id > :after
    AND imports.external_session_id <= :until
    AND imports.erased_at IS null
    AND NOT coalesce(sessions.stale, false)
    AND (
        (
            coalesce(sessions.end_time, imports.end_time) < CAST(:transcripts_before AS timestamptz)
            AND known.status = 'FETCHED'
        )
        OR (
            coalesce(sessions.end_time, imports.end_time) < CAST(:messages_before AS timestamptz)
            AND (
                imports.initial_message IS NOT null
                OR imports.unread IS NOT null
                OR imports.extra IS NOT null
                OR sessions.initial_msg IS NOT null
                OR NOT first_message.is_deleted
            )
        )
        OR (
            coalesce(sessions.end_time, imports.end_time) < CAST(:answers_before AS timestamptz)
            AND EXISTS (
                SELECT 1 FROM ai_processing_requests AS answered
                WHERE
                    answered.session_id = sessions.id
                    AND (answered.raw_answer IS NOT null OR answered.parsed_answer IS NOT null)
            )
        )
    )
    AND NOT EXISTS (
        SELECT 1 FROM ai_processing_requests AS requests
        WHERE
            requests.subject_id = sessions.id
            AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
    )
FOR NO KEY UPDATE OF imports SKIP LOCKED
