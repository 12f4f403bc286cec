COPY import_stage_rejects FROM STDIN
