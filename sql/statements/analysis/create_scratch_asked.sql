-- The questions of staged answers, one row each: taken out of the answers once for all statements that need them.
CREATE TEMPORARY TABLE scratch_asked ON COMMIT DROP AS
SELECT
    scratch_answers.session_id,
    scratch_answers.company_id,
    asked.place::integer - 1 AS position,
    asked.content
FROM scratch_answers
CROSS JOIN
    LATERAL jsonb_array_elements_text(scratch_answers.answer -> 'questions')
    WITH ORDINALITY AS asked (content, place)
