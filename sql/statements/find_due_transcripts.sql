-- Imports of one page whose transcript is to be fetched, or, without a URL, to be skipped: never tried or set back to
-- PENDING, a row that changed later, or a failed try whose time has come. LATERAL with LIMIT keeps the plan at index
-- look-ups for this page, whatever the planner believes about tables that have just grown.
SELECT
    imports.id AS import_id,
    nullif(btrim(imports.full_transcript_url), '') AS url,
    imports.content_hash AS row_hash,
    CASE WHEN known.url = btrim(imports.full_transcript_url) THEN known.etag END AS etag,
    known.sha256,
    coalesce(known.size, 0) AS size
FROM session_imports AS imports
LEFT JOIN LATERAL (
    SELECT
        transcripts.url,
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
                AND known.next_attempt_at <= :now
            )
    END
ORDER BY imports.external_session_id
