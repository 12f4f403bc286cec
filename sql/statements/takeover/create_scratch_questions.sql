-- Questions of moved sessions, each once per session, at positions from 0 on.
CREATE TEMPORARY TABLE IF NOT EXISTS scratch_questions (
    chat integer NOT NULL,
    position integer NOT NULL,
    content text NOT NULL
) ON COMMIT DROP
