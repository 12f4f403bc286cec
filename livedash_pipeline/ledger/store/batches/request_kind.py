"""The interface of a kind of request: everything that depends on what its requests are about.

The ledger claims, sends, recovers and settles requests of every kind alike. Add a method here when the ledger has to know
something about a request's subject, and implement it in each kind; `analysis.steps.session_analysis` is the first. In SQL,
claims, requeues and settlements read a view of each kind's subjects, with `current_hash`, `is_claimable`, `is_requeueable` and
`is_erased` by `subject_id`; the database function `request_subject` chooses the view by the kind's name.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_pipeline.base.store.companies import Company
from livedash_pipeline.errors import LivedashError
from livedash_pipeline.ledger.rules.admission.nothing_sent import Subjects
from livedash_pipeline.ledger.rules.results.answers import UnusableAnswer, UsableAnswer


class RequestKind(Protocol):
    """A kind of request. Methods that take a connection run on the caller's transaction."""

    @property
    def name(self) -> str:
        """The `processing_type` of its requests."""
        ...

    def version(self) -> str:
        """The version of what is asked; requests of another version are not claimed before they are brought up to date."""
        ...

    # Before a claim.

    def outdated_companies(
        self, connection: Connection, *, default_model: str, company_id: UUID | None = None
    ) -> list[Company]:
        """Returns working companies with unclaimed requests of another model or version than the present ones; as a rule none."""
        ...

    def bring_up_to_date(
        self,
        engine: Engine,
        company: Company,
        *,
        default_model: str,
        count_tokens: Callable[[str], int],
        clock: Callable[[Connection], datetime],
    ) -> None:
        """Gives a company's unclaimed requests its present model, version and input."""
        ...

    def drop_lost_inputs(self, connection: Connection, company_id: UUID, *, now: datetime) -> tuple[int, int]:
        """Ends a company's pending requests whose input was deleted, and those whose input is outdated; returns how many each."""
        ...

    def take_kept_answers(self, engine: Engine, company_id: UUID) -> int:
        """Completes a company's pending requests whose answer was paid for and can be read; returns how many."""
        ...

    def count_subjects(self, connection: Connection, company_id: UUID | None) -> Subjects:
        """Counts the subjects of its requests, of all companies or of one."""
        ...

    # From a claim to its batch's end. Subjects are locked before their requests, in id order: the other way round deadlocks.

    def start(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """Notes that the subjects of a claimed batch are being asked about."""
        ...

    def lock_subjects(self, connection: Connection, batch_id: UUID) -> None:
        """Locks the subjects of all requests that were tried in a batch."""
        ...

    def fail(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Marks the subjects of requests that failed before anything was bought, with the reason."""
        ...

    def wait_again(self, connection: Connection, request_ids: Sequence[UUID]) -> None:
        """Notes that the subjects of requeued requests wait again."""
        ...

    # The lines of a batch.

    def lines(
        self, engine: Engine, batch_id: UUID, model: str, parameters: dict[str, Any]
    ) -> Generator[tuple[UUID, bytes | None]]:
        """Yields id and line of each request of a batch, in id order; None for a line whose input has changed since its claim."""
        ...

    def fixed_bytes(self, model: str, parameters: dict[str, Any] | None) -> int:
        """Returns the bytes of a line for a model without its input; `parameters` None: the defaults of the model's name."""
        ...

    def give_up_lost_inputs(
        self, connection: Connection, company_id: UUID, request_ids: Sequence[UUID], *, now: datetime
    ) -> None:
        """Fails released requests that would be claimed again as they are, though their input cannot be rebuilt."""
        ...

    # Answers.

    def read_answer(self, text: str, subject_id: str) -> UsableAnswer | UnusableAnswer:
        """Reads the text of an answer about a subject; never raises."""
        ...

    def apply_batch(self, connection: Connection, batch_id: UUID, *, now: datetime) -> None:
        """Writes the answers of a batch to their subjects, and marks the subjects of its other requests."""
        ...

    def details(self, connection: Connection, batch_id: UUID) -> Mapping[str, int]:
        """Returns named counts about a batch's answers beyond their outcomes."""
        ...

    def apply_kept(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> int:
        """Writes the answers of complete requests to their subjects; returns how many subjects took one."""
        ...

    def fail_late(self, connection: Connection, request_ids: Sequence[UUID], *, now: datetime) -> None:
        """Marks the subjects of requests that failed by a line which showed after their batch was settled."""
        ...


class Kinds(dict[str, RequestKind]):
    """The kinds of request that a program knows, by name."""

    @classmethod
    def of(cls, *kinds: RequestKind) -> Kinds:
        """The kinds under their names."""
        return cls({kind.name: kind for kind in kinds})

    def __missing__(self, name: str) -> RequestKind:
        raise LivedashError(
            f"Requests of the kind {name!r} are unknown to this program.",
            remedy="A newer version made them: run that one.",
        )
