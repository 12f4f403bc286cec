-- Chat batches whose counts are not those of their conversations.
SELECT
    batches.id AS batch,
    companies.slug AS company,
    batches.total_items,
    counted.chats
FROM chat_batches AS batches
JOIN companies ON companies.id = batches.company_id
JOIN LATERAL (
    SELECT
        count(*) AS chats,
        count(*) FILTER (WHERE chats.state = 'PENDING') AS pending,
        count(*) FILTER (WHERE chats.state = 'PROCESSING') AS processing,
        count(*) FILTER (WHERE chats.state = 'COMPLETED') AS completed,
        count(*) FILTER (WHERE chats.state = 'FAILED') AS failed,
        count(*) FILTER (WHERE chats.state = 'SKIPPED') AS skipped,
        count(*) FILTER (WHERE chats.state = 'CANCELLED') AS cancelled
    FROM chats
    WHERE chats.batch_id = batches.id
) AS counted ON TRUE
WHERE
    (
        batches.total_items, batches.pending_items, batches.processing_items, batches.processed_items,
        batches.failed_items, batches.skipped_items, batches.cancelled_items
    ) IS DISTINCT FROM (
        counted.chats, counted.pending, counted.processing, counted.completed,
        counted.failed, counted.skipped, counted.cancelled
    )
ORDER BY batches.id
LIMIT 100
