INSERT INTO session_questions (session_id, position, question_id)
SELECT
    staged_answers.session_id,
    asked.place - 1,
    questions.id
FROM staged_answers
CROSS JOIN
    LATERAL jsonb_array_elements_text(staged_answers.answer -> 'questions')
    WITH ORDINALITY AS asked (content, place)
JOIN questions ON questions.company_id = staged_answers.company_id AND questions.content = asked.content
ON CONFLICT DO NOTHING
