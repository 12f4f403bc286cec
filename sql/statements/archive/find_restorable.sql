-- Where the texts of a group of sessions stand (`archive.rules.restoring`): none in the archive, present or gone here, or
-- rows that are not what the archive says.
WITH said AS (
    SELECT
        coalesce(here.session_id, copied.session_id) AS session_id,
        count(copied.content) AS texts,
        count(*) FILTER (WHERE here.content = copied.content) AS present,
        count(*) FILTER (
            WHERE
            (here.session_id, here.role, here.sent_at)
            IS DISTINCT FROM (copied.session_id, copied.role, copied.sent_at)
            OR here.content <> copied.content
            OR (here.content IS NOT NULL AND copied.content IS NULL)
        ) AS differing
    FROM (
        SELECT messages.*
        FROM messages
        WHERE messages.session_id = ANY(CAST(:session_ids AS uuid[]))
    ) AS here
    FULL JOIN scratch_message_copies AS copied
        ON copied.session_id = here.session_id AND copied.position = here.position
    GROUP BY coalesce(here.session_id, copied.session_id)
),

answered AS (
    SELECT
        copied.session_id,
        count(*) AS texts,
        count(*) FILTER (
            WHERE NOT (
                (here.raw_answer, here.parsed_answer::text) IS DISTINCT FROM (copied.raw_answer, copied.parsed_answer)
            )
        ) AS present,
        count(*) FILTER (
            WHERE
            here.id IS NULL
            OR here.input_hash <> copied.input_hash
            OR (
                num_nonnulls(here.raw_answer, here.parsed_answer) > 0
                AND (here.raw_answer, here.parsed_answer::text) IS DISTINCT FROM (copied.raw_answer, copied.parsed_answer)
            )
        ) AS differing
    FROM scratch_request_copies AS copied
    LEFT JOIN ai_processing_requests AS here ON here.id = copied.id AND here.session_id = copied.session_id
    WHERE num_nonnulls(copied.raw_answer, copied.parsed_answer) > 0
    GROUP BY copied.session_id
)

SELECT
    kept.session_id,
    kept.import_id,
    coalesce(sessions.company_id = :company_id AND sessions.import_id = kept.import_id, FALSE) AS is_known,
    coalesce(imports.erased_at IS NOT NULL, FALSE) AS is_erased,
    coalesce(imports.content_hash = kept.row_hash, FALSE) AS is_same_row,
    coalesce(archived.texts_deleted_at IS NOT NULL, FALSE) AS is_deleted_by_archive,
    coalesce(sessions.end_time, imports.end_time) AS end_time,
    CASE
        WHEN kept.transcript IS NULL THEN 'none'
        WHEN transcripts.content = kept.transcript THEN 'present'
        WHEN transcripts.status = 'PRUNED' AND coalesce(transcripts.sha256, '') = coalesce(kept.transcript_sha256, '') THEN 'gone'
        ELSE 'changed'
    END AS transcript,
    CASE
        WHEN num_nonnulls(kept.initial_message, kept.unread, kept.extra) = 0 THEN 'none'
        WHEN num_nonnulls(imports.initial_message, imports.unread, imports.extra) = 0 THEN 'gone'
        WHEN
            NOT (
                (imports.initial_message, imports.unread::text, imports.extra::text)
                IS DISTINCT FROM (kept.initial_message, kept.unread, kept.extra)
            )
            THEN 'present'
        ELSE 'changed'
    END AS row_texts,
    CASE
        WHEN coalesce(said.texts, 0) = 0 AND kept.initial_msg IS NULL THEN 'none'
        WHEN coalesce(said.differing, 0) > 0 THEN 'changed'
        WHEN coalesce(sessions.transcript_hash, '') <> coalesce(kept.transcript_hash, '') THEN 'changed'
        WHEN coalesce(said.present, 0) = 0 AND sessions.initial_msg IS NULL THEN 'gone'
        WHEN
            coalesce(said.present, 0) = coalesce(said.texts, 0)
            AND coalesce(sessions.initial_msg, '') = coalesce(kept.initial_msg, '')
            THEN 'present'
        ELSE 'changed'
    END AS messages,
    CASE
        WHEN answered.session_id IS NULL THEN 'none'
        WHEN answered.differing > 0 THEN 'changed'
        WHEN answered.present = 0 THEN 'gone'
        WHEN answered.present = answered.texts THEN 'present'
        ELSE 'changed'
    END AS answers
FROM scratch_copies AS kept
LEFT JOIN sessions ON sessions.id = kept.session_id
LEFT JOIN session_imports AS imports ON imports.id = kept.import_id
LEFT JOIN transcripts ON transcripts.import_id = kept.import_id
LEFT JOIN archived_sessions AS archived ON archived.import_id = kept.import_id AND archived.part_id = :part_id
LEFT JOIN said ON said.session_id = kept.session_id
LEFT JOIN answered ON answered.session_id = kept.session_id
ORDER BY kept.session_id
