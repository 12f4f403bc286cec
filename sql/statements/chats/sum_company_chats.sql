-- A company's chat batches in numbers.
SELECT
    count(*) AS batches,
    count(*) FILTER (WHERE batches.ended_at IS NULL) AS open_batches,
    coalesce(sum(batches.total_items), 0) AS total_items,
    coalesce(sum(batches.pending_items), 0) AS pending_items,
    coalesce(sum(batches.processing_items), 0) AS processing_items,
    coalesce(sum(batches.processed_items), 0) AS processed_items,
    coalesce(sum(batches.failed_items), 0) AS failed_items,
    coalesce(sum(batches.skipped_items), 0) AS skipped_items,
    coalesce(sum(batches.cancelled_items), 0) AS cancelled_items
FROM chat_batches AS batches
WHERE batches.company_id = :company_id
