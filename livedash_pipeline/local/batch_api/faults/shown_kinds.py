"""Ways in which the service shows, takes or does other than it should: ids, listings, metadata, times, words, fences, validation.

Add a kind here when a gateway or vendor shows something that `fault_kinds.py` cannot say. Pure data: `batch_views.py` acts on
what is shown of a batch, `listing_faults.py` on pages of the listing, `service.py` on what is taken and done.
"""

from typing import Annotated, Literal

from pydantic import Field

from livedash_pipeline.local.batch_api.faults.fault_base import Base, Count, Seconds

ShownBy = Literal["create", "retrieve", "cancel", "list"]
"""An operation that answers with a batch."""
_OUTSIDE_LISTING: tuple[ShownBy, ...] = ("create", "retrieve", "cancel")


class RenamedId(Base):
    """Answers of the operations in `by` name the batch `prefix` and its own id, those of the others its own id alone.

    `accepts` says which of the two names a retrieval or cancellation may use; as a cursor of the listing both are good.
    """

    kind: Literal["renamed_id"]
    prefix: Annotated[str, Field(min_length=1)] = "gw_"
    by: tuple[ShownBy, ...] = _OUTSIDE_LISTING
    accepts: Literal["renamed", "own", "both"] = "renamed"


class RenamedInputFile(Base):
    """Answers of the operations in `by` name another input file than the create did: with a prefix, or null."""

    kind: Literal["renamed_input_file"]
    prefix: str | None = "gw_"
    by: tuple[ShownBy, ...] = ("list",)


class HiddenBatch(Base):
    """The listing never shows the batch; a retrieval does."""

    kind: Literal["hidden_batch"]


class ChangedMetadata(Base):
    """The metadata are not those that were sent.

    `missing` leaves them out, `null` and `empty` are what they say, `dropped` lacks `keys` (without them, all that
    begin with "livedash"), `cut` shortens values to `keep` characters, `lower_case` and `upper_case` change their
    letters, `upper_keys` those of the keys.
    """

    kind: Literal["changed_metadata"]
    change: Literal["missing", "null", "empty", "dropped", "cut", "lower_case", "upper_case", "upper_keys"] = "missing"
    by: tuple[ShownBy, ...] = ("list",)
    keys: tuple[str, ...] = ()
    keep: Count = 8


class WrongCreatedAt(Base):
    """The time of creation is not the true one: left out, null, in milliseconds, `seconds` off, or `seconds` for all."""

    kind: Literal["wrong_created_at"]
    says: Literal["missing", "null", "milliseconds", "shifted", "fixed"] = "missing"
    seconds: float = 0.0
    by: tuple[ShownBy, ...] = ("create", "retrieve", "cancel", "list")


class FrozenListing(Base):
    """The listing shows the batch for ever as it was when it was listed first."""

    kind: Literal["frozen_listing"]


class MovesWhenRetrieved(Base):
    """What is shown of the batch moves on only when it is retrieved; the first `retrievals` - 1 show no end."""

    kind: Literal["moves_when_retrieved"]
    retrievals: Count = 1


class EndWord(Base):
    """A batch that has ended says so in another word; without `output_file` or `end_time` it shows none of these."""

    kind: Literal["end_word"]
    word: str
    of: Literal["completed", "failed", "expired", "cancelled", "any"] = "completed"
    output_file: bool = True
    end_time: bool = True


class RepeatedCreate(Base):
    """One call makes two batches, as when a proxy sends a POST again; one of the two is answered.

    With `seconds` the second is made so much later, and the first one is answered.
    """

    kind: Literal["repeated_create"]
    answered: Literal["first", "second"] = "second"
    seconds: Seconds = 0.0


class OddValidation(Base):
    """Input files are checked at another time: a bad one is refused at its upload or at the create, or run as if it was good."""

    kind: Literal["odd_validation"]
    at: Literal["upload", "create", "never"]


class SurvivingInput(Base):
    """A deleted input file cannot be seen any more, and a batch created on it runs all the same."""

    kind: Literal["surviving_input"]


class Pretend(Base):
    """The answer says that the file is deleted, or that the batch is being cancelled, and nothing happens."""

    kind: Literal["pretend"]
    operation: Literal["delete_file", "cancel_batch"]


class EmptyPage(Base):
    """A page of the listing shows nothing."""

    kind: Literal["empty_page"]
    has_more: bool = True
    page: Literal["any", "first", "later"] = "any"


class OddHasMore(Base):
    """`has_more` is left out, null, or always the same word."""

    kind: Literal["odd_has_more"]
    says: Literal["missing", "null", "true", "false"]


class OddData(Base):
    """`data` is left out, null, or holds a null behind its items."""

    kind: Literal["odd_data"]
    says: Literal["missing", "null", "with_null"]


class IgnoredCursor(Base):
    """Whatever `after` says, the first page is shown."""

    kind: Literal["ignored_cursor"]


class RepeatedItems(Base):
    """A page begins with the last `items` of the page before it; `doubled`: each item stands twice in its page."""

    kind: Literal["repeated_items"]
    items: Annotated[int, Field(ge=0)] = 1
    doubled: bool = False


class SkippedItems(Base):
    """A page leaves out the first `items` that follow the page before it."""

    kind: Literal["skipped_items"]
    items: Count = 1


class ListingOrder(Base):
    """The listing is in another order than newest first; `unsteady`: in another one at every call."""

    kind: Literal["listing_order"]
    order: Literal["oldest_first", "shuffled", "unsteady"]


class WrongCursor(Base):
    """`first_id` and `last_id` are null, left out, exchanged, or name a batch that is not in the page."""

    kind: Literal["wrong_cursor"]
    says: Literal["null", "missing", "exchanged", "unknown"]


class CutListing(Base):
    """The listing ends after `items` batches, and says that this is all."""

    kind: Literal["cut_listing"]
    items: Annotated[int, Field(ge=0)]


class RecentOnly(Base):
    """The listing shows only batches of the last `seconds`."""

    kind: Literal["recent_only"]
    seconds: Seconds


ShownFault = (
    RenamedId
    | RenamedInputFile
    | HiddenBatch
    | ChangedMetadata
    | WrongCreatedAt
    | FrozenListing
    | MovesWhenRetrieved
    | EndWord
    | RepeatedCreate
    | OddValidation
)
"""Of one batch, from its creation on."""

ListingFault = (
    EmptyPage
    | OddHasMore
    | OddData
    | IgnoredCursor
    | RepeatedItems
    | SkippedItems
    | ListingOrder
    | WrongCursor
    | CutListing
    | RecentOnly
)
"""Of one call of `list_batches`; all that strike it act on it."""
