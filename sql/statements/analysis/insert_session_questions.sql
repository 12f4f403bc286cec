INSERT INTO session_questions (session_id, position, question_id)
SELECT
    scratch_asked.session_id,
    scratch_asked.position,
    questions.id
FROM scratch_asked
JOIN questions ON questions.company_id = scratch_asked.company_id AND questions.content = scratch_asked.content
ON CONFLICT DO NOTHING
