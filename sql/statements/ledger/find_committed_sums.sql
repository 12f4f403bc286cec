-- What counts against caps and budgets from a moment on, and whatever is in flight: costs, or what is set aside while nobody
-- knows them (null without a known limit). Kept sums, and entry by entry what has changed since, as in `find_spend_sums`. What
-- the old system spent before its data came here is none of it.
SELECT
    kept.company_id,
    kept.is_in_flight,
    kept.is_open,
    kept.incurred_at,
    CASE WHEN kept.is_in_flight OR kept.is_open THEN kept.reserved_eur ELSE kept.cost_eur END AS committed_eur,
    kept.unlimited,
    -- Of entries of a request: what was set aside, and for how many of them.
    CASE WHEN kept.entry IN ('line', 'call') THEN kept.reserved_eur END AS requests_reserved_eur,
    CASE WHEN kept.entry IN ('line', 'call') THEN kept.entries - kept.unlimited ELSE 0 END AS requests_reserved,
    kept.set_aside_eur,
    kept.charged_eur
FROM spend_sums AS kept
WHERE
    kept.entry <> 'taken_over'
    AND (kept.incurred_at IS NULL OR kept.incurred_at >= :since)
    AND NOT EXISTS (
        SELECT 1 FROM spend_marks AS marks
        WHERE marks.batch_id = kept.batch_id
    )
    AND NOT EXISTS (
        SELECT 1 FROM spend_marks AS marks
        WHERE marks.settled_hour = kept.settled_hour
    )
UNION ALL
SELECT
    entries.company_id,
    entries.is_in_flight,
    entries.is_open,
    entries.incurred_at,
    CASE WHEN entries.is_in_flight OR entries.is_open THEN entries.reserved_eur ELSE entries.cost_eur END,
    CASE WHEN entries.reserved_eur IS NULL THEN 1 ELSE 0 END,
    CASE WHEN entries.request_id IS NOT NULL THEN entries.reserved_eur END,
    CASE WHEN entries.request_id IS NOT NULL AND entries.reserved_eur IS NOT NULL THEN 1 ELSE 0 END,
    CASE WHEN NOT entries.is_in_flight AND NOT entries.is_open AND entries.cost_eur > 0 THEN entries.reserved_eur END,
    CASE WHEN NOT entries.is_in_flight AND NOT entries.is_open AND entries.reserved_eur IS NOT NULL THEN entries.cost_eur END
FROM (
    -- Of batches that have changed since they were summed.
    SELECT of_batches.*
    FROM cost_entries AS of_batches
    WHERE
        of_batches.entry <> 'surplus'
        AND of_batches.batch_id = ANY(
            ARRAY(
                SELECT DISTINCT marks.batch_id FROM spend_marks AS marks
                WHERE marks.batch_id IS NOT NULL
            )
        )
        AND (of_batches.is_in_flight OR of_batches.incurred_at >= :since)
    UNION ALL
    -- Of hours that have.
    SELECT of_hours.*
    FROM (
        SELECT DISTINCT marks.settled_hour FROM spend_marks AS marks
        WHERE marks.settled_hour IS NOT NULL
    ) AS hours
    CROSS JOIN
        LATERAL (
            SELECT listed.*
            FROM cost_entries AS listed
            WHERE
                listed.batch_id IS NULL
                AND listed.entry <> 'taken_over'
                AND listed.incurred_at >= hours.settled_hour
                AND listed.incurred_at < hours.settled_hour + interval '1 hour'
                AND listed.incurred_at >= :since
        ) AS of_hours
    UNION ALL
    -- Calls under way, and surplus batches, which have no kept sum.
    SELECT calls.*
    FROM cost_entries AS calls
    WHERE calls.batch_id IS NULL AND calls.entry <> 'taken_over' AND calls.is_in_flight
    UNION ALL
    SELECT surplus.*
    FROM cost_entries AS surplus
    WHERE surplus.entry = 'surplus' AND (surplus.is_in_flight OR surplus.incurred_at >= :since)
) AS entries
