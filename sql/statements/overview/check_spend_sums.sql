-- All that the report of spending sums, beside the sums of the tables of the ledger, where they differ in any digit.
WITH shown AS (
    SELECT
        coalesce(sum(entries.cost_usd), 0) AS usd,
        coalesce(sum(entries.cost_eur), 0) AS eur
    FROM included.overview.find_spend_entries AS entries
),

stored AS (
    SELECT
        coalesce(sum(amounts.usd), 0) AS usd,
        coalesce(sum(amounts.eur), 0) AS eur
    FROM (
        SELECT
            sum(tries.total_cost_usd) AS usd,
            sum(tries.total_cost_eur) AS eur
        FROM ai_request_attempts AS tries
        UNION ALL
        SELECT
            sum(added.cost_usd),
            sum(added.cost_eur)
        FROM ai_cost_adjustments AS added
        UNION ALL
        SELECT
            sum(surplus.total_cost_usd),
            sum(surplus.total_cost_eur)
        FROM ai_surplus_batches AS surplus
    ) AS amounts
)

SELECT
    shown.usd AS shown_usd,
    stored.usd AS stored_usd,
    shown.eur AS shown_eur,
    stored.eur AS stored_eur
FROM shown
CROSS JOIN stored
WHERE shown.usd <> stored.usd OR shown.eur <> stored.eur
