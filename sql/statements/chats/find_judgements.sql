-- What a model has said of pairs of a company's answers, or that it has not yet.
SELECT
    judgements.pair_hash,
    judgements.verdict,
    judgements.error_code,
    judgements.cost_usd,
    judgements.cost_eur,
    judgements.unpriced_tries
FROM chat_judgements AS judgements
WHERE
    judgements.company_id = :company_id
    AND judgements.pair_hash = ANY(CAST(:pair_hashes AS text[]))
    AND judgements.model = :model
    AND judgements.prompt_version = :prompt_version
