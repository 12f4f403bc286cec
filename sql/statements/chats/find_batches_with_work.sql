-- Batches that somebody has to work on now: conversations that wait and are due, workers that were lost, turns without a request,
-- and those named, whose time runs out.
-- What is being cancelled ends for every company, since nothing is asked for it.
SELECT
    batches.id,
    companies.slug AS company,
    batches.status
FROM chat_batches AS batches
JOIN companies ON companies.id = batches.company_id
WHERE
    batches.status IN ('PROCESSING', 'CANCELLING')
    AND (companies.status = ANY(:working_companies) OR batches.status = 'CANCELLING')
    AND (
        batches.id = ANY(CAST(:in_haste AS uuid[]))
        OR EXISTS (
            SELECT 1
            FROM chats
            WHERE
                chats.batch_id = batches.id
                AND chats.state = 'PENDING'
                AND (chats.next_try_at IS NULL OR chats.next_try_at <= :now)
        )
        OR EXISTS (
            SELECT 1
            FROM chats
            WHERE chats.batch_id = batches.id AND chats.lease_until <= :now
        )
        OR EXISTS (
            SELECT 1
            FROM chats
            WHERE
                chats.batch_id = batches.id
                AND chats.state = 'PROCESSING'
                AND chats.tier = 'batch'
                AND NOT EXISTS (
                    SELECT 1
                    FROM chat_interactions AS turns
                    JOIN ai_processing_requests AS requests
                        ON requests.subject_id = turns.id AND requests.processing_type = 'chat_turn'
                    WHERE
                        turns.chat_id = chats.id
                        AND turns.outcome_code IS NULL
                        AND requests.processing_status IN ('PENDING_BATCHING', 'BATCHING_IN_PROGRESS')
                )
        )
    )
ORDER BY batches.id
