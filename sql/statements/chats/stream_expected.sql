-- The answers of a run beside those that its file expects, row by row in its order.
SELECT
    turns.row_index,
    turns.source_line,
    turns.question,
    turns.id AS turn_a,
    NULL AS turn_b,
    CASE WHEN turns.outcome_code = 'answered' THEN turns.answer END AS answer_a,
    turns.reference AS answer_b
FROM chat_interactions AS turns
WHERE turns.batch_id = :a
ORDER BY turns.row_index
