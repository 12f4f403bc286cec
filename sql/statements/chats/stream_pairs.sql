-- Two runs of one file, row by row in its order; a row that only one of them has stands alone.
SELECT
    coalesce(a.row_index, b.row_index) AS row_index,
    coalesce(a.source_line, b.source_line) AS source_line,
    coalesce(a.question, b.question) AS question,
    a.id AS turn_a,
    b.id AS turn_b,
    a.answer AS answer_a,
    b.answer AS answer_b
FROM (
    SELECT
        turns.id,
        turns.row_index,
        turns.source_line,
        turns.question,
        CASE WHEN turns.outcome_code = 'answered' THEN turns.answer END AS answer
    FROM chat_interactions AS turns
    WHERE turns.batch_id = :a
) AS a
FULL JOIN (
    SELECT
        turns.id,
        turns.row_index,
        turns.source_line,
        turns.question,
        CASE WHEN turns.outcome_code = 'answered' THEN turns.answer END AS answer
    FROM chat_interactions AS turns
    WHERE turns.batch_id = :b
) AS b ON b.row_index = a.row_index
ORDER BY row_index
