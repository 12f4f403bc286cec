"""Turns chat sessions of many companies into analysed sessions: Dagster and Postgres around OpenAI's Batch API.

Read `docs/architecture.md` for the map. Nothing is imported here, so that importing one part loads that part alone.
"""
