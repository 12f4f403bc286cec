-- Per company, the money of a month (from `since` on) and of a day that is part of it, and what is in flight at most, as the
-- claims count it; how many entries have no known limit; what one more request sets aside; and of tries with a known cost what
-- was set aside and what was charged.
WITH entries AS (
    SELECT
        counted.*,
        NOT counted.is_in_flight AND NOT counted.is_open AS is_known
    FROM included.ledger.find_committed_sums AS counted
    WHERE CAST(:company_id AS uuid) IS NULL OR counted.company_id = :company_id
),

sums AS (
    SELECT
        company_id,
        sum(committed_eur) FILTER (WHERE is_known) AS month_known_eur,
        sum(committed_eur) FILTER (WHERE is_open) AS month_open_eur,
        sum(unlimited) FILTER (WHERE is_open) AS month_open_unlimited,
        sum(committed_eur) FILTER (WHERE is_known AND incurred_at >= :day) AS day_known_eur,
        sum(committed_eur) FILTER (WHERE is_open AND incurred_at >= :day) AS day_open_eur,
        sum(unlimited) FILTER (WHERE is_open AND incurred_at >= :day) AS day_open_unlimited,
        sum(committed_eur) FILTER (WHERE is_in_flight) AS in_flight_eur,
        sum(unlimited) FILTER (WHERE is_in_flight) AS in_flight_unlimited,
        sum(requests_reserved_eur) / nullif(sum(requests_reserved), 0) AS one_more_eur,
        sum(set_aside_eur) AS set_aside_eur,
        sum(charged_eur) AS charged_eur
    FROM entries
    GROUP BY company_id
)

SELECT
    companies.id AS company_id,
    companies.slug AS company,
    companies.created_at,
    companies.monthly_cap_eur,
    companies.daily_cap_eur,
    companies.monthly_budget_eur,
    coalesce(sums.month_known_eur, 0) AS month_known_eur,
    coalesce(sums.month_open_eur, 0) AS month_open_eur,
    coalesce(sums.month_open_unlimited, 0) AS month_open_unlimited,
    coalesce(sums.day_known_eur, 0) AS day_known_eur,
    coalesce(sums.day_open_eur, 0) AS day_open_eur,
    coalesce(sums.day_open_unlimited, 0) AS day_open_unlimited,
    coalesce(sums.in_flight_eur, 0) AS in_flight_eur,
    coalesce(sums.in_flight_unlimited, 0) AS in_flight_unlimited,
    coalesce(sums.one_more_eur, 0) AS one_more_eur,
    coalesce(sums.set_aside_eur, 0) AS set_aside_eur,
    coalesce(sums.charged_eur, 0) AS charged_eur,
    sums.company_id IS NOT NULL AS has_entries
FROM companies
LEFT JOIN sums ON sums.company_id = companies.id
WHERE CAST(:company_id AS uuid) IS NULL OR companies.id = :company_id
ORDER BY companies.slug
