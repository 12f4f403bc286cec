-- What comes back of which session.
CREATE TEMPORARY TABLE scratch_restorations ON COMMIT DROP AS
SELECT
    decided.session_id,
    decided.restores_transcript,
    decided.restores_row,
    decided.restores_messages,
    decided.restores_answers
FROM unnest(
    CAST(:session_ids AS uuid[]),
    CAST(:transcripts AS boolean[]),
    CAST(:row_texts AS boolean[]),
    CAST(:messages AS boolean[]),
    CAST(:answers AS boolean[])
) AS decided (session_id, restores_transcript, restores_row, restores_messages, restores_answers)
