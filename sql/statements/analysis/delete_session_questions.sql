DELETE FROM session_questions
USING scratch_answers
WHERE session_questions.session_id = scratch_answers.session_id
