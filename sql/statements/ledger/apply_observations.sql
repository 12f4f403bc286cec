-- What the service says about batches, all in one statement. A status moves only where the table of moves allows it; an
-- observation that would take a batch backwards is ignored whole, with its words and counts, and so is one without a status of
-- ours about a batch that has ended. `:moves` is `base.rules.states.BATCH_MOVES` as {from: [to, ...]}.
WITH observed AS (
    SELECT *
    FROM jsonb_to_recordset(CAST(:observations AS jsonb)) AS seen (
        openai_batch_id text,
        status text,
        openai_status text,
        output_file_id text,
        error_file_id text,
        expires_at timestamptz,
        completed_at timestamptz,
        reported_total integer,
        reported_completed integer,
        reported_failed integer,
        usage jsonb,
        errors jsonb,
        error_code text,
        error_message text
    )
),

before AS (
    SELECT
        batches.id,
        batches.status,
        batches.openai_status,
        batches.openai_batch_id
    FROM ai_batch_requests AS batches
    JOIN observed ON observed.openai_batch_id = batches.openai_batch_id
    WHERE batches.processed_at IS NULL AND batches.endpoint = :endpoint
    ORDER BY batches.id
    FOR UPDATE OF batches SKIP LOCKED
),

judged AS (
    SELECT
        before.id,
        before.status AS status_before,
        before.openai_status AS openai_status_before,
        coalesce(observed.status, before.status) AS next_status,
        observed.*
    FROM before
    JOIN observed ON observed.openai_batch_id = before.openai_batch_id
    WHERE
        observed.status = before.status
        OR jsonb_exists(CAST(:moves AS jsonb) -> before.status, observed.status)
        OR (observed.status IS NULL AND before.status <> ALL(:ended_batches))
),

updated AS (
    UPDATE ai_batch_requests AS batches
    SET
        status = judged.next_status,
        status_changed_at = CASE
            WHEN batches.status <> judged.next_status THEN CAST(:now AS timestamptz) ELSE batches.status_changed_at
        END,
        openai_status = judged.openai_status,
        output_file_id = coalesce(judged.output_file_id, batches.output_file_id),
        error_file_id = coalesce(judged.error_file_id, batches.error_file_id),
        expires_at = coalesce(judged.expires_at, batches.expires_at),
        completed_at = CASE
            WHEN judged.next_status = ANY(:ended_batches)
                THEN greatest(
                    coalesce(judged.completed_at, batches.completed_at, CAST(:now AS timestamptz)), batches.created_at
                )
            ELSE batches.completed_at
        END,
        reported_total = coalesce(judged.reported_total, batches.reported_total),
        reported_completed = coalesce(judged.reported_completed, batches.reported_completed),
        reported_failed = coalesce(judged.reported_failed, batches.reported_failed),
        usage = coalesce(judged.usage, batches.usage),
        errors = coalesce(judged.errors, batches.errors),
        error_code = coalesce(judged.error_code, batches.error_code),
        error_message = coalesce(judged.error_message, batches.error_message),
        changed_at = :now,
        not_found_since = NULL
    FROM judged
    WHERE
        batches.id = judged.id
        AND batches.status = judged.status_before
        AND (
            batches.status <> judged.next_status
            OR batches.openai_status IS DISTINCT FROM judged.openai_status
            OR batches.reported_completed IS DISTINCT FROM coalesce(judged.reported_completed, batches.reported_completed)
            OR batches.reported_failed IS DISTINCT FROM coalesce(judged.reported_failed, batches.reported_failed)
            OR batches.reported_total IS DISTINCT FROM coalesce(judged.reported_total, batches.reported_total)
            OR batches.output_file_id IS DISTINCT FROM coalesce(judged.output_file_id, batches.output_file_id)
            OR batches.error_file_id IS DISTINCT FROM coalesce(judged.error_file_id, batches.error_file_id)
            OR batches.usage IS DISTINCT FROM coalesce(judged.usage, batches.usage)
            OR batches.not_found_since IS NOT NULL
        )
    RETURNING
        batches.id,
        batches.company_id,
        batches.model,
        batches.openai_batch_id,
        batches.request_count,
        judged.status_before,
        judged.openai_status_before,
        batches.status,
        batches.openai_status
)

SELECT
    updated.*,
    companies.slug AS company
FROM updated
JOIN companies ON companies.id = updated.company_id
WHERE
    updated.status <> updated.status_before
    OR updated.openai_status IS DISTINCT FROM updated.openai_status_before
ORDER BY updated.id
