-- What came of requests, written to their judgements: those of a batch of the ledger, or those named. A verdict is written once.
-- What a judgement cost is all that was paid for its tries.
UPDATE chat_judgements AS judgements
SET
    verdict = CASE WHEN asked.processing_status = 'PROCESSING_COMPLETE' THEN asked.parsed_answer ->> 'verdict' END,
    error_code = CASE WHEN asked.processing_status = 'PROCESSING_FAILED' THEN coalesce(asked.error_code, 'failed') END,
    cost_usd = paid.cost_usd,
    cost_eur = paid.cost_eur,
    unpriced_tries = paid.unpriced_tries,
    judged_at = greatest(CAST(:now AS timestamptz), judgements.requested_at)
FROM ai_processing_requests AS asked
CROSS JOIN
    LATERAL (
        SELECT
            coalesce(sum(tries.total_cost_usd), 0) AS cost_usd,
            coalesce(sum(tries.total_cost_eur), 0) AS cost_eur,
            count(*) FILTER (WHERE tries.outcome = ANY(:charged_outcomes) AND tries.total_cost_eur IS NULL) AS unpriced_tries
        FROM ai_request_attempts AS tries
        WHERE tries.request_id = asked.id
    ) AS paid
WHERE
    judgements.id = asked.chat_judgement_id
    AND asked.processing_type = 'chat_judgement'
    AND asked.processing_status IN ('PROCESSING_COMPLETE', 'PROCESSING_FAILED')
    AND judgements.verdict IS NULL
    AND (
        asked.id = ANY(CAST(:request_ids AS uuid[]))
        OR asked.id IN (
            SELECT tried.request_id
            FROM ai_request_attempts AS tried
            WHERE tried.batch_id = CAST(:batch_id AS uuid)
        )
    )
