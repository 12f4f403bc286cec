SELECT
    (SELECT count(*) FROM import_stage) AS staged,
    (SELECT count(*) FROM import_stage_rejects) AS rejected,
    (SELECT mode() WITHIN GROUP (ORDER BY reason) FROM import_stage_rejects) AS commonest_reason
