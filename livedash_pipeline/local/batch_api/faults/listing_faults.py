"""Pages of the listing of batches as the faults that strike a call make them.

Add here what a fault of the listing does. Without one, `service.py` takes a page as it is from the store.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from livedash_pipeline.local.batch_api.documents import page
from livedash_pipeline.local.batch_api.faults.fault_desk import StruckListing
from livedash_pipeline.local.batch_api.faults.shown_kinds import (
    CutListing,
    EmptyPage,
    IgnoredCursor,
    ListingFault,
    ListingOrder,
    OddData,
    OddHasMore,
    RecentOnly,
    RepeatedItems,
    SkippedItems,
    WrongCursor,
)
from livedash_pipeline.local.batch_api.records import BatchRecord

_K = TypeVar("_K", bound=ListingFault)


class FaultyListing:
    """One call of the listing and the faults that strike it.

    Args:
        struck: the faults, in the order of their scripts.
        now: the clock, in seconds.
    """

    def __init__(self, struck: Sequence[StruckListing], now: float) -> None:
        self._struck = struck
        self._now = now

    def page(
        self, listed: list[BatchRecord], after: str | None, count: int, show: Callable[[BatchRecord], dict[str, Any]]
    ) -> dict[str, Any]:
        """Returns a page.

        Args:
            listed: all batches that are listed, newest first.
            after: the id of the batch behind which the page begins.
            count: how many it may hold.
            show: makes a batch its document.
        """
        batches = self._arrange(listed)
        start = self._start(batches, after)
        found = batches[start : start + count + 1]
        document = page([show(batch) for batch in found], count)
        self._spoil_data(document, later=after is not None)
        self._spoil_words(document)
        return document

    def _all(self, kind: type[_K]) -> list[_K]:
        return [each.fault for each in self._struck if isinstance(each.fault, kind)]

    def _arrange(self, batches: list[BatchRecord]) -> list[BatchRecord]:
        for recent in self._all(RecentOnly):
            batches = [batch for batch in batches if batch.created_at > self._now - recent.seconds]
        for each in self._struck:
            if isinstance(each.fault, ListingOrder):
                batches = _in_order(batches, each, each.fault)
        for cut in self._all(CutListing):
            batches = batches[: cut.items]
        return batches

    def _start(self, batches: list[BatchRecord], after: str | None) -> int:
        if after is None or self._all(IgnoredCursor):
            return 0
        ids = [batch.id for batch in batches]
        start = ids.index(after) + 1 if after in ids else len(ids)
        repeated = sum(fault.items for fault in self._all(RepeatedItems))
        return max(0, start + sum(fault.items for fault in self._all(SkippedItems)) - repeated)

    def _spoil_data(self, document: dict[str, Any], *, later: bool) -> None:
        for repeated in self._all(RepeatedItems):
            if repeated.doubled:
                document["data"] = [item for each in document["data"] for item in (each, each)]
        for empty in self._all(EmptyPage):
            if empty.page == "any" or (empty.page == "later") is later:
                document |= {"data": [], "has_more": empty.has_more, "first_id": None, "last_id": None}

    def _spoil_words(self, document: dict[str, Any]) -> None:
        for wrong in self._all(WrongCursor):
            _spoil_cursor(document, wrong)
        for odd in self._all(OddHasMore):
            document["has_more"] = {"null": None, "true": True, "false": False, "missing": None}[odd.says]
            if odd.says == "missing":
                del document["has_more"]
        for odd_data in self._all(OddData):
            if odd_data.says == "missing":
                document.pop("data", None)
            else:
                document["data"] = None if odd_data.says == "null" else [*document["data"], None]


def _in_order(batches: list[BatchRecord], struck: StruckListing, fault: ListingOrder) -> list[BatchRecord]:
    if fault.order == "oldest_first":
        return batches[::-1]
    key = f"{struck.seed}/{struck.number if fault.order == 'unsteady' else ''}/"
    # A place that follows from the id, so that a batch which is new does not move the others.
    return sorted(batches, key=lambda batch: Random(key + batch.id).random())  # noqa: S311 -- repeatable on purpose


def _spoil_cursor(document: dict[str, Any], wrong: WrongCursor) -> None:
    first, last = document["first_id"], document["last_id"]
    if wrong.says == "missing":
        del document["first_id"], document["last_id"]
        return
    says = {"null": (None, None), "exchanged": (last, first), "unknown": ("batch_unknown", "batch_unknown")}
    document["first_id"], document["last_id"] = says[wrong.says]
