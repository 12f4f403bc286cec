-- Waits for settlements that are linking questions, and lets others wait: a question that somebody is about to link must not go.
LOCK TABLE questions IN SHARE ROW EXCLUSIVE MODE
