-- Sums over the sessions of some days, of one company or of all, each in its company's own calendar: by day, by category, by
-- language, and of all together, in one look at the sessions. `since` and `until` are moments around these days, whatever the
-- zone, by which an index finds them. Every figure is that of the view `daily_results`.
SELECT
    CASE grouping(results.day, results.category, results.language)
        WHEN 3 THEN 'day'
        WHEN 5 THEN 'category'
        WHEN 6 THEN 'language'
        ELSE 'total'
    END AS grouped_by,
    results.day,
    results.category,
    results.language,
    count(*) AS sessions,
    count(*) FILTER (WHERE results.is_analysed) AS analysed,
    count(*) FILTER (WHERE results.sentiment = 'POSITIVE') AS positive,
    count(*) FILTER (WHERE results.sentiment = 'NEUTRAL') AS neutral,
    count(*) FILTER (WHERE results.sentiment = 'NEGATIVE') AS negative,
    count(results.escalated) AS escalation_known,
    count(*) FILTER (WHERE results.escalated) AS escalated,
    count(results.forwarded_hr) AS forwarding_known,
    count(*) FILTER (WHERE results.forwarded_hr) AS forwarded_hr,
    count(results.messages) AS messages_known,
    coalesce(sum(results.messages), 0) AS messages,
    coalesce(sum(results.duration_seconds), 0) AS duration_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY results.duration_seconds) AS median_duration_seconds
FROM session_results AS results
WHERE
    (CAST(:company_id AS uuid) IS NULL OR results.company_id = :company_id)
    AND results.start_time >= :since
    AND results.start_time < :until
    AND results.day BETWEEN :first_day AND :last_day
GROUP BY GROUPING SETS ((results.day), (results.category), (results.language), ())
