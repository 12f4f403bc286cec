"""What a service's listing and look-ups prove of batches of ours, and what they do not.

No single statement of a service is a proof. A batch is recognised by the name of its create or by its input file. A batch counts
as absent only if the listing that omits it shows other batches of ours where it must. Steps make the calls; nothing here does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from livedash_pipeline.ledger.rules.service.listing import Listing
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch

OLDEST_WITNESS = timedelta(days=3)
"""Batches of ours that are older do not serve as witnesses: services forget, and listings become long."""


class PurchaseGuard(StrEnum):
    """How reliably a batch is kept from being bought twice, in the terms of the vendors' reference that are in use here."""

    TAG_FENCE = "tag_fence"
    TAG = "tag"


GUARD_WORDS = {
    PurchaseGuard.TAG_FENCE: "not bought twice; a late twin is impossible once its input file is deleted",
    PurchaseGuard.TAG: "a twin is found and cancelled; what it ran by then is paid and shown",
}


@dataclass(frozen=True)
class Tag:
    """The two marks of one create of ours: the name that it carries and the file that it was made of."""

    nonce: str | None
    input_file_id: str | None

    def is_on(self, remote: RemoteBatch) -> bool:
        """Whether a batch was made by this create; one mark is enough, since gateways lose or rename the other.

        A batch that names another create was not made by this one, whatever its file: nobody can guess the name.
        """
        if self.nonce is not None and remote.our_nonce is not None:
            return remote.our_nonce == self.nonce
        return self.input_file_id is not None and remote.input_file_id == self.input_file_id


@dataclass(frozen=True)
class OwnBatch:
    """A batch of ours that the service has, made with the key that looks. `made_at` is a time of the database's clock."""

    remote_batch_id: str
    tag: Tag
    made_at: datetime
    is_probe: bool = False


class Proof(StrEnum):
    """The conclusion from a look that does not show a batch."""

    ABSENT = "absent"
    NO_WITNESS = "no_witness"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class Absence:
    """A conclusion with its reason, which completes a sentence that begins with the listing."""

    proof: Proof
    reason: str = ""


@dataclass(frozen=True)
class Witnesses:
    """Batches of ours around a create.

    Attributes:
        later: The first few that were made after it began, and the newest probe.
        earlier: The newest that were made before it.
    """

    later: Sequence[OwnBatch] = ()
    earlier: Sequence[OwnBatch] = ()


def shown_as(listing: Listing, own: OwnBatch) -> RemoteBatch | None:
    """Returns the listed batch that is this one of ours: by its id, or by its marks under another id; None if it is not shown."""
    by_id = listing.with_id(own.remote_batch_id)
    if by_id is not None:
        return by_id
    return next((remote for remote in listing.batches if own.tag.is_on(remote)), None)


def hidden(listing: Listing, witnesses: Witnesses, *, settled_before: datetime) -> list[OwnBatch]:
    """Returns batches of ours that a listing must show but omits: if the service knows one of them, the listing proves nothing.

    Args:
        listing: What was read.
        witnesses: Batches around the create in question.
        settled_before: The listing may not show yet what was made later.
    """
    due = [own for own in witnesses.later if own.made_at <= settled_before]
    return [own for own in (*due, *witnesses.earlier[:1]) if shown_as(listing, own) is None]


def nameless(listing: Listing, witnesses: Witnesses, *, since: datetime) -> RemoteBatch | None:
    """Returns a listed batch that could be the one in question, since it shows neither its owner nor its input file.

    Args:
        listing: What was read.
        witnesses: Batches of ours that are known by their ids.
        since: When the input file in question was made, by the service's clock; an older batch cannot be made of it.
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
    """Decides what follows from a look that did not find a batch.

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
    # A stale listing shows batches from before the create and none from after it; a listing that is cut off after its newest
    # batches shows the later ones and none from before. So a batch from each side has to be there.
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
