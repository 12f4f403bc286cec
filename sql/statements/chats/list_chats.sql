-- Conversations of a batch behind a place, without their texts: in one state, or all. Looks through `bound` of them.
SELECT
    item_index,
    source_line,
    turns,
    state,
    attempts,
    outcome_code,
    error_message,
    completed_at
FROM chats
WHERE
    batch_id = :batch_id
    AND item_index > :after
    AND item_index <= CAST(:after AS integer) + CAST(:bound AS integer)
    AND (CAST(:state AS text) IS NULL OR state = :state)
ORDER BY item_index
LIMIT :most
