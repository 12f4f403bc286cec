"""Turns chat sessions of many companies into analysed sessions: Dagster and Postgres around OpenAI's Batch API.

Read `docs/architecture.md` for the map. What a project of your own needs stands in `__all__`, and is loaded when it is first
asked for, so that importing one part loads that part alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livedash_pipeline.component import LiveDash
    from livedash_pipeline.definitions import build_defs
    from livedash_pipeline.defs.parts import Part
    from livedash_pipeline.settings import Settings, load_settings

__version__ = "0.1.0"
__all__ = ["LiveDash", "Part", "Settings", "__version__", "build_defs", "load_settings"]

_HOMES = {
    "LiveDash": "component",
    "Part": "defs.parts",
    "Settings": "settings",
    "build_defs": "definitions",
    "load_settings": "settings",
}


def __getattr__(name: str) -> object:
    """Loads a public name from the module that has it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
