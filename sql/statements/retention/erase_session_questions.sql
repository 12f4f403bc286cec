-- Takes the questions from erased sessions, and returns which they were.
WITH taken AS (
    DELETE FROM session_questions
    USING scratch_erased_sessions
    WHERE session_questions.session_id = scratch_erased_sessions.session_id
    RETURNING session_questions.question_id
)

SELECT DISTINCT taken.question_id FROM taken
