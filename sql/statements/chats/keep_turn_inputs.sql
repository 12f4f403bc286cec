-- What turns are about to show the model.
UPDATE chat_interactions AS turns
SET input_hash = built.input_hash, sources = CAST(built.sources AS jsonb), started_at = :now
FROM
    unnest(CAST(:turn_ids AS uuid[]), CAST(:input_hashes AS text[]), CAST(:sources AS text[]))
        AS built (turn_id, input_hash, sources)
WHERE turns.id = built.turn_id AND turns.outcome_code IS NULL
