-- Some companies whose counts are compared this time, so that all of them come in turn, as `find_batches_to_compare`.
WITH sized AS (
    SELECT
        companies.id,
        row_number() OVER (ORDER BY companies.id) - 1 AS place,
        count(*) OVER () AS companies,
        avg(coalesce(kept.found, 0)) OVER () AS usual
    FROM companies
    LEFT JOIN (
        SELECT
            kept_counts.company_id,
            sum(kept_counts.found) AS found
        FROM kept_counts
        GROUP BY kept_counts.company_id
    ) AS kept ON kept.company_id = companies.id
),

chosen AS (
    SELECT
        sized.*,
        greatest(1, CAST(:most AS bigint) / greatest(1, CAST(sized.usual AS bigint))) AS compared
    FROM sized
)

SELECT chosen.id
FROM chosen
WHERE
    mod(
        chosen.place - mod(CAST(:turn AS bigint) * chosen.compared, chosen.companies) + chosen.companies, chosen.companies
    ) < chosen.compared
