-- Of some batches and hours, all that the report of spending sums beside the sums of the tables of the ledger, where they differ
-- in any digit; and kept sums beside what caps and parts of the spending come to entry by entry.
WITH shown AS (
    SELECT
        sums.batch_id,
        CASE WHEN sums.batch_id IS NULL THEN date_trunc('hour', sums.incurred_at, 'UTC') END AS settled_hour,
        sum(sums.cost_usd) AS usd,
        sum(sums.cost_eur) AS eur,
        sum(sums.cost_usd) FILTER (WHERE sums.part = 'useful') AS useful_usd,
        sum(sums.cost_usd) FILTER (WHERE sums.part = 'retried') AS retried_usd,
        sum(CASE WHEN sums.is_in_flight OR sums.is_open THEN sums.reserved_eur ELSE sums.cost_eur END) AS committed_eur
    FROM included.ledger.find_spend_sums AS sums
    WHERE
        sums.batch_id = ANY(CAST(:batch_ids AS uuid[]))
        OR (sums.batch_id IS NULL AND date_trunc('hour', sums.incurred_at, 'UTC') = ANY(CAST(:hours AS timestamptz[])))
    GROUP BY 1, 2
),

counted AS (
    SELECT
        found.batch_id,
        found.settled_hour,
        sum(found.cost_usd) FILTER (WHERE found.part = 'useful') AS useful_usd,
        sum(found.cost_usd) FILTER (WHERE found.part = 'retried') AS retried_usd,
        sum(CASE WHEN found.is_in_flight OR found.is_open THEN found.reserved_eur ELSE found.cost_eur END) AS committed_eur
    FROM (
        SELECT
            CAST(NULL AS timestamptz) AS settled_hour,
            of_batches.*
        FROM included.ledger.sum_spend_entries AS of_batches
        WHERE of_batches.batch_id = ANY(CAST(:batch_ids AS uuid[]))
        UNION ALL
        SELECT
            hours.settled_hour,
            of_hours.*
        FROM unnest(CAST(:hours AS timestamptz[])) AS hours (settled_hour)
        CROSS JOIN LATERAL (
            SELECT sums.*
            FROM included.ledger.sum_spend_entries AS sums
            WHERE
                sums.batch_id IS NULL
                AND sums.incurred_at >= hours.settled_hour
                AND sums.incurred_at < hours.settled_hour + interval '1 hour'
        ) AS of_hours
    ) AS found
    GROUP BY 1, 2
),

tries AS (
    SELECT
        attempts.id,
        attempts.batch_id,
        CASE WHEN attempts.batch_id IS NULL THEN date_trunc('hour', attempts.settled_at, 'UTC') END AS settled_hour,
        attempts.total_cost_usd,
        attempts.total_cost_eur
    FROM ai_request_attempts AS attempts
    WHERE attempts.batch_id = ANY(CAST(:batch_ids AS uuid[]))
    UNION ALL
    SELECT
        attempts.id,
        NULL,
        hours.settled_hour,
        attempts.total_cost_usd,
        attempts.total_cost_eur
    FROM unnest(CAST(:hours AS timestamptz[])) AS hours (settled_hour)
    JOIN ai_request_attempts AS attempts
        ON
            attempts.batch_id IS NULL
            AND attempts.settled_at >= hours.settled_hour
            AND attempts.settled_at < hours.settled_hour + interval '1 hour'
),

-- Each addition with what it is about, also where it is about an earlier one.
added AS (
    SELECT
        coalesce(added.batch_id, about.batch_id, surplus.batch_id, tries.batch_id) AS batch_id,
        CASE
            WHEN coalesce(added.batch_id, about.batch_id, surplus.batch_id, tries.batch_id) IS NULL
                THEN date_trunc('hour', tries.settled_at, 'UTC')
        END AS settled_hour,
        added.cost_usd,
        added.cost_eur
    FROM ai_cost_adjustments AS added
    LEFT JOIN ai_cost_adjustments AS about ON about.id = added.adjustment_id
    LEFT JOIN ai_surplus_batches AS surplus ON surplus.id = coalesce(added.surplus_id, about.surplus_id)
    LEFT JOIN ai_request_attempts AS tries ON tries.id = coalesce(added.attempt_id, about.attempt_id)
),

stored AS (
    SELECT
        amounts.batch_id,
        amounts.settled_hour,
        coalesce(sum(amounts.usd), 0) AS usd,
        coalesce(sum(amounts.eur), 0) AS eur
    FROM (
        SELECT
            tries.batch_id,
            tries.settled_hour,
            tries.total_cost_usd AS usd,
            tries.total_cost_eur AS eur
        FROM tries
        UNION ALL
        SELECT
            added.batch_id,
            added.settled_hour,
            added.cost_usd,
            added.cost_eur
        FROM added
        WHERE
            added.batch_id = ANY(CAST(:batch_ids AS uuid[]))
            OR (added.batch_id IS NULL AND added.settled_hour = ANY(CAST(:hours AS timestamptz[])))
        UNION ALL
        SELECT
            surplus.batch_id,
            NULL,
            surplus.total_cost_usd,
            surplus.total_cost_eur
        FROM ai_surplus_batches AS surplus
        WHERE surplus.batch_id = ANY(CAST(:batch_ids AS uuid[]))
    ) AS amounts
    GROUP BY 1, 2
)

SELECT
    coalesce(shown.batch_id, stored.batch_id) AS batch_id,
    coalesce(shown.settled_hour, stored.settled_hour) AS settled_hour,
    coalesce(shown.usd, 0) AS shown_usd,
    coalesce(stored.usd, 0) AS stored_usd,
    coalesce(shown.eur, 0) AS shown_eur,
    coalesce(stored.eur, 0) AS stored_eur,
    coalesce(shown.committed_eur, 0) AS kept_committed_eur,
    coalesce(counted.committed_eur, 0) AS counted_committed_eur
FROM shown
FULL JOIN stored
    ON
        coalesce(cast(stored.batch_id AS text), cast(stored.settled_hour AS text))
        = coalesce(cast(shown.batch_id AS text), cast(shown.settled_hour AS text))
LEFT JOIN counted
    ON
        coalesce(cast(counted.batch_id AS text), cast(counted.settled_hour AS text))
        = coalesce(
            cast(shown.batch_id AS text),
            cast(shown.settled_hour AS text),
            cast(stored.batch_id AS text),
            cast(stored.settled_hour AS text)
        )
WHERE
    (
        coalesce(shown.usd, 0), coalesce(shown.eur, 0), coalesce(shown.committed_eur, 0), coalesce(shown.useful_usd, 0),
        coalesce(shown.retried_usd, 0)
    ) IS DISTINCT FROM (
        coalesce(stored.usd, 0), coalesce(stored.eur, 0), coalesce(counted.committed_eur, 0), coalesce(counted.useful_usd, 0),
        coalesce(counted.retried_usd, 0)
    )
ORDER BY 1, 2
LIMIT 100
