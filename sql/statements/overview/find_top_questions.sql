-- The questions that most sessions of some days asked, as the view `daily_questions` counts them; those that were asked first in
-- more of them, and the older ones, come before others. `since` and `until` as in `sum_results`.
WITH counted AS (
    SELECT
        asked.question_id,
        count(*) AS sessions,
        count(*) FILTER (WHERE asked.position = 0) AS asked_first
    FROM session_results AS results
    JOIN session_questions AS asked ON asked.session_id = results.session_id
    WHERE
        (CAST(:company_id AS uuid) IS NULL OR results.company_id = :company_id)
        AND results.start_time >= :since
        AND results.start_time < :until
        AND results.day BETWEEN :first_day AND :last_day
    GROUP BY asked.question_id
    ORDER BY sessions DESC, asked_first DESC, question_id ASC
    LIMIT :most
)

SELECT
    counted.question_id,
    companies.slug AS company,
    questions.content AS question,
    counted.sessions,
    counted.asked_first
FROM counted
JOIN questions ON questions.id = counted.question_id
JOIN companies ON companies.id = questions.company_id
ORDER BY counted.sessions DESC, counted.asked_first DESC, counted.question_id ASC
