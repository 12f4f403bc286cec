-- What moved chats have become here: rows that they made, or rows that were there. `takes_analysis`: what the source says about
-- the analysis is written, because the session is new or nobody has dealt with it here.
CREATE TEMPORARY TABLE IF NOT EXISTS scratch_targets (
    chat integer PRIMARY KEY,
    import_id uuid NOT NULL,
    import_is_new boolean NOT NULL,
    session_id uuid,
    session_is_new boolean NOT NULL DEFAULT FALSE,
    takes_analysis boolean NOT NULL DEFAULT FALSE
) ON COMMIT DROP
