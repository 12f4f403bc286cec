-- What was asked and answered earlier in conversations, in order.
SELECT
    turns.chat_id,
    turns.turn,
    turns.question,
    turns.answer
FROM chat_interactions AS turns
WHERE turns.chat_id = ANY(CAST(:chat_ids AS uuid[])) AND turns.outcome_code = 'answered'
ORDER BY turns.chat_id, turns.turn
