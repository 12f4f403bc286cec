-- Imports of one page whose transcript is to be fetched, or, without a URL, to be skipped: never tried or set back to
-- PENDING, a row that changed later, or a failed try whose time has come. A try without a next time waits for a person; where
-- the company's rules refused the address, `was_refused` has them asked again, which costs no fetch. LATERAL with LIMIT keeps
-- the plan at index look-ups for this page, whatever the planner believes about tables that have just grown.
SELECT
    imports.id AS import_id,
    nullif(btrim(imports.full_transcript_url), '') AS url,
    imports.content_hash AS row_hash,
    CASE WHEN known.url = btrim(imports.full_transcript_url) THEN known.etag END AS etag,
    known.sha256,
    coalesce(known.size, 0) AS size,
    known.next_attempt_at IS null
    AND coalesce(known.error_code = ANY(:refusals), false)
    AND known.row_hash = imports.content_hash
    AND coalesce(fetching.status, 'PENDING') <> 'PENDING' AS was_refused
FROM session_imports AS imports
LEFT JOIN LATERAL (
    SELECT
        transcripts.url,
        transcripts.status,
        transcripts.row_hash,
        transcripts.etag,
        transcripts.sha256,
        octet_length(transcripts.content) AS size,
        transcripts.error_code,
        transcripts.attempts,
        transcripts.next_attempt_at
    FROM transcripts
    WHERE transcripts.import_id = imports.id
    LIMIT 1
) AS known ON true
LEFT JOIN LATERAL (
    SELECT stage_row.status
    FROM session_processing_status AS stage_row
    WHERE stage_row.import_id = imports.id AND stage_row.stage = 'TRANSCRIPT_FETCH'
    LIMIT 1
) AS fetching ON true
WHERE
    imports.company_id = :company_id
    AND imports.external_session_id > :after
    AND imports.external_session_id <= :until
    AND CASE
        WHEN coalesce(btrim(imports.full_transcript_url), '') = ''
            THEN coalesce(fetching.status, 'PENDING') IN ('PENDING', 'FAILED')
        ELSE
            known.row_hash IS null
            OR known.row_hash <> imports.content_hash
            OR coalesce(fetching.status, 'PENDING') = 'PENDING'
            OR (
                known.error_code IS NOT null
                AND known.attempts < :max_attempts
                AND (known.next_attempt_at <= :now OR (known.next_attempt_at IS null AND known.error_code = ANY(:refusals)))
            )
    END
    -- What was deleted, by age or on request, does not come back.
    AND known.status IS DISTINCT FROM 'PRUNED'
    AND NOT coalesce(
        (
            SELECT messages.content IS null
            FROM sessions
            JOIN messages ON messages.session_id = sessions.id
            WHERE sessions.import_id = imports.id
            ORDER BY messages.position
            LIMIT 1
        ), false
    )
ORDER BY imports.external_session_id
