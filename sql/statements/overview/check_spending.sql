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
    WHERE NOT attempts.is_call AND (attempts.settled_at >= :month_start OR attempts.settled_at IS NULL)
),

called AS (
    SELECT
        requests.company_id,
        attempts.outcome IS NULL AS in_flight,
        attempts.reserved_eur,
        coalesce(
            attempts.total_cost_eur,
            CASE
                WHEN
                    attempts.outcome IS NULL OR attempts.outcome = ANY(:charged_outcomes)
                    THEN attempts.reserved_eur
            END,
            0
        ) AS eur
    FROM ai_request_attempts AS attempts
    JOIN ai_processing_requests AS requests ON requests.id = attempts.request_id
    WHERE attempts.is_call AND (attempts.settled_at >= :month_start OR attempts.settled_at IS NULL)
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
),

by_company AS (
    SELECT
        batches.company_id,
        by_batch.spent,
        by_batch.in_flight,
        by_batch.reserved,
        by_batch.requests
    FROM by_batch
    JOIN ai_batch_requests AS batches ON batches.id = by_batch.batch_id
    UNION ALL
    SELECT
        called.company_id,
        coalesce(sum(called.eur) FILTER (WHERE NOT called.in_flight), 0),
        coalesce(sum(called.eur) FILTER (WHERE called.in_flight), 0),
        sum(called.reserved_eur),
        count(called.reserved_eur)
    FROM called
    GROUP BY called.company_id
)

SELECT
    companies.slug AS company,
    sum(by_company.spent) AS spent_eur,
    sum(by_company.in_flight) AS in_flight_eur,
    coalesce(sum(by_company.reserved) / nullif(sum(by_company.requests), 0), 0) AS one_more_eur
FROM by_company
JOIN companies ON companies.id = by_company.company_id
GROUP BY companies.slug
ORDER BY companies.slug
