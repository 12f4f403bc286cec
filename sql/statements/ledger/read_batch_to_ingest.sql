SELECT
    batches.id,
    batches.company_id,
    companies.slug AS company,
    batches.model,
    batches.processing_type,
    batches.status,
    lower(batches.openai_status) AS remote_status,
    batches.openai_batch_id AS remote_batch_id,
    batches.key_fingerprint,
    batches.output_file_id,
    batches.error_file_id,
    batches.token_estimate,
    batches.request_count,
    batches.reported_total,
    batches.reported_completed,
    batches.reported_failed,
    batches.usage,
    batches.errors,
    batches.error_code,
    batches.error_message,
    batches.next_ingest_at,
    coalesce(batches.submitted_at, batches.created_at) AS submitted_at,
    batches.status_changed_at AS ended_at
FROM ai_batch_requests AS batches
JOIN companies ON companies.id = batches.company_id
WHERE
    batches.id = :batch_id
    AND (batches.processed_at IS NOT NULL) = :settled
    AND batches.status <> ALL(:live_batches)
