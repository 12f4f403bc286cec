"""Style sheet, script and icon: a few files of ours, under names that change with their contents.

A browser keeps them for good, since another content has another name.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from livedash_pipeline.web.links import PREFIX

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent.

    Attributes:
        content: Its bytes.
        packed: The same under gzip.
        media_type: Its type.
    """

    content: bytes
    packed: bytes
    media_type: str


@cache
def static_files() -> dict[str, StaticFile]:
    """All files by the name that they are served under."""
    return {_name(path): _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


@cache
def static(name: str) -> str:
    """The address of a file, named as it is in `web/static`.

    Raises:
        KeyError: There is none.
    """
    path = FOLDER / name
    if path.suffix not in TYPES or not path.is_file():
        raise KeyError(name)
    return f"{PREFIX}/static/{_name(path)}"


def _name(path: Path) -> str:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return f"{path.stem}.{digest}{path.suffix}"


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, gzip.compress(content, mtime=0), TYPES[path.suffix])
