-- The first answers of a batch in the order of its file; looks through a bounded number of its rows.
SELECT
    turns.row_index,
    turns.source_line,
    turns.turn,
    turns.question,
    turns.answer,
    turns.sources,
    turns.completed_at
FROM chat_interactions AS turns
WHERE
    turns.batch_id = :batch_id
    AND turns.row_index < :bound
    AND turns.outcome_code = 'answered'
    AND turns.answer IS NOT NULL
ORDER BY turns.row_index
LIMIT :most
