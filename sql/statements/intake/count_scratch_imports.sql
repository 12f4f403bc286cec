SELECT
    (SELECT count(*) FROM scratch_imports) AS staged,
    (SELECT count(*) FROM scratch_imports WHERE unread IS NOT NULL) AS unread,
    (SELECT count(*) FROM scratch_import_rejects) AS rejected,
    (SELECT mode() WITHIN GROUP (ORDER BY reason) FROM scratch_import_rejects) AS commonest_reason
