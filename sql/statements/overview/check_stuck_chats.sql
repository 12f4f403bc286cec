-- Chat batches that are worked on, or being cancelled, and have not moved for long, unless all that is left is at the Batch API.
SELECT
    batches.id AS batch,
    companies.slug AS company,
    batches.status,
    batches.updated_at,
    batches.pending_items + batches.processing_items AS open_items
FROM chat_batches AS batches
JOIN companies ON companies.id = batches.company_id
WHERE
    batches.status IN ('PROCESSING', 'CANCELLING')
    AND batches.updated_at < :standing_since
    AND companies.status = ANY(:working_companies)
    AND (
        batches.pending_items > 0
        OR EXISTS (
            SELECT 1
            FROM chats
            WHERE chats.batch_id = batches.id AND chats.lease_until < :standing_since
        )
    )
ORDER BY batches.updated_at
LIMIT 100
