-- Brings the staged records of one company into its imports: new ones are inserted, those with another hash updated, the
-- rest is only compared. What a changed record fed is to be done again, save the analysis: that hangs on the messages.
-- Of a session that was erased on request nothing is taken in, and no text that was deleted by age comes back. A session that was
-- submitted through the API belongs to its submissions, whatever the CSV still says.
-- The changed are counted first, so that they are looked for before the new ones are in the table.
WITH changed AS (
    UPDATE session_imports AS known
    SET
        start_time_raw = stage.start_time_raw,
        end_time_raw = stage.end_time_raw,
        ip_address = stage.ip_address,
        country_code = stage.country_code,
        language = stage.language,
        messages_sent = stage.messages_sent,
        sentiment_raw = stage.sentiment_raw,
        escalated_raw = stage.escalated_raw,
        forwarded_hr_raw = stage.forwarded_hr_raw,
        full_transcript_url = stage.full_transcript_url,
        avg_response_time_seconds = stage.avg_response_time_seconds,
        tokens = stage.tokens,
        tokens_eur = stage.tokens_eur,
        category = stage.category,
        -- What was deleted by age stays deleted.
        (initial_message, unread, extra) = (
            SELECT
                CASE WHEN texts.are_deleted THEN known.initial_message ELSE stage.initial_message END,
                CASE WHEN texts.are_deleted THEN known.unread ELSE stage.unread END,
                CASE WHEN texts.are_deleted THEN known.extra ELSE stage.extra END
            FROM (
                SELECT
                    to_timestamp(stage.end_epoch) < CAST(:now AS timestamptz) - make_interval(
                        days => (
                            SELECT companies.message_retention_days FROM companies
                            WHERE companies.id = :company_id
                        )
                    )
                    OR (
                        EXISTS (
                            SELECT 1 FROM prune_runs
                            WHERE prune_runs.company_id = :company_id
                        )
                        AND (
                            SELECT messages.content IS NULL
                            FROM sessions
                            JOIN messages ON messages.session_id = sessions.id
                            WHERE sessions.import_id = known.id
                            ORDER BY messages.position
                            LIMIT 1
                        )
                    ) AS are_deleted
            ) AS texts
        ),
        start_time = to_timestamp(stage.start_epoch),
        end_time = to_timestamp(stage.end_epoch),
        country = stage.country,
        language_code = stage.language_code,
        sentiment_score = stage.sentiment_score,
        escalated = stage.escalated,
        forwarded_hr = stage.forwarded_hr,
        source = 'csv',
        content_hash = stage.content_hash,
        import_run_id = :import_run_id,
        updated_at = :now
    FROM scratch_imports AS stage
    WHERE
        known.company_id = :company_id
        AND known.external_session_id = stage.external_session_id
        AND known.content_hash <> stage.content_hash
        AND known.erased_at IS NULL
        AND known.source = 'csv'
    RETURNING known.id
),

added AS (
    INSERT INTO session_imports (
        company_id, external_session_id, start_time_raw, end_time_raw, ip_address, country_code, language,
        messages_sent, sentiment_raw, escalated_raw, forwarded_hr_raw, full_transcript_url, avg_response_time_seconds,
        tokens, tokens_eur, category, initial_message, start_time, end_time, country, language_code, sentiment_score,
        escalated, forwarded_hr, unread, extra, content_hash, import_run_id, created_at, updated_at
    )
    SELECT
        :company_id,
        stage.external_session_id,
        stage.start_time_raw,
        stage.end_time_raw,
        stage.ip_address,
        stage.country_code,
        stage.language,
        stage.messages_sent,
        stage.sentiment_raw,
        stage.escalated_raw,
        stage.forwarded_hr_raw,
        stage.full_transcript_url,
        stage.avg_response_time_seconds,
        stage.tokens,
        stage.tokens_eur,
        stage.category,
        stage.initial_message,
        to_timestamp(stage.start_epoch),
        to_timestamp(stage.end_epoch),
        stage.country,
        stage.language_code,
        stage.sentiment_score,
        stage.escalated,
        stage.forwarded_hr,
        stage.unread,
        stage.extra,
        stage.content_hash,
        :import_run_id,
        :now,
        :now
    FROM scratch_imports AS stage
    WHERE
        NOT EXISTS (
            SELECT 1
            FROM session_imports AS known
            WHERE known.company_id = :company_id AND known.external_session_id = stage.external_session_id
        )
    -- Submitted meanwhile: then it belongs to its submission as if that had come before.
    ON CONFLICT (company_id, external_session_id) DO NOTHING
    RETURNING id
),

imported AS (
    INSERT INTO session_processing_status (import_id, stage, status, started_at, completed_at)
    SELECT
        added.id,
        'CSV_IMPORT',
        'COMPLETED',
        :now,
        :now
    FROM added
),

set_back AS (
    UPDATE session_processing_status AS stage_row
    SET
        status = 'PENDING',
        retry_count = 0,
        error_message = NULL,
        started_at = NULL,
        completed_at = NULL,
        metadata = '{}'
    FROM changed
    WHERE
        stage_row.import_id = changed.id
        AND stage_row.stage IN ('TRANSCRIPT_FETCH', 'SESSION_CREATION')
        -- Nothing is fetched or derived again whose texts were deleted.
        AND CASE
            WHEN
                EXISTS (
                    SELECT 1 FROM prune_runs
                    WHERE prune_runs.company_id = :company_id
                )
                THEN
                    coalesce(
                        (
                            SELECT transcripts.status <> 'PRUNED' FROM transcripts
                            WHERE transcripts.import_id = changed.id
                        ), TRUE
                    )
                    AND coalesce(
                        (
                            SELECT messages.content IS NOT NULL
                            FROM sessions
                            JOIN messages ON messages.session_id = sessions.id
                            WHERE sessions.import_id = changed.id
                            ORDER BY messages.position
                            LIMIT 1
                        ), TRUE
                    )
            ELSE TRUE
        END
)

SELECT
    (SELECT count(*) FROM changed) AS rows_changed,
    (SELECT count(*) FROM added) AS rows_new
