-- Sessions that are here already and whose analysis is taken from the source all the same, since nobody has dealt with it here:
-- it waits, or was left to a batch of the old system, about the messages that the source has. Not one that is in flight, or that
-- somebody asked for anew.
UPDATE scratch_targets AS targets
SET takes_analysis = TRUE
FROM (
    SELECT found.chat
    FROM scratch_targets AS found
    JOIN scratch_chats AS chats ON chats.chat = found.chat AND chats.session_id IS NOT NULL
    JOIN scratch_stages AS offered ON offered.chat = found.chat AND offered.stage = 'AI_ANALYSIS'
    JOIN sessions
        ON
            sessions.id = found.session_id
            AND sessions.transcript_hash IN (chats.transcript_hash, offered.metadata ->> 'readsAs')
    LEFT JOIN session_processing_status AS own ON own.import_id = found.import_id AND own.stage = 'AI_ANALYSIS'
    WHERE
        NOT found.session_is_new
        AND NOT EXISTS (
            SELECT 1
            FROM ai_processing_requests AS requests
            WHERE requests.subject_id = sessions.id AND requests.processing_status = 'BATCHING_IN_PROGRESS'
        )
        AND CASE coalesce(own.status, 'PENDING')
            WHEN 'PENDING'
                THEN
                    (offered.status = 'COMPLETED' AND (own.metadata -> 'reanalyseAfter') IS NULL)
                    OR (own.import_id IS NULL AND (offered.metadata -> 'livedashBatch') IS NOT NULL)
            WHEN 'FAILED'
                THEN
                    (own.metadata -> 'livedashBatch') IS NOT NULL
                    AND (own.metadata ->> 'livedashBatch') IS DISTINCT FROM (offered.metadata ->> 'livedashBatch')
            ELSE FALSE
        END
    ORDER BY sessions.id
    FOR UPDATE OF sessions
) AS chosen
WHERE chosen.chat = targets.chat
