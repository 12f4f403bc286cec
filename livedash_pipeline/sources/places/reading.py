"""Lists the files of a place, and reads one of them whole, or not at all.

A listing is a claim, and so is the size in it: a file is looked at before and after it is read, and what differs is cut off.
What is done with the files is the business of `intake.steps.import_files`.
"""

from __future__ import annotations

from typing import BinaryIO

from livedash_pipeline.base.rules.places.names import MOST_NAMES, ListedFile, fits
from livedash_pipeline.base.rules.places.stores import Place, StoreRoot
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.http import FetchLimits, Received, copy_within, shown_url
from livedash_pipeline.sources.places.store import Entry, Store

# Addresses are kept in an index of the database, which takes no longer ones.
_LONGEST_ADDRESS = 2_000
# Somebody writes to it: it is no failure of the store, and no other file has to wait for it.
CHANGED = "file_changed"
# A listing of so many names takes a store some seconds, and a slow server some minutes.
LISTING_SECONDS = 300.0


def list_files(store: Store, place: Place, *, most: int = MOST_NAMES) -> list[ListedFile]:
    """The files that a folder or a pattern names, in any order; hidden and unfinished names are left out.

    Raises:
        SourceError: The folder cannot be listed, or holds more names than `most` (`too_many_files`).
    """
    folders = [place.base]
    *inner, last = place.patterns
    seen = 0
    found: list[ListedFile] = []
    with Deadline(LISTING_SECONDS) as deadline:
        for level, pattern in enumerate((*inner, last)):
            is_last = level == len(inner)
            below: list[str] = []
            for folder in folders:
                entries = _entries(store, folder, place, most - seen, deadline, may_be_gone=level > 0)
                seen += len(entries)
                if seen > most:
                    raise _too_many(place, most)
                fitting = [entry for entry in entries if entry.is_folder != is_last and fits(entry.name, pattern)]
                paths = [f"{folder}/{entry.name}" if folder or place.root is None else entry.name for entry in fitting]
                if is_last:
                    found += [_listed(entry, path, place.root) for entry, path in zip(fitting, paths, strict=True)]
                else:
                    below += paths
            folders = below
    return found


def look_at(store: Store, place: Place, deadline: Deadline) -> ListedFile:
    """One file as it is now.

    Raises:
        SourceError: It is not there, or may not be read.
    """
    return _listed(store.look(place.path, deadline=deadline), place.path, place.root)


def read_whole(store: Store, file: ListedFile, sink: BinaryIO, limits: FetchLimits) -> Received:
    """Reads a file into an emptied `sink`.

    Raises:
        SourceError: It is not what the listing showed (`file_changed`), ends before its time (`cut_off`), is too large, or gone.
        StorageError: `sink` takes no more.
    """
    sink.seek(0)
    sink.truncate()
    if file.size > limits.max_bytes:
        # `copy_within` would say the same after as many bytes.
        raise SourceError(
            f"{shown_url(file.address)} is larger than the {limits.max_bytes:,} bytes that are allowed.",
            reason="too_large",
            retryable=False,
        )
    with Deadline(limits.total_seconds) as deadline:
        _require_unchanged(store, file, deadline)
        pieces = store.pieces(file.path, file.size, deadline=deadline)
        received = copy_within(pieces, sink, max_bytes=limits.max_bytes, name=shown_url(file.address))
        if received.size != file.size:
            raise _cut_off(file, "cut_off", f"ended after {received.size:,} of {file.size:,} bytes")
        _require_unchanged(store, file, deadline)
    return received


def _require_unchanged(store: Store, file: ListedFile, deadline: Deadline) -> None:
    now = store.look(file.path, deadline=deadline)
    if not file.is_same_as(now.size, now.version, now.modified_at):
        raise _cut_off(file, CHANGED, "changed while it was read")


def _cut_off(file: ListedFile, reason: str, what: str) -> SourceError:
    return SourceError(
        f"{shown_url(file.address)} {what}.",
        reason=reason,
        retryable=True,
        remedy="Nothing of it was imported, and it is read again. Have it written under another name and renamed at its end.",
    )


def _entries(
    store: Store, folder: str, place: Place, most: int, deadline: Deadline, *, may_be_gone: bool
) -> list[Entry]:
    try:
        return store.entries(folder, most=max(most, 0), deadline=deadline)
    except SourceError as error:
        if may_be_gone and error.reason == "file_not_found":
            return []
        if error.reason == "file_not_found":
            error.remedy = (
                f"Correct it with `livedash company set SLUG --csv-url`; now it is {shown_url(place.address)}."
            )
        raise


def _too_many(place: Place, most: int) -> SourceError:
    return SourceError(
        f"{shown_url(place.address)} means going through more than {most:,} names, which is refused.",
        reason="too_many_files",
        retryable=False,
        remedy="Move files that were imported to another folder, or name the folder more closely.",
    )


def _listed(entry: Entry, path: str, root: StoreRoot | None) -> ListedFile:
    address = Place(root, path).address
    try:
        length = len(address.encode())
    except UnicodeEncodeError:
        length = _LONGEST_ADDRESS + 1
    if length > _LONGEST_ADDRESS or "\0" in address:
        raise SourceError(
            f"{shown_url(address)} has a name that is longer than {_LONGEST_ADDRESS:,} bytes, or no text.",
            reason="bad_name",
            retryable=False,
            remedy="Rename the file.",
        )
    return entry.as_file(address, path)
