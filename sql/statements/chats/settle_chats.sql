-- Where conversations go from the ends of their turns, as `chats.rules.turn_ends.chat_after` specifies: those of a batch of the
-- ledger, those of the requests named, or those named themselves. What is cancelled goes no further than the turn under way.
WITH asked AS (
    SELECT named.id
    FROM unnest(CAST(:chat_ids AS uuid[])) AS named (id)
    UNION
    SELECT turns.chat_id AS id
    FROM ai_processing_requests AS requests
    JOIN chat_interactions AS turns ON turns.id = requests.chat_interaction_id
    WHERE
        requests.id = ANY(CAST(:request_ids AS uuid[]))
        OR requests.id IN (
            SELECT tried.request_id
            FROM ai_request_attempts AS tried
            WHERE tried.batch_id = CAST(:batch_id AS uuid)
        )
),

summed AS (
    SELECT
        asked.id,
        count(*) FILTER (WHERE turns.outcome_code IS NULL) AS turns_left,
        (
            array_agg(turns.outcome_code ORDER BY turns.turn)
            FILTER (WHERE turns.outcome_code <> ALL(:unfailed_codes))
        )[1] AS failure,
        (
            array_agg(turns.error_message ORDER BY turns.turn)
            FILTER (WHERE turns.outcome_code <> ALL(:unfailed_codes))
        )[1] AS message,
        coalesce(bool_or(turns.outcome_code = 'cancelled'), FALSE) AS is_cancelled,
        coalesce(bool_or(turns.outcome_code = 'answered'), FALSE) AS is_answered,
        (array_agg(turns.outcome_code ORDER BY turns.turn))[1] AS first_code
    FROM asked
    JOIN chat_interactions AS turns ON turns.chat_id = asked.id
    GROUP BY asked.id
),

judged AS (
    SELECT
        summed.id,
        chats.state AS before,
        summed.message,
        CASE
            WHEN
                summed.failure IS NOT NULL
                AND (summed.turns_left = 0 OR batches.configuration ->> 'turn_policy' = 'stop') THEN 'FAILED'
            WHEN summed.turns_left = 0 AND summed.is_cancelled THEN 'CANCELLED'
            WHEN summed.turns_left = 0 AND summed.is_answered THEN 'COMPLETED'
            WHEN summed.turns_left = 0 THEN 'SKIPPED'
            WHEN batches.status = 'CANCELLING' THEN 'CANCELLED'
            ELSE 'PROCESSING'
        END AS after,
        CASE
            WHEN summed.failure IS NOT NULL THEN summed.failure
            WHEN summed.is_cancelled OR (summed.turns_left > 0 AND batches.status = 'CANCELLING') THEN 'cancelled'
            WHEN summed.is_answered THEN 'answered'
            ELSE summed.first_code
        END AS code
    FROM summed
    JOIN chats ON chats.id = summed.id
    JOIN chat_batches AS batches ON batches.id = chats.batch_id
    WHERE chats.tier = 'batch' AND chats.state IN ('PROCESSING', 'FAILED')
),

moved AS (
    UPDATE chats
    SET
        state = judged.after,
        outcome_code = judged.code,
        error_message = CASE judged.after WHEN 'FAILED' THEN judged.message END,
        completed_at = CASE WHEN judged.after <> 'PROCESSING' THEN CAST(:now AS timestamptz) END
    FROM judged
    WHERE chats.id = judged.id AND judged.after <> judged.before
    RETURNING chats.id, chats.batch_id, judged.before, judged.after
),

unasked AS (
    UPDATE chat_interactions AS turns
    SET outcome_code = 'earlier_turn_failed', completed_at = :now
    FROM moved
    WHERE turns.chat_id = moved.id AND moved.after = 'FAILED' AND turns.outcome_code IS NULL
)

SELECT
    moved.batch_id,
    moved.before,
    moved.after,
    count(*) AS chats
FROM moved
GROUP BY moved.batch_id, moved.before, moved.after
ORDER BY moved.batch_id, moved.before, moved.after
