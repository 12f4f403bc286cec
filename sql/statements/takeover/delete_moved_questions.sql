-- Links of sessions that were here and take their analysis now.
DELETE FROM session_questions
USING moved_targets
WHERE
    session_questions.session_id = moved_targets.session_id
    AND moved_targets.takes_analysis
    AND NOT moved_targets.session_is_new
