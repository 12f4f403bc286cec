-- The last statement of a settlement: results, partial ones too, have been ingested.
UPDATE ai_batch_requests
SET
    status = CASE status WHEN 'COMPLETED' THEN 'PROCESSED' ELSE status END,
    status_changed_at = CASE status WHEN 'COMPLETED' THEN CAST(:now AS timestamptz) ELSE status_changed_at END,
    processed_at = greatest(CAST(:now AS timestamptz), created_at),
    completed_at = coalesce(completed_at, greatest(CAST(:now AS timestamptz), created_at)),
    lease_until = NULL,
    lines_succeeded = totals.succeeded,
    lines_failed = totals.failed,
    lines_input_tokens = totals.input_tokens,
    lines_output_tokens = totals.output_tokens,
    lines_cached_tokens = totals.cached_tokens
FROM (
    SELECT
        count(*) FILTER (WHERE is_success) AS succeeded,
        count(line_order) FILTER (WHERE NOT is_success) AS failed,
        coalesce(sum(prompt_tokens), 0) AS input_tokens,
        coalesce(sum(completion_tokens), 0) AS output_tokens,
        coalesce(sum(cached_tokens), 0) AS cached_tokens
    FROM scratch_results
) AS totals
WHERE ai_batch_requests.id = :batch_id AND ai_batch_requests.processed_at IS NULL
