-- What was spent in some UTC days, of one company, some batches or all, by any of day, month, company, model, kind and outcome.
-- First by day and part, so that each sum is converted at the rate of its own day; then as it was asked for.
-- At most `most` groups, or all of them where it is null.
WITH parts AS (
    SELECT
        CAST(coalesce(sums.incurred_at, CAST(:now AS timestamptz)) AT TIME ZONE 'UTC' AS date) AS entry_day,
        CASE WHEN CAST(:by_company AS boolean) THEN sums.company_id END AS company_id,
        CASE WHEN CAST(:by_model AS boolean) THEN sums.model END AS model,
        CASE WHEN CAST(:by_kind AS boolean) THEN sums.processing_type END AS kind,
        CASE
            WHEN CAST(:by_kind AS boolean)
                THEN CASE WHEN sums.entry IN ('call', 'taken_over') THEN sums.entry ELSE 'batch' END
        END AS purchase,
        CASE
            WHEN CAST(:by_outcome AS boolean)
                THEN
                    CASE
                        WHEN sums.is_in_flight THEN 'in_flight'
                        WHEN sums.entry IN ('surplus', 'unattributed') THEN sums.entry
                        ELSE sums.outcome
                    END
        END AS outcome,
        sums.part,
        sum(sums.entries) AS entries,
        sum(sums.requests) AS requests,
        sum(sums.input_tokens) AS input_tokens,
        sum(sums.cached_tokens) AS cached_tokens,
        sum(sums.output_tokens) AS output_tokens,
        sum(sums.reasoning_tokens) AS reasoning_tokens,
        sum(sums.cost_usd) AS usd,
        sum(sums.cost_eur) AS eur,
        sum(sums.synchronous_usd) AS synchronous_usd,
        sum(sums.compared_usd) AS compared_usd,
        sum(sums.without_synchronous) AS without_synchronous,
        coalesce(sum(sums.entries) FILTER (WHERE sums.is_open), 0) AS open_entries,
        coalesce(sum(sums.reserved_eur) FILTER (WHERE sums.is_open), 0) AS open_eur,
        coalesce(sum(sums.unlimited) FILTER (WHERE sums.is_open), 0) AS open_unbounded,
        coalesce(sum(sums.entries) FILTER (WHERE sums.is_in_flight), 0) AS in_flight_entries,
        coalesce(sum(sums.reserved_eur) FILTER (WHERE sums.is_in_flight), 0) AS in_flight_eur,
        coalesce(sum(sums.unlimited) FILTER (WHERE sums.is_in_flight), 0) AS in_flight_unbounded,
        sum(sums.unpriced) AS unpriced_entries
    FROM included.ledger.find_spend_sums AS sums
    WHERE
        (CAST(:company_id AS uuid) IS NULL OR sums.company_id = :company_id)
        AND (CAST(:batch_ids AS uuid[]) IS NULL OR sums.batch_id = ANY(CAST(:batch_ids AS uuid[])))
        AND (
            (sums.incurred_at >= :since AND sums.incurred_at < :until)
            -- What is in flight belongs to the present.
            OR (sums.incurred_at IS NULL AND CAST(:now AS timestamptz) >= :since AND CAST(:now AS timestamptz) < :until)
        )
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),

days AS (
    SELECT
        parts.entry_day,
        max(rates.rate_date) AS rate_date
    FROM (SELECT DISTINCT entry_day FROM parts) AS parts
    LEFT JOIN reporting_rates AS rates ON rates.currency = :currency AND rates.rate_date <= parts.entry_day
    GROUP BY 1
)

SELECT
    CASE WHEN CAST(:by_day AS boolean) THEN parts.entry_day END AS spend_day,
    CASE WHEN CAST(:by_month AS boolean) THEN to_char(parts.entry_day, 'YYYY-MM') END AS spend_month,
    companies.slug AS company,
    parts.model,
    parts.kind,
    parts.purchase,
    parts.outcome,
    sum(parts.entries) AS entries,
    sum(parts.requests) AS requests,
    sum(parts.input_tokens) AS input_tokens,
    sum(parts.cached_tokens) AS cached_tokens,
    sum(parts.output_tokens) AS output_tokens,
    sum(parts.reasoning_tokens) AS reasoning_tokens,
    sum(parts.usd) AS usd,
    sum(parts.eur) AS eur,
    CASE WHEN NOT bool_or(parts.usd <> 0 AND rates.usd_rate IS NULL) THEN coalesce(sum(parts.usd * rates.usd_rate), 0) END
        AS converted,
    coalesce(sum(parts.usd) FILTER (WHERE parts.part = 'useful'), 0) AS useful_usd,
    coalesce(sum(parts.eur) FILTER (WHERE parts.part = 'useful'), 0) AS useful_eur,
    coalesce(sum(parts.usd) FILTER (WHERE parts.part = 'retried'), 0) AS retried_usd,
    coalesce(sum(parts.eur) FILTER (WHERE parts.part = 'retried'), 0) AS retried_eur,
    coalesce(sum(parts.usd) FILTER (WHERE parts.part = 'wasted'), 0) AS wasted_usd,
    coalesce(sum(parts.eur) FILTER (WHERE parts.part = 'wasted'), 0) AS wasted_eur,
    coalesce(sum(parts.usd) FILTER (WHERE parts.part = 'surplus'), 0) AS surplus_usd,
    coalesce(sum(parts.eur) FILTER (WHERE parts.part = 'surplus'), 0) AS surplus_eur,
    coalesce(sum(parts.usd) FILTER (WHERE parts.part = 'unattributed'), 0) AS unattributed_usd,
    coalesce(sum(parts.eur) FILTER (WHERE parts.part = 'unattributed'), 0) AS unattributed_eur,
    sum(parts.synchronous_usd) AS synchronous_usd,
    sum(parts.compared_usd) AS compared_usd,
    sum(parts.without_synchronous) AS without_synchronous,
    sum(parts.open_entries) AS open_entries,
    CASE WHEN sum(parts.open_unbounded) = 0 THEN sum(parts.open_eur) END AS open_eur_at_most,
    sum(parts.in_flight_entries) AS in_flight_entries,
    CASE WHEN sum(parts.in_flight_unbounded) = 0 THEN sum(parts.in_flight_eur) END AS in_flight_eur_at_most,
    sum(parts.unpriced_entries) AS unpriced_entries
FROM parts
JOIN days ON days.entry_day = parts.entry_day
LEFT JOIN reporting_rates AS rates ON rates.currency = :currency AND rates.rate_date = days.rate_date
LEFT JOIN companies ON companies.id = parts.company_id
GROUP BY 1, 2, 3, 4, 5, 6, 7
ORDER BY 1, 2, 3, 4, 5, 6, 7
LIMIT CAST(:most AS bigint)
