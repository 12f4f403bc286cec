-- The batches that were made of input files: of their present one, or, where no batch has it now, of one that was given up.
SELECT DISTINCT ON (made_of.input_file_id)
    made_of.input_file_id,
    made_of.batch_id
FROM (
    SELECT
        batches.input_file_id,
        batches.id AS batch_id,
        FALSE AS is_earlier
    FROM ai_batch_requests AS batches
    WHERE batches.endpoint = :endpoint AND batches.input_file_id = ANY(:input_file_ids)
    UNION ALL
    SELECT
        earlier.input_file_id,
        batches.id,
        TRUE
    FROM ai_batch_requests AS batches
    CROSS JOIN unnest(batches.earlier_input_file_ids) AS earlier (input_file_id)
    WHERE
        batches.endpoint = :endpoint
        -- As the index says, which holds the few batches that have any.
        AND batches.earlier_input_file_ids <> '{}'
        AND batches.earlier_input_file_ids && CAST(:input_file_ids AS text[])
        AND earlier.input_file_id = ANY(:input_file_ids)
) AS made_of
ORDER BY made_of.input_file_id, made_of.is_earlier, made_of.batch_id
