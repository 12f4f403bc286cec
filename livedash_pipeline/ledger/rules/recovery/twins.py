"""Decides whether a listed batch is surplus, the same batch under another id, or unclear.

A wrong verdict cancels a batch that was paid for, so three looks have to agree before a batch is surplus: the listing, the batch
itself, and the batch that its row names. `ledger.steps.recovery.surplus` cancels surplus.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from livedash_pipeline.ledger.rules.recovery.evidence import Tag
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch


class Verdict(StrEnum):
    """The verdict on a listed batch with our mark."""

    OURS = "ours"  # the batch that its row names, or one that recovery will adopt
    ALIAS = "alias"  # the batch that its row names, under another id
    MOVED = "moved"  # the batch that its row tracked; the service knows it under this id only by now
    SURPLUS = "surplus"
    UNCLEAR = "unclear"  # nothing is done to it


@dataclass(frozen=True)
class NamedRow:
    """A row that a listed batch names.

    Attributes:
        id: The row's.
        model: Of its requests.
        remote_batch_id: The batch at the service that it tracks; None where it has none, or where that one has vanished.
        listed_batch_id: The id under which the listing shows that one, where it is another.
        is_lost: The service did not know the tracked id at the last look-up.
        earlier_file_ids: Input files of creates that were given up.
        tag: The marks of its present create.
        is_closed: The row waits for no batch any more.
    """

    id: UUID
    model: str
    remote_batch_id: str | None
    listed_batch_id: str | None
    tag: Tag
    is_closed: bool
    is_lost: bool = False
    earlier_file_ids: frozenset[str] = frozenset()


def first_sight(
    remote: RemoteBatch, row: NamedRow | None, tracked: Collection[str], listed_ids: Collection[str] = ()
) -> Verdict | None:
    """Returns the verdict that needs no look-up; None where the batch has to be looked up.

    Args:
        remote: As it is listed, with our mark.
        row: The row that it names; None if there is none.
        tracked: All ids of the service that any row names, and those under which the listing may show them.
        listed_ids: All ids of the listing: one that shows a batch beside its supposed other id shows two batches.
    """
    if row is None:
        return Verdict.UNCLEAR
    if remote.id == row.remote_batch_id:
        return Verdict.OURS
    if remote.id == row.listed_batch_id:
        return None if row.is_lost or row.remote_batch_id in listed_ids else Verdict.OURS
    if remote.id in tracked:
        return Verdict.OURS
    if row.remote_batch_id is not None or row.is_closed:
        return None
    if row.tag.is_on(remote):
        return Verdict.OURS
    # Without the name of its create it may be the batch that recovery looks for, since some listings rename files; but no other
    # file becomes one of ours that was given up, since nobody can guess its id.
    is_of_another = remote.our_nonce is not None or remote.input_file_id in row.earlier_file_ids
    return None if is_of_another else Verdict.UNCLEAR


@dataclass(frozen=True)
class Looks:
    """The service's answers about a batch that may be surplus.

    Attributes:
        listed: The batch as the listing shows it.
        itself: The batch as a look-up by the listed id shows it; None if the service does not know that id.
        tracked: The batch that its row tracks, as a look-up shows it; None if it is unknown, or if the row tracks none.
        both_listed: The same listing also shows the tracked batch, under its id or under one by which a look-up finds it.
        is_whole: The listing is sound and was read so far back that it would show the tracked id.
    """

    listed: RemoteBatch
    itself: RemoteBatch | None
    tracked: RemoteBatch | None
    both_listed: bool
    is_whole: bool = True


def judge_twin(looks: Looks, row: NamedRow, tracked: Collection[str]) -> Verdict:
    """Returns the verdict after a look-up of both batches.

    One batch under two ids carries the name of one create and is listed once. A proxy that repeats a create makes two batches
    with one name, and the listing shows both.
    """
    if row.remote_batch_id is None:
        return _without_rival(looks, row, tracked)
    if looks.tracked is None:
        return _judge_successor(looks, row, tracked)
    if looks.tracked.id == looks.listed.id:
        return Verdict.ALIAS
    itself = looks.itself
    if itself is not None and itself.id == looks.tracked.id:
        return Verdict.ALIAS
    if itself is not None and itself.id in tracked:
        return Verdict.UNCLEAR
    if row.tag.is_on(looks.listed) and not looks.both_listed:
        return Verdict.ALIAS if looks.is_whole else Verdict.UNCLEAR
    return Verdict.SURPLUS if itself is not None and _agree(looks.listed, itself) else Verdict.UNCLEAR


def _judge_successor(looks: Looks, row: NamedRow, tracked: Collection[str]) -> Verdict:
    """Judges for a row whose id no look-up knows: a batch that carries the name of its create is the tracked one.

    One that carries the name of another create is not, where the listing shows the tracked id beside it: some services list
    batches under ids that they do not look up.
    """
    itself = looks.itself
    if itself is None or row.tag.nonce is None or itself.our_nonce is None:
        return Verdict.UNCLEAR
    if itself.our_nonce == row.tag.nonce:
        return Verdict.UNCLEAR if looks.both_listed else Verdict.MOVED
    is_another = looks.both_listed and itself.id not in tracked and _agree(looks.listed, itself)
    return Verdict.SURPLUS if is_another else Verdict.UNCLEAR


def _without_rival(looks: Looks, row: NamedRow, tracked: Collection[str]) -> Verdict:
    """Judges for a row that tracks no batch: its create was given up, or the batch is of an earlier create."""
    itself = looks.itself
    if itself is None or itself.id in tracked or not _agree(looks.listed, itself):
        return Verdict.UNCLEAR
    return Verdict.OURS if not row.is_closed and row.tag.is_on(itself) else Verdict.SURPLUS


def _agree(listed: RemoteBatch, itself: RemoteBatch) -> bool:
    """Whether listing and look-up show one batch: both carry the mark of one row and one create.

    Where either omits the marks, both have to show one input file.
    """
    marks = [(remote.our_batch_id, remote.our_nonce) for remote in (listed, itself)]
    if (None, None) in marks and listed.input_file_id:
        return listed.input_file_id == itself.input_file_id
    return marks[0] == marks[1]
