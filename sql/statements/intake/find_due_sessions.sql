-- Imports of one page whose session is to be made or made anew, with the size of their transcript (its length is known
-- without unpacking it). A transcript that could not be parsed waits until it or its row changes, or for a retry
-- (PENDING).
-- LATERAL with LIMIT: see find_due_transcripts.
SELECT
    imports.id AS import_id,
    coalesce(known.size, 0) AS size
FROM session_imports AS imports
CROSS JOIN
    LATERAL (
        SELECT stage_row.status
        FROM session_processing_status AS stage_row
        WHERE
            stage_row.import_id = imports.id
            AND stage_row.stage = 'TRANSCRIPT_FETCH'
            AND stage_row.status IN ('COMPLETED', 'SKIPPED')
        LIMIT 1
    ) AS fetching
LEFT JOIN LATERAL (
    SELECT
        transcripts.status,
        transcripts.sha256,
        octet_length(transcripts.content) AS size
    FROM transcripts
    WHERE transcripts.import_id = imports.id
    LIMIT 1
) AS known ON true
LEFT JOIN LATERAL (
    SELECT
        sessions.id,
        sessions.row_hash,
        sessions.transcript_sha256,
        sessions.stale
    FROM sessions
    WHERE sessions.import_id = imports.id
    LIMIT 1
) AS derived ON true
LEFT JOIN LATERAL (
    SELECT
        stage_row.status,
        stage_row.metadata
    FROM session_processing_status AS stage_row
    WHERE stage_row.import_id = imports.id AND stage_row.stage = 'SESSION_CREATION'
    LIMIT 1
) AS creation ON true
WHERE
    imports.company_id = :company_id
    AND imports.external_session_id > :after
    AND imports.external_session_id <= :until
    AND (
        derived.id IS null
        OR derived.row_hash <> imports.content_hash
        OR derived.transcript_sha256 IS DISTINCT FROM known.sha256
        OR derived.stale
        OR creation.status = 'PENDING'
    )
    AND NOT (
        coalesce(creation.status, 'PENDING') = 'FAILED'
        AND coalesce(creation.metadata ->> 'rowHash', '') = imports.content_hash
        AND creation.metadata ->> 'transcriptSha256' IS NOT DISTINCT FROM known.sha256
    )
    -- Of what was deleted, by age or on request, nothing is made any more.
    AND known.status IS DISTINCT FROM 'PRUNED'
    AND NOT coalesce(
        (
            SELECT messages.content IS null
            FROM messages
            WHERE messages.session_id = derived.id
            ORDER BY messages.position
            LIMIT 1
        ), false
    )
ORDER BY imports.external_session_id
