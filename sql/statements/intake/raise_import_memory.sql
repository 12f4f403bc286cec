-- For this transaction only: grouping and joining a million ids then need no files (4 MB is Postgres's default).
SET LOCAL work_mem = '96MB'
