"""Chat sessions of many companies in, analysed sessions out: Dagster and Postgres around OpenAI's Batch API.

Read `docs/architecture.md` for the map. Nothing is imported here, so that importing one part loads that part alone.
"""
