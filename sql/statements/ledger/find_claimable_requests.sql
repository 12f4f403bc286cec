-- What a claim of one company, model and kind may take, with the price that it sets aside. Included in the statements that claim,
-- preview and price, so that they cannot differ. A lock on it locks the requests alone: neither subjects nor companies.
SELECT
    requests.id,
    requests.body_bytes,
    requests.token_estimate,
    requests.transcript_hash,
    -- `Budget.of`; null where the price is unknown.
    CASE
        WHEN sizes.input_tokens > CAST(:long_context_tokens AS bigint)
            THEN greatest(
                CAST(:long_context_tokens AS bigint) * CAST(:eur_per_input_token AS numeric)
                + sizes.output_tokens * CAST(:eur_per_output_token AS numeric),
                sizes.input_tokens * CAST(:long_eur_per_input_token AS numeric)
                + sizes.output_tokens * CAST(:long_eur_per_output_token AS numeric)
            )
        ELSE
            sizes.input_tokens * CAST(:eur_per_input_token AS numeric)
            + sizes.output_tokens * CAST(:eur_per_output_token AS numeric)
    END AS reserved_eur
FROM ai_processing_requests AS requests
CROSS JOIN
    LATERAL (
        SELECT
            -- `stated_input_tokens`: the most that the service may count.
            ceil(
                requests.token_estimate * CAST(:stated_per_token AS numeric)
                + requests.body_bytes * CAST(:stated_per_byte AS numeric)
            )::bigint + CAST(:stated_fixed AS integer) AS input_tokens,
            -- What the lines of a batch ask for may be more than what the requests were built with.
            greatest(requests.max_output_tokens, CAST(:max_output_tokens AS integer)) AS output_tokens
    ) AS sizes
WHERE
    requests.company_id = :company_id
    AND requests.model = :model
    AND requests.processing_type = :processing_type
    AND requests.processing_status = 'PENDING_BATCHING'
    AND requests.prompt_version = :prompt_version
    -- OFFSET 0 keeps this apart from the statement around it: where rows are locked, everything that is joined is read whole, and
    -- each column of a subject that nobody asks for is a look-up more.
    AND EXISTS (
        SELECT 1
        FROM request_subject(requests.processing_type, requests.subject_id) AS subject
        WHERE subject.current_hash = requests.transcript_hash AND subject.is_claimable
        OFFSET 0
    )
    AND EXISTS (
        SELECT 1
        FROM companies
        WHERE companies.id = requests.company_id AND companies.status = ANY(:working_companies)
    )
