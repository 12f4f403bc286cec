-- Links of sessions that were here and take their analysis now.
DELETE FROM session_questions
USING scratch_targets
WHERE
    session_questions.session_id = scratch_targets.session_id
    AND scratch_targets.takes_analysis
    AND NOT scratch_targets.session_is_new
