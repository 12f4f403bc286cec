-- Pairs that nobody has asked this model about, with the request of each; those that are known stay as they are.
WITH named AS (
    SELECT *
    FROM
        unnest(
            CAST(:pair_hashes AS text[]),
            CAST(:content_hashes AS text[]),
            CAST(:turns_a AS uuid[]),
            CAST(:turns_b AS uuid[]),
            CAST(:body_bytes AS integer[]),
            CAST(:token_estimates AS integer[])
        ) AS given (pair_hash, content_hash, turn_a_id, turn_b_id, body_bytes, token_estimate)
),

made AS (
    INSERT INTO chat_judgements (
        company_id, pair_hash, model, prompt_version, turn_a_id, turn_b_id, requested_at
    )
    SELECT
        CAST(:company_id AS uuid),
        named.pair_hash,
        :model,
        :prompt_version,
        named.turn_a_id,
        named.turn_b_id,
        :now
    FROM named
    ON CONFLICT (company_id, pair_hash, model, prompt_version) DO NOTHING
    RETURNING id, pair_hash
)

INSERT INTO ai_processing_requests (
    chat_judgement_id, company_id, processing_type, model, prompt_version, transcript_hash, input_hash, body_bytes,
    token_estimate, max_output_tokens, requested_at, updated_at
)
SELECT
    made.id,
    CAST(:company_id AS uuid),
    'chat_judgement',
    :model,
    :prompt_version,
    named.content_hash,
    named.content_hash,
    named.body_bytes,
    named.token_estimate,
    :max_output_tokens,
    :now,
    :now
FROM made
JOIN named ON named.pair_hash = made.pair_hash
