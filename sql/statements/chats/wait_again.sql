-- Failed conversations whose requests were put back: they are under way again, from the first of those turns on. Where there are
-- several of one conversation, the later ones are asked anew once their turn comes, as they show what is answered before them.
WITH named AS (
    SELECT
        requests.id,
        turns.id AS turn_id,
        turns.chat_id,
        turns.turn,
        min(turns.turn) OVER (PARTITION BY turns.chat_id) AS first_turn
    FROM ai_processing_requests AS requests
    JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
    WHERE requests.id = ANY(CAST(:request_ids AS uuid[]))
),

again AS (
    SELECT DISTINCT named.chat_id
    FROM named
),

put_off AS (
    UPDATE ai_processing_requests AS requests
    SET
        processing_status = 'PROCESSING_FAILED',
        error_code = 'input_changed',
        completed_at = greatest(CAST(:now AS timestamptz), requests.requested_at)
    FROM named
    WHERE requests.id = named.id AND named.turn > named.first_turn AND requests.processing_status = 'PENDING_BATCHING'
),

reset AS (
    UPDATE chat_interactions AS turns
    SET outcome_code = NULL, error_message = NULL, answer = NULL, completed_at = NULL
    FROM again
    WHERE
        turns.chat_id = again.chat_id
        AND (
            turns.outcome_code = 'earlier_turn_failed'
            OR turns.id IN (
                SELECT named.turn_id
                FROM named
            )
        )
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
