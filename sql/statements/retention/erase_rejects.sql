UPDATE import_rejects
SET raw_text = '', detail = NULL
WHERE
    import_rejects.company_id = :company_id
    AND import_rejects.raw_text ~ ANY(CAST(:patterns AS text[]))
