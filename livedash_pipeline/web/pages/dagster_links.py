"""Addresses of Dagster's UI, where the settings say where people open it.

Add an address of another kind of its pages here.
"""

from __future__ import annotations

from urllib.parse import quote

from livedash_pipeline.settings import Settings


def run_page(settings: Settings, run_id: str | None) -> str | None:
    """The page of a run; None without a run, or without LIVEDASH_DAGSTER_UI."""
    if run_id is None or settings.livedash_dagster_ui is None:
        return None
    return f"{settings.livedash_dagster_ui}/runs/{quote(run_id, safe='')}"
