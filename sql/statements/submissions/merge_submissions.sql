-- Brings the staged sessions of one company into its imports, with their messages as the content of a transcript that is there
-- already, so that the next derivation makes sessions of them. What is the same is only compared. A session that was erased, or
-- whose texts were deleted by age, stays as it is. A session that a CSV brought before belongs to the submission from now on.
WITH compared AS MATERIALIZED (
    SELECT
        staged.position,
        staged.external_session_id,
        CASE
            WHEN known.id IS NULL THEN 'created'
            WHEN known.erased_at IS NOT NULL THEN 'erased'
            WHEN known.content_hash = staged.content_hash THEN 'unchanged'
            WHEN
                EXISTS (
                    SELECT 1 FROM transcripts
                    WHERE transcripts.import_id = known.id AND transcripts.status = 'PRUNED'
                )
                OR EXISTS (
                    SELECT 1
                    FROM sessions
                    JOIN messages ON messages.session_id = sessions.id
                    WHERE sessions.import_id = known.id AND messages.content IS NULL
                )
                THEN 'texts_deleted'
            ELSE 'updated'
        END AS outcome
    FROM scratch_submissions AS staged
    LEFT JOIN session_imports AS known
        ON known.company_id = :company_id AND known.external_session_id = staged.external_session_id
),

merged AS (
    -- An import of the company's CSV may add the same id meanwhile: then there is a conflict, and the submission counts.
    INSERT INTO session_imports AS known (
        company_id, external_session_id, start_time_raw, end_time_raw, ip_address, country_code, language, start_time, end_time,
        country, language_code, source, content_hash, created_at, updated_at
    )
    SELECT
        :company_id,
        staged.external_session_id,
        staged.start_time_raw,
        staged.end_time_raw,
        staged.ip_address,
        staged.country_code,
        staged.language,
        staged.start_time,
        staged.end_time,
        staged.country,
        staged.language_code,
        'api',
        staged.content_hash,
        :now,
        :now
    FROM scratch_submissions AS staged
    JOIN compared ON compared.position = staged.position
    WHERE compared.outcome IN ('created', 'updated')
    ORDER BY staged.external_session_id
    ON CONFLICT (company_id, external_session_id) DO UPDATE
        SET
            start_time_raw = excluded.start_time_raw,
            end_time_raw = excluded.end_time_raw,
            ip_address = excluded.ip_address,
            country_code = excluded.country_code,
            language = excluded.language,
            start_time = excluded.start_time,
            end_time = excluded.end_time,
            country = excluded.country,
            language_code = excluded.language_code,
            source = excluded.source,
            content_hash = excluded.content_hash,
            import_run_id = NULL,
            -- What only a CSV tells.
            messages_sent = NULL,
            sentiment_raw = NULL,
            escalated_raw = NULL,
            forwarded_hr_raw = NULL,
            full_transcript_url = NULL,
            avg_response_time_seconds = NULL,
            tokens = NULL,
            tokens_eur = NULL,
            category = NULL,
            initial_message = NULL,
            sentiment_score = NULL,
            escalated = NULL,
            forwarded_hr = NULL,
            updated_at = excluded.updated_at
        -- Compared before anybody could erase it meanwhile.
        WHERE known.erased_at IS NULL
    RETURNING known.id, known.external_session_id
),

stored AS (
    INSERT INTO transcripts (
        import_id, url, row_hash, status, content, sha256, replaced_characters, fetched_at, updated_at
    )
    SELECT
        merged.id,
        :url,
        staged.content_hash,
        'FETCHED',
        staged.content,
        staged.sha256,
        staged.replaced,
        :now,
        :now
    FROM merged
    JOIN scratch_submissions AS staged ON staged.external_session_id = merged.external_session_id
    ORDER BY merged.id
    ON CONFLICT (import_id) DO UPDATE
        SET
            url = excluded.url,
            row_hash = excluded.row_hash,
            status = excluded.status,
            content = excluded.content,
            sha256 = excluded.sha256,
            etag = NULL,
            replaced_characters = excluded.replaced_characters,
            error_code = NULL,
            error_message = NULL,
            attempts = 0,
            next_attempt_at = NULL,
            fetched_at = excluded.fetched_at,
            updated_at = excluded.updated_at
        WHERE transcripts.status <> 'PRUNED'
),

stages AS (
    -- The row of the third stage is what `submission_sensor` finds; the others are over, whatever they were before.
    INSERT INTO session_processing_status (import_id, stage, status, started_at, completed_at)
    SELECT
        merged.id,
        reached.stage,
        reached.status,
        CASE WHEN reached.status = 'COMPLETED' THEN CAST(:now AS timestamptz) END,
        CASE WHEN reached.status = 'COMPLETED' THEN CAST(:now AS timestamptz) END
    FROM merged
    CROSS JOIN (
        VALUES ('CSV_IMPORT', 'COMPLETED'), ('TRANSCRIPT_FETCH', 'COMPLETED'), ('SESSION_CREATION', 'PENDING')
    ) AS reached (stage, status)
    ORDER BY merged.id, reached.stage
    ON CONFLICT (import_id, stage) DO UPDATE
        SET
            status = excluded.status,
            error_message = NULL,
            retry_count = 0,
            started_at = excluded.started_at,
            completed_at = excluded.completed_at,
            metadata = '{}'
),

waiting AS (
    -- So that the sensor finds sessions for which no request was made. Whether messages that changed are analysed again is
    -- decided by the derivation.
    INSERT INTO session_processing_status (import_id, stage)
    SELECT
        merged.id,
        'AI_ANALYSIS'
    FROM merged
    ORDER BY merged.id
    ON CONFLICT (import_id, stage) DO NOTHING
)

SELECT
    compared.position,
    compared.outcome
FROM compared
ORDER BY compared.position
