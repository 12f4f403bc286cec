DELETE FROM session_questions
USING staged_answers
WHERE session_questions.session_id = staged_answers.session_id
