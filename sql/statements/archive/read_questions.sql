-- Rows of `questions.parquet`.
SELECT
    asked.session_id::text AS session_id,
    asked.position,
    asked.question_id::text AS question_id,
    questions.content
FROM unnest(CAST(:session_ids AS uuid[])) WITH ORDINALITY AS wanted (session_id, place)
JOIN session_questions AS asked ON asked.session_id = wanted.session_id
JOIN questions ON questions.id = asked.question_id
ORDER BY wanted.place, asked.position
