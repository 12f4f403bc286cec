"""What a service's listing and look-ups prove of batches of ours, and what they do not.

A claim of an outsider counts only together with others: a batch is known by the name of its create or by its input file, absence
is believed only of a listing that shows other batches of ours where it must. Nothing here asks; steps do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch

OLDEST_WITNESS = timedelta(days=3)
"""Older batches of ours are no witnesses: services forget, and listings become long."""


class PurchaseGuard(StrEnum):
    """How sure it is that a batch is not bought twice; the words of the vendors' reference, as far as they are in use."""

    TAG_FENCE = "tag_fence"
    TAG = "tag"


GUARD_WORDS = {
    PurchaseGuard.TAG_FENCE: "not bought twice; a late twin is impossible once its input file is deleted",
    PurchaseGuard.TAG: "a twin is found and cancelled; what it ran by then is paid and shown",
}


@dataclass(frozen=True)
class Tag:
    """By what one create of ours is recognised: the name that it carries and the file that it was made of."""

    nonce: str | None
    input_file_id: str | None

    def is_on(self, remote: RemoteBatch) -> bool:
        """Whether a batch was made by this create; one of the two marks is enough, since gateways lose or rename the other.

        A batch that names another create is none, whatever its file: the name cannot be guessed.
        """
        if self.nonce is not None and remote.our_nonce is not None:
            return remote.our_nonce == self.nonce
        return self.input_file_id is not None and remote.input_file_id == self.input_file_id


@dataclass(frozen=True)
class OwnBatch:
    """A batch of ours that the service has, made with the key that looks. `made_at` is of the database's clock."""

    remote_batch_id: str
    tag: Tag
    made_at: datetime
    is_probe: bool = False


class Proof(StrEnum):
    """What a look proves about a batch that it does not show."""

    ABSENT = "absent"
    NO_WITNESS = "no_witness"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class Absence:
    """A verdict, and why, as the end of a sentence about the listing."""

    proof: Proof
    reason: str = ""


@dataclass(frozen=True)
class Witnesses:
    """Batches of ours around a create: the first few made after it began and the newest probe, and the newest made before it."""

    later: Sequence[OwnBatch] = ()
    earlier: Sequence[OwnBatch] = ()


def shown_as(listing: Listing, own: OwnBatch) -> RemoteBatch | None:
    """How a listing shows a batch of ours, under its id or, by its marks, under another one."""
    by_id = listing.with_id(own.remote_batch_id)
    if by_id is not None:
        return by_id
    return next((remote for remote in listing.batches if own.tag.is_on(remote)), None)


def hidden(listing: Listing, witnesses: Witnesses, *, settled_before: datetime) -> list[OwnBatch]:
    """Batches of ours that a listing must show and does not: if the service knows one of them, the listing is no proof.

    Args:
        listing: What was read.
        witnesses: Batches around the create in question.
        settled_before: What was made later may not be shown yet.
    """
    due = [own for own in witnesses.later if own.made_at <= settled_before]
    return [own for own in (*due, *witnesses.earlier[:1]) if shown_as(listing, own) is None]


def nameless(listing: Listing, witnesses: Witnesses, *, since: datetime) -> RemoteBatch | None:
    """A batch that could be the one in question, since the listing shows neither whose it is nor what it was made of.

    Args:
        listing: What was read.
        witnesses: Batches of ours that are known by their ids.
        since: When the input file in question was made, by the service's clock; older batches are none of it.
    """
    known = {own.remote_batch_id for own in (*witnesses.later, *witnesses.earlier)}
    for remote in listing.batches:
        is_later = remote.created_at is None or remote.created_at >= since
        if is_later and remote.id not in known and remote.is_nameless:
            return remote
    return None


def judge_absence(
    listing: Listing,
    witnesses: Witnesses,
    *,
    known_and_hidden: Iterable[OwnBatch] = (),
    candidate: RemoteBatch | None = None,
    note: str = "",
) -> Absence:
    """What a look that did not find a batch proves of it.

    Args:
        listing: What was read, back to the earlier witnesses.
        witnesses: Batches around the create in question; earlier ones that the service has forgotten are left out.
        known_and_hidden: Those of `hidden` that the service knows when it is asked for them by id.
        candidate: A batch that is `nameless`.
        note: Why there is no probe, where one could not be made.
    """
    if listing.flaw is not None:
        return Absence(Proof.CONTRADICTED, listing.flaw)
    missing = next(iter(known_and_hidden), None)
    if missing is not None:
        return Absence(
            Proof.CONTRADICTED,
            f"does not show batch {missing.remote_batch_id}, which the service knows when it is asked for it",
        )
    if candidate is not None:
        return Absence(
            Proof.CONTRADICTED,
            f"shows batch {candidate.id} without an input file and without a name, so that it may be this one",
        )
    # A stale listing shows what was made before the create and not what came after; one that is cut off after its newest
    # batches shows the later ones and not what lies before them.
    later = next(filter(None, (shown_as(listing, own) for own in witnesses.later)), None)
    earlier = next(filter(None, (shown_as(listing, own) for own in witnesses.earlier)), None)
    if later is None or (witnesses.earlier and earlier is None):
        return Absence(
            Proof.NO_WITNESS, note or "shows no batch of ours where it must, so that its silence proves nothing"
        )
    for remote in filter(None, (later, earlier)):
        if not any(own.tag.is_on(remote) for own in (*witnesses.later, *witnesses.earlier)):
            return Absence(
                Proof.CONTRADICTED, f"shows batch {remote.id} without the marks by which a lost one is found"
            )
    return Absence(Proof.ABSENT)
