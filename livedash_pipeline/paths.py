"""Finds files that ship with the package but are outside it in the repository.

In a wheel they are inside the package; in a checkout they are at its root, where people look for them.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Returns the path of `sql` or `dagster.yaml` in this installation.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name} is missing from this installation of livedash_pipeline; install it again.")
