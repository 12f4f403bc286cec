-- Deliveries that the service repeats no more; a few at a time, since whoever takes one does it in passing.
WITH old AS MATERIALIZED (
    SELECT webhook_deliveries.webhook_id
    FROM webhook_deliveries
    WHERE webhook_deliveries.received_at < :before
    ORDER BY webhook_deliveries.received_at
    LIMIT :most
    FOR UPDATE SKIP LOCKED
)

DELETE FROM webhook_deliveries
USING old
WHERE webhook_deliveries.webhook_id = old.webhook_id
