"""What to do with a batch whose submitter is gone: the tables of the rules, and that no order of looks buys too early."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.ledger.rules.recovery.evidence import Absence, Proof, Tag
from livedash_pipeline.ledger.rules.recovery.recovery import (
    RecoveryClock,
    Step,
    UnfinishedBatch,
    choose_ours,
    concerns_one_batch,
    first_step,
    look_again_at,
    next_step,
)
from livedash_pipeline.ledger.rules.service.failures import ApiFailure, FailureKind
from livedash_pipeline.ledger.rules.service.remote import RemoteBatch, read_remote_batch
from tests.conftest import NOW

CLOCK = RecoveryClock(deadline=timedelta(seconds=60), lag=timedelta(seconds=120))
NOTHING = UnfinishedBatch(None, None, None, None, None)
BEGUN = replace(NOTHING, create_started_at=NOW)
ASKED = replace(BEGUN, input_delete_requested_at=NOW + timedelta(seconds=180), input_delete_key="key")
DELETED = replace(ASKED, input_deleted_at=NOW + timedelta(seconds=181))
KEYS = ("key", "other key")
ABSENT = Absence(Proof.ABSENT)
UNWITNESSED = Absence(Proof.NO_WITNESS)
CONTRADICTED = Absence(Proof.CONTRADICTED, "does not show another batch")


def wanted_gone(batch: UnfinishedBatch) -> UnfinishedBatch:
    return replace(batch, cancel_requested_at=NOW)


def look(
    batch: UnfinishedBatch,
    seconds: float,
    *,
    found: bool = False,
    file_visible: bool = True,
    key: str = "key",
    absence: Absence = ABSENT,
) -> Step:
    return next_step(
        batch,
        found=found,
        file_visible=file_visible,
        same_project=batch.input_delete_key in (None, key),
        absence=absence,
        now=NOW + timedelta(seconds=seconds),
        clock=CLOCK,
    )


@pytest.mark.parametrize(
    ("batch", "step"),
    [
        (NOTHING, Step.RESUME),
        (wanted_gone(NOTHING), Step.CANCEL),
        (BEGUN, Step.LOOK),
        (wanted_gone(BEGUN), Step.LOOK),
        (DELETED, Step.LOOK),
    ],
)
def test_only_a_begun_create_makes_the_service_worth_asking(batch: UnfinishedBatch, step: Step) -> None:
    assert first_step(batch) is step


@pytest.mark.parametrize("batch", [BEGUN, wanted_gone(BEGUN), ASKED, DELETED])
@pytest.mark.parametrize("key", KEYS)
def test_what_is_found_is_adopted_whatever_else_is_known(batch: UnfinishedBatch, key: str) -> None:
    assert look(batch, 1_000, found=True, file_visible=False, key=key) is Step.ADOPT


@pytest.mark.parametrize(
    ("batch", "seconds", "file_visible", "key", "step"),
    [
        (NOTHING, 0, True, "key", Step.RESUME),
        # Before the fence: time has to pass, and the key must see the file.
        (BEGUN, 179, True, "key", Step.WAIT),
        (BEGUN, 180, True, "key", Step.DELETE_INPUT),
        (BEGUN, 180, True, "other key", Step.DELETE_INPUT),
        (BEGUN, 10_000, False, "key", Step.STOP),
        (wanted_gone(BEGUN), 179, True, "key", Step.WAIT),
        (wanted_gone(BEGUN), 180, True, "key", Step.DELETE_INPUT),
        # The deletion was written down, and perhaps done.
        (ASKED, 181, True, "key", Step.DELETE_INPUT),
        (ASKED, 181, False, "key", Step.DELETE_INPUT),
        (ASKED, 181, True, "other key", Step.DELETE_INPUT),
        (ASKED, 10_000, False, "other key", Step.STOP),
        # The file is gone: another lag, and the same key.
        (DELETED, 300, False, "key", Step.WAIT),
        (DELETED, 301, False, "key", Step.START_OVER),
        (wanted_gone(DELETED), 300, False, "key", Step.WAIT),
        (wanted_gone(DELETED), 301, False, "key", Step.CANCEL),
        (DELETED, 10_000, False, "other key", Step.STOP),
        (wanted_gone(DELETED), 10_000, False, "other key", Step.STOP),
    ],
)
def test_absence_is_believed_step_by_step(
    batch: UnfinishedBatch, seconds: float, file_visible: bool, key: str, step: Step
) -> None:
    assert look(batch, seconds, file_visible=file_visible, key=key) is step


@pytest.mark.parametrize(("absence", "step"), [(UNWITNESSED, Step.PROBE), (CONTRADICTED, Step.UNPROVEN)])
@pytest.mark.parametrize(("batch", "seconds"), [(BEGUN, 180), (wanted_gone(BEGUN), 180), (DELETED, 301)])
def test_absence_without_proof_waits_for_a_probe_or_a_person(
    batch: UnfinishedBatch, seconds: int, absence: Absence, step: Step
) -> None:
    assert look(batch, seconds, absence=absence) is step
    believed = replace(batch, absence_believed_at=NOW)
    assert look(believed, seconds, absence=absence) is look(batch, seconds)


@pytest.mark.parametrize(
    ("batch", "seconds", "again"),
    [
        (BEGUN, 10, 180),
        (BEGUN, 500, 500),
        (ASKED, 190, 190),
        (DELETED, 190, 301),
        (NOTHING, 5, 5),
    ],
)
def test_the_next_look_is_when_it_can_tell_something(batch: UnfinishedBatch, seconds: int, again: int) -> None:
    found = look_again_at(batch, now=NOW + timedelta(seconds=seconds), clock=CLOCK)
    assert found == NOW + timedelta(seconds=again)


def remote(name: str, status: str = "validating", **fields: Any) -> RemoteBatch:
    return read_remote_batch({"id": name, "status": status, "input_file_id": "file", "created_at": 1_000} | fields)


@pytest.mark.parametrize(
    ("listed", "order"),
    [
        ([remote("a", input_file_id="earlier"), remote("b", input_file_id=None)], []),
        ([remote("a"), remote("b", input_file_id="earlier")], ["a"]),
        # Results first, even of a batch that was cancelled; then the furthest on; then the oldest; then the name.
        ([remote("a", "finalizing"), remote("b", "cancelled", output_file_id="f")], ["b", "a"]),
        ([remote("a", "completed"), remote("b", "in_progress", request_counts={"completed": 1})], ["b", "a"]),
        ([remote("a", "validating"), remote("b", "in_progress"), remote("c", "finalizing")], ["c", "b", "a"]),
        (
            [remote("a", "failed"), remote("b", "cancelled"), remote("c", "cancelling"), remote("d")],
            ["d", "c", "b", "a"],
        ),
        ([remote("a", "some_new_word"), remote("b", "cancelled")], ["a", "b"]),
        ([remote("a", created_at=3), remote("b", created_at=2), remote("c", created_at=None)], ["b", "a", "c"]),
        ([remote("b"), remote("a")], ["a", "b"]),
    ],
)
def test_of_several_batches_on_the_file_the_one_worth_most_comes_first(
    listed: list[RemoteBatch], order: list[str]
) -> None:
    tag = Tag("nonce", "file")
    assert [batch.id for batch in choose_ours(listed, tag)] == order
    assert [batch.id for batch in choose_ours(list(reversed(listed)), tag)] == order


@dataclass
class Row:
    """A row as recovery writes it, and what has really happened to its input file."""

    batch: UnfinishedBatch
    now: datetime = NOW
    deleted_for: list[tuple[datetime, str]] = field(default_factory=list)

    def visible_to(self, key: str) -> bool:
        return key == "key" and not self.deleted_for

    def step(self, key: str, *, call_fails: bool, absence: Absence = ABSENT) -> Step:
        """One look that finds nothing, with what follows from it; the call that deletes may get no answer."""
        found = next_step(
            self.batch,
            found=False,
            file_visible=self.visible_to(key),
            same_project=self.batch.input_delete_key in (None, key),
            absence=absence,
            now=self.now,
            clock=CLOCK,
        )
        if found is Step.DELETE_INPUT:
            asked = self.batch.input_delete_requested_at or self.now
            self.batch = replace(self.batch, input_delete_requested_at=asked, input_delete_key=key)
            if self.visible_to(key):
                self.deleted_for.append((self.now, key))
            if not call_fails:
                self.batch = replace(self.batch, input_deleted_at=self.now)
        return found


looks = st.lists(
    st.tuples(
        st.integers(0, 200),
        st.sampled_from(KEYS),
        st.booleans(),
        st.booleans(),
        st.sampled_from([ABSENT, UNWITNESSED, CONTRADICTED]),
    ),
    min_size=1,
    max_size=30,
)


@given(looks)
def test_no_order_of_looks_starts_over_before_the_file_is_gone_and_both_waits_are_over(
    sequence: list[tuple[int, str, bool, bool, Absence]],
) -> None:
    row = Row(BEGUN)
    for seconds, key, call_fails, cancel, absence in sequence:
        row.now += timedelta(seconds=seconds)
        if cancel:
            row.batch = wanted_gone(row.batch)
        fenced_before = row.batch.input_delete_requested_at is not None
        step = row.step(key, call_fails=call_fails, absence=absence)
        if step is Step.DELETE_INPUT and not fenced_before:
            assert absence is ABSENT
        if step in (Step.START_OVER, Step.CANCEL):
            assert absence is ABSENT
            ((deleted_at, deleted_by),) = row.deleted_for
            assert deleted_by == key == row.batch.input_delete_key
            assert deleted_at >= NOW + CLOCK.deadline + CLOCK.lag
            assert row.batch.input_deleted_at is not None
            assert row.now >= row.batch.input_deleted_at + CLOCK.lag
            assert (step is Step.CANCEL) == (row.batch.cancel_requested_at is not None)
            return
        assert step in (Step.WAIT, Step.DELETE_INPUT, Step.STOP, Step.PROBE, Step.UNPROVEN)


@given(st.integers(0, 100_000), st.sampled_from([BEGUN, DELETED, wanted_gone(BEGUN), wanted_gone(DELETED)]))
def test_a_wait_ends_when_it_says(seconds: int, batch: UnfinishedBatch) -> None:
    if look(batch, seconds) is Step.WAIT:
        now = NOW + timedelta(seconds=seconds)
        again = look_again_at(batch, now=now, clock=CLOCK)
        assert again > now
        assert look(batch, (again - NOW).total_seconds()) is not Step.WAIT


@pytest.mark.parametrize(
    ("kind", "of_one"),
    [
        (FailureKind.NOT_FOUND, True),
        (FailureKind.BROKEN, True),
        (FailureKind.QUOTA, False),
        (FailureKind.FORBIDDEN, False),
    ],
)
def test_some_failures_concern_one_batch_alone(kind: FailureKind, of_one: bool) -> None:
    assert concerns_one_batch(ApiFailure(kind, None, None, "m")) is of_one
