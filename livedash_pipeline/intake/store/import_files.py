"""What is known of the files in companies' folders, in `import_files`.

Add statements on that table here. Each function works in the transaction of its caller; what is imported is marked in the one
that merges its rows, so that a file is neither imported twice nor marked and not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, any_, bindparam, delete, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import Text

from livedash_pipeline.base.rules.places.names import ListedFile
from livedash_pipeline.base.rules.states import ImportFileState
from livedash_pipeline.base.store.tables import companies, import_files
from livedash_pipeline.intake.rules.import_files import KnownFile

_files = import_files.c
_PAGE = 5_000


def known_files(
    connection: Connection, company_id: UUID, listed: Sequence[str], *, belongs: Callable[[str], bool]
) -> dict[str, KnownFile]:
    """What is known of the listed files, and of others that belong to the same place and were not found to be gone."""
    names = bindparam("names", list(listed), ARRAY(Text))
    rows = connection.execute(
        select(
            _files.path,
            _files.state,
            _files.size,
            _files.version,
            _files.modified_at,
            _files.seen_at,
            _files.gone_at.is_not(None),
            _files.sha256,
        ).where(_files.company_id == company_id, or_(_files.gone_at.is_(None), _files.path == any_(names)))
    )
    shown = set(listed)
    return {
        path: KnownFile(ImportFileState(state), *rest) for path, state, *rest in rows if path in shown or belongs(path)
    }


def imported_as(connection: Connection, company_id: UUID, sha256: str) -> UUID | None:
    """The run that imported these bytes for the company, under whatever name; None where none did."""
    return connection.execute(
        select(_files.import_run_id)
        .where(_files.company_id == company_id, _files.sha256 == sha256)
        .order_by(_files.imported_at)
        .limit(1)
    ).scalar_one_or_none()


def note_files(
    connection: Connection,
    company_id: UUID,
    files: Iterable[ListedFile],
    state: ImportFileState,
    *,
    now: datetime,
    **values: Any,
) -> None:
    """Notes the versions that were seen, and what became of them; further columns are the same for all of them."""
    rows = [
        {
            "company_id": company_id,
            "path": file.address,
            "state": state,
            "size": file.size,
            "version": file.version,
            "modified_at": file.modified_at,
            "first_seen_at": now,
            "seen_at": now,
            "gone_at": None,
            **values,
        }
        for file in files
    ]
    for start in range(0, len(rows), _PAGE):
        page = rows[start : start + _PAGE]
        written = insert(import_files)
        new = written.excluded
        kept = {name: new[name] for name in page[0] if name not in {"company_id", "path", "first_seen_at"}}
        changed = written.on_conflict_do_update(index_elements=["company_id", "path"], set_=kept)
        connection.execute(changed, page)


def note_waiting(connection: Connection, company_id: UUID, files: Sequence[ListedFile], *, now: datetime) -> None:
    """Notes files that wait; of one that waited already at the same version it stays known since when."""
    names = [file.address for file in files]
    rows = connection.execute(
        select(_files.path, _files.size, _files.version, _files.modified_at).where(
            _files.company_id == company_id,
            _files.state == ImportFileState.WAITING,
            _files.gone_at.is_(None),
            _files.path == any_(literal(names, ARRAY(Text))),
        )
    )
    before = {path: rest for path, *rest in rows}
    changed = [file for file in files if file.address not in before or not file.is_same_as(*before[file.address])]
    note_files(connection, company_id, changed, ImportFileState.WAITING, now=now)


def note_gone(connection: Connection, company_id: UUID, names: Sequence[str], *, now: datetime | None) -> None:
    """Notes that no listing shows these files any more; without a time, that one shows them again."""
    if names:
        chosen = _files.path == any_(literal(list(names), ARRAY(Text)))
        connection.execute(update(import_files).where(_files.company_id == company_id, chosen).values(gone_at=now))


def forget_files(connection: Connection, company_id: UUID | None) -> int:
    """Has the next import of a company, or of all, read every file again, oldest first; returns of how many."""
    chosen = delete(import_files)
    if company_id is not None:
        chosen = chosen.where(_files.company_id == company_id)
    return connection.execute(chosen).rowcount


def look_again(connection: Connection, company_id: UUID, at: datetime) -> None:
    """Has a company looked at again at a time, unless it is due before that."""
    known = companies.c
    later = or_(known.next_import_at.is_(None), known.next_import_at > at)
    connection.execute(update(companies).where(known.id == company_id, later).values(next_import_at=at))
