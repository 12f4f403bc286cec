-- Per company, the money of a month that began at a moment: spent, in flight at most, and what one request sets aside. As the
-- claims count it: a try that may have been charged and whose cost is unknown counts as what was set aside for it.
WITH counted AS (
    SELECT
        attempts.batch_id,
        attempts.outcome IS NULL AS in_flight,
        attempts.reserved_eur,
        coalesce(
            attempts.total_cost_eur,
            CASE
                WHEN
                    attempts.outcome IS NULL
                    -- What showed late is counted by the row of its own.
                    OR (
                        attempts.outcome = ANY(:charged_outcomes)
                        AND NOT EXISTS (
                            SELECT 1 FROM ai_request_attempts AS late
                            WHERE
                                late.request_id = attempts.request_id AND late.batch_id = attempts.batch_id AND late.is_late
                                AND late.total_cost_eur IS NOT NULL
                        )
                    )
                    THEN attempts.reserved_eur
            END,
            0
        ) AS eur
    FROM ai_request_attempts AS attempts
    WHERE attempts.settled_at >= :month_start OR attempts.settled_at IS NULL
),

by_batch AS (
    SELECT
        counted.batch_id,
        coalesce(sum(counted.eur) FILTER (WHERE NOT counted.in_flight), 0) AS spent,
        coalesce(sum(counted.eur) FILTER (WHERE counted.in_flight), 0) AS in_flight,
        sum(counted.reserved_eur) AS reserved,
        count(counted.reserved_eur) AS requests
    FROM counted
    GROUP BY counted.batch_id
    UNION ALL
    SELECT
        surplus.batch_id,
        coalesce(surplus.total_cost_eur, 0),
        0,
        0,
        0
    FROM ai_surplus_batches AS surplus
    WHERE surplus.ended_at >= :month_start
)

SELECT
    companies.slug AS company,
    sum(by_batch.spent) AS spent_eur,
    sum(by_batch.in_flight) AS in_flight_eur,
    coalesce(sum(by_batch.reserved) / nullif(sum(by_batch.requests), 0), 0) AS one_more_eur
FROM by_batch
JOIN ai_batch_requests AS batches ON batches.id = by_batch.batch_id
JOIN companies ON companies.id = batches.company_id
GROUP BY companies.slug
ORDER BY companies.slug
