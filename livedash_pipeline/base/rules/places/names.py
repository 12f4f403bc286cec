"""Names in a listing: which of them are files to import, and in which order.

Add what programs call a file that is not to be read yet. Which places are listed is decided in `stores`, which listed files are
due in `intake.rules.import_files`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

# A listing holds so many names at most, hidden ones included: more is a mistake, or an archive that nobody clears.
MOST_NAMES = 100_000
WILD = re.compile(r"[*?]")
_BEGINNING = datetime.min.replace(tzinfo=UTC)
# What programs append to the name of a file that is still on its way.
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~")


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What a listing claims of a file.

    Attributes:
        address: Its whole address, by which it is known.
        path: Its path within the store.
        size: Bytes.
        version: What the store calls this version (ETag, generation); None where it has no word for it.
        modified_at: When it was changed, by the store's clock; None where it does not say.
    """

    address: str
    path: str
    size: int
    version: str | None
    modified_at: datetime | None

    def is_same_as(self, size: int | None, version: str | None, modified_at: datetime | None) -> bool:
        """Whether these describe the same version; its time counts only where the store has no word for versions."""
        if (self.size, self.version) != (size, version):
            return False
        return version is not None or self.modified_at == modified_at


def fits(name: str, pattern: str) -> bool:
    """Whether a name in a listing is meant by a pattern; hidden and unfinished ones are meant by none with `*` or `?`."""
    if not WILD.search(pattern):
        return name == pattern
    spelled = "".join({"*": ".*", "?": "."}.get(letter, re.escape(letter)) for letter in pattern)
    return not is_hidden(name) and re.fullmatch(spelled, name, re.DOTALL) is not None


def is_hidden(name: str) -> bool:
    """Whether a name is none of a file to import: `.x`, `_SUCCESS`, `x.csv.tmp`, `x.csv.filepart`, `x.csv~`."""
    marker = name.startswith("_") and "." not in name
    return not name or name.startswith(".") or marker or name.lower().endswith(_UNFINISHED)


def oldest_first(files: Iterable[ListedFile]) -> list[ListedFile]:
    """Files in the order of their times, and of their addresses where those are equal; those without a time come first."""
    return sorted(files, key=lambda file: (file.modified_at or _BEGINNING, file.address))
