"""Whether a listed batch is surplus, the same batch under another id, or nothing that can be told.

A wrong verdict cancels what was paid for, so surplus needs three looks that agree: the listing, the batch itself, and the batch
that its row names. What is surplus is cancelled in `ledger.steps.recovery.surplus`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from livedash_pipeline.ledger.rules.recovery.evidence import Tag
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch


class Verdict(StrEnum):
    """What a listed batch with our mark is."""

    OURS = "ours"  # the one that its row names, or recovery's to adopt
    ALIAS = "alias"  # the one that its row names, under another id
    MOVED = "moved"  # the one that its row tracked, which is known under this id only by now
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
        is_lost: The service did not know the tracked id when it was last asked for it.
        tag: By what its present create is recognised.
        is_closed: Nobody waits for a batch of it any more.
    """

    id: UUID
    model: str
    remote_batch_id: str | None
    listed_batch_id: str | None
    tag: Tag
    is_closed: bool
    is_lost: bool = False


def first_sight(
    remote: RemoteBatch, row: NamedRow | None, tracked: Collection[str], listed_ids: Collection[str] = ()
) -> Verdict | None:
    """What can be told without asking; None where the batch has to be looked at.

    Args:
        remote: As it is listed, with our mark.
        row: The row that it names; None if there is none.
        tracked: All ids of the service that any row names, under which the listing may show them.
        listed_ids: All ids of the listing: one that shows a batch and what was taken for its other id shows two batches.
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
    # Without the name of its create it may be the one that recovery looks for, in a listing that renames files.
    return None if remote.our_nonce is not None else Verdict.UNCLEAR


@dataclass(frozen=True)
class Looks:
    """What the service answered for a batch that may be surplus.

    Attributes:
        listed: As the listing shows it.
        itself: As a look-up by that id shows it; None if the service does not know it.
        tracked: As a look-up of the id that its row tracks shows that one; None if unknown, or if the row tracks none.
        both_listed: The same listing shows the tracked one as well, under its id or under one by which a look-up finds it.
        is_whole: That listing is sound and was read so far back that it would show the tracked id.
    """

    listed: RemoteBatch
    itself: RemoteBatch | None
    tracked: RemoteBatch | None
    both_listed: bool
    is_whole: bool = True


def judge_twin(looks: Looks, row: NamedRow, tracked: Collection[str]) -> Verdict:
    """The verdict after a look at both batches.

    The same batch under two ids carries the name of one create and is listed once. A proxy that repeats a create makes two
    batches with one name, which are listed both.
    """
    if row.remote_batch_id is None:
        return _without_rival(looks, row, tracked)
    if looks.tracked is None:
        return _judge_successor(looks, row)
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


def _judge_successor(looks: Looks, row: NamedRow) -> Verdict:
    """Of a row whose batch is not known under its id any more: the one that carries the name of its create is that batch."""
    itself = looks.itself
    named = itself is not None and row.tag.nonce is not None and itself.our_nonce == row.tag.nonce
    return Verdict.MOVED if named and not looks.both_listed else Verdict.UNCLEAR


def _without_rival(looks: Looks, row: NamedRow, tracked: Collection[str]) -> Verdict:
    """Of a row that tracks no batch: its create was given up, or the batch is of an earlier create."""
    itself = looks.itself
    if itself is None or itself.id in tracked or not _agree(looks.listed, itself):
        return Verdict.UNCLEAR
    return Verdict.OURS if not row.is_closed and row.tag.is_on(itself) else Verdict.SURPLUS


def _agree(listed: RemoteBatch, itself: RemoteBatch) -> bool:
    """Whether listing and look-up speak of one batch: both carry the mark of one row and one create.

    Where either of them leaves the marks out, both show one input file.
    """
    marks = [(remote.our_batch_id, remote.our_nonce) for remote in (listed, itself)]
    if (None, None) in marks and listed.input_file_id:
        return listed.input_file_id == itself.input_file_id
    return marks[0] == marks[1]
