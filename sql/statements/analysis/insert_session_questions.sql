INSERT INTO session_questions (session_id, position, question_id)
SELECT
    scratch_answers.session_id,
    asked.place - 1,
    questions.id
FROM scratch_answers
CROSS JOIN
    LATERAL jsonb_array_elements_text(scratch_answers.answer -> 'questions')
    WITH ORDINALITY AS asked (content, place)
JOIN questions ON questions.company_id = scratch_answers.company_id AND questions.content = asked.content
ON CONFLICT DO NOTHING
