"""The archive: texts of settled months move to Parquet files, and come back from there.

`rules` decides what is settled, what a manifest may say and what comes back; `store` reads and writes rows and files; `steps` are
the commands. Rows stay in Postgres, whatever is archived: docs/decisions/texts-move-rows-stay.md says why.
"""
