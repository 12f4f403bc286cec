"""Where the files are that ship with the package but stand outside it in the repository.

In a wheel they lie inside the package; in a checkout at its root, where people look for them.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Path of `sql` or `dagster.yaml`, wherever this installation keeps it.

    Raises:
        FileNotFoundError: The installation is incomplete.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name} is missing from this installation of livedash_pipeline; install it again.")
