-- Chat batches that ended long enough ago for their questions or their answers to go, and that still have them.
SELECT
    batches.id,
    coalesce(
        batches.questions_deleted_at IS NULL AND batches.ended_at < CAST(:messages_before AS timestamptz), FALSE
    ) AS prunes_questions,
    coalesce(
        batches.answers_deleted_at IS NULL AND batches.ended_at < CAST(:answers_before AS timestamptz), FALSE
    ) AS prunes_answers
FROM chat_batches AS batches
WHERE
    batches.company_id = :company_id
    AND (
        (batches.questions_deleted_at IS NULL AND batches.ended_at < CAST(:messages_before AS timestamptz))
        OR (batches.answers_deleted_at IS NULL AND batches.ended_at < CAST(:answers_before AS timestamptz))
    )
ORDER BY batches.id
