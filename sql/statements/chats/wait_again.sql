-- Failed conversations whose request was put back: they are under way again, from the turn that failed on.
WITH again AS (
    SELECT
        turns.chat_id,
        min(turns.turn) AS turn
    FROM ai_processing_requests AS requests
    JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
    WHERE requests.id = ANY(CAST(:request_ids AS uuid[]))
    GROUP BY turns.chat_id
),

reset AS (
    UPDATE chat_interactions AS turns
    SET outcome_code = NULL, error_message = NULL, answer = NULL, completed_at = NULL
    FROM again
    WHERE
        turns.chat_id = again.chat_id
        AND (turns.turn = again.turn OR turns.outcome_code = 'earlier_turn_failed')
),

moved AS (
    UPDATE chats
    SET state = 'PROCESSING', outcome_code = NULL, error_message = NULL, completed_at = NULL
    FROM again
    WHERE chats.id = again.chat_id AND chats.state = 'FAILED'
    RETURNING chats.batch_id
)

SELECT
    moved.batch_id,
    count(*) AS chats
FROM moved
GROUP BY moved.batch_id
ORDER BY moved.batch_id
