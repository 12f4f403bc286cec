-- Working companies with submitted sessions that a derivation can take on now, and how many. Those whose request is in flight
-- wait for its end. Of sessions that wait for their analysis the oldest are looked at: one without an open request was left by a
-- run that ended between its two steps, and comes to the front as the others are sent.
WITH undone AS (
    SELECT imports.company_id
    FROM session_processing_status AS creation
    JOIN session_imports AS imports ON imports.id = creation.import_id
    WHERE
        creation.stage = 'SESSION_CREATION'
        AND creation.status = 'PENDING'
        AND imports.source = 'api'
        AND imports.erased_at IS NULL
        AND EXISTS (
            SELECT 1
            FROM session_processing_status AS fetching
            WHERE
                fetching.import_id = imports.id
                AND fetching.stage = 'TRANSCRIPT_FETCH'
                AND fetching.status IN ('COMPLETED', 'SKIPPED')
        )
        AND NOT EXISTS (
            SELECT 1
            FROM sessions
            JOIN ai_processing_requests AS requests ON requests.subject_id = sessions.id
            WHERE sessions.import_id = imports.id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
        )
),

unasked AS (
    SELECT oldest.company_id
    FROM (
        SELECT
            imports.id,
            imports.company_id
        FROM session_processing_status AS analysis
        JOIN session_imports AS imports ON imports.id = analysis.import_id
        WHERE analysis.stage = 'AI_ANALYSIS' AND analysis.status = 'PENDING' AND imports.source = 'api'
        ORDER BY analysis.import_id
        LIMIT :oldest
    ) AS oldest
    JOIN sessions ON sessions.import_id = oldest.id
    JOIN session_processing_status AS creation
        ON
            creation.import_id = oldest.id
            AND creation.stage = 'SESSION_CREATION'
            AND creation.status = 'COMPLETED'
    WHERE
        NOT sessions.stale
        AND sessions.transcript_hash IS NOT NULL
        AND NOT EXISTS (
            SELECT 1
            FROM session_processing_status AS earlier
            WHERE
                earlier.import_id = oldest.id
                AND earlier.stage IN ('CSV_IMPORT', 'TRANSCRIPT_FETCH')
                AND earlier.status NOT IN ('COMPLETED', 'SKIPPED')
        )
        AND NOT EXISTS (
            SELECT 1
            FROM ai_processing_requests AS requests
            WHERE
                requests.subject_id = sessions.id
                AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
        )
)

SELECT
    companies.slug AS company,
    count(*) AS sessions
FROM (
    SELECT undone.company_id FROM undone
    UNION ALL
    SELECT unasked.company_id FROM unasked
) AS waiting
JOIN companies ON companies.id = waiting.company_id
WHERE companies.status = ANY(:working_companies)
GROUP BY companies.slug
ORDER BY companies.slug
