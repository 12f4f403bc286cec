"""What must hold when the flow has come to its end, whatever went wrong before: the ledger against the service's own books.

The service's bill says which line of which remote batch was charged and with how many tokens; its records say how each batch
really ended, and which fault struck a line. From these follows what every attempt must say:

- a charged line has the outcome that its answer deserves, with the tokens of the bill; `missing` only where the answer was never
  written, cannot be read, or came short again and again; `artifact_unavailable` only where files or batches vanish;
- a line that was not charged is `rejected`, `transient` or `not_run`, by what the service said of it, and has no tokens;
- a surplus batch carries the tokens of its bill, and none is charged at all: its create came too late for its input file;
- a request is charged once, and once more for each time that somebody requeued it; the same input is never answered twice.
  Only batches that the service forgets before anybody could see them are left out of all this: that is beyond its word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Engine, Table, select

from livedash_pipeline.base.rules.outcomes import PAID_OUTCOMES
from livedash_pipeline.base.store.tables import (
    ai_batch_requests,
    ai_processing_requests,
    ai_request_attempts,
    ai_surplus_batches,
    session_processing_status,
    sessions,
)
from livedash_pipeline.ledger.rules.results.result_lines import UNREADABLE_LINE
from livedash_pipeline.ledger.rules.service.remote import METADATA_NONCE, METADATA_PROBE
from livedash_pipeline.local.batch_api.faults.batch_faults import faults_of
from livedash_pipeline.local.batch_api.faults.fault_kinds import AnswerShape, LineShape
from livedash_pipeline.local.batch_api.faults.line_shapes import UNREADABLE
from livedash_pipeline.local.batch_api.faults.shown_kinds import RenamedId
from livedash_pipeline.local.batch_api.records import ENDED, BatchRecord

# Short downloads in a row that are believed: three tries each (`services.openai.retries`), three times
# (`ledger.steps.results.ingest`).
_BELIEVED_AFTER = 9
_UNPROVABLE = ('"hidden_batch"', '"changed_metadata"')
_ANSWER_OF = {
    "refusal": "refused",
    "length": "truncated",
    "off_schema": "invalid_output",
    "invalid_json": "invalid_output",
    "other_session": "invalid_output",
    "missing_line": "missing",
    "garbled_line": "invalid_output",
}


class ServiceBooks(Protocol):
    """What the service knows: all batches as they are, oldest first, its journal, and what each line of an input file asked."""

    @property
    def inputs(self) -> Mapping[str, Mapping[str, str]]:
        """A digest of each line's body, by input file and custom id."""

    def records(self) -> list[BatchRecord]:
        """All batches."""

    def journal(self) -> Mapping[str, Any]:
        """`entries` and `bill`."""


@dataclass
class Observed:
    """What happened outside the database: requests that somebody requeued, and batches that were reported as taken in."""

    requeues: Counter[UUID] = field(default_factory=Counter)
    taken_in: Counter[UUID] = field(default_factory=Counter)
    accepted: set[UUID] = field(default_factory=set)
    """Batches whose files an operator accepted as all there is."""
    unfenced: bool = False
    """The service was told not to delete files, or to run batches on deleted ones."""
    limited: bool = False
    """The model takes so few tokens at once that a batch that waits for a person keeps others waiting."""
    cut_off: bool = False
    """The listing ended after its newest batches, by number or by age, and said that this was all."""


@dataclass(frozen=True)
class Books:
    """Both sides' books."""

    requests: list[Any]
    attempts: list[Any]
    late: list[Any]
    """Answers that showed after their batch was settled, each beside the attempt that had none."""
    batches: list[Any]
    surplus: list[Any]
    sessions: list[Any]
    stages: list[Any]
    records: Mapping[str, BatchRecord]
    bill: Mapping[tuple[str, str], tuple[int, int]]
    short: Mapping[str, int]
    inputs: Mapping[str, Mapping[str, str]]
    unpreventable: frozenset[str]
    """Batches that nobody could prevent: of a gateway that sent a create again, beyond the reach of a cut listing, or hidden."""
    cancelled: frozenset[str]
    """Batches that somebody cancelled."""
    accepted: Set[UUID]
    """Batches of ours whose files an operator accepted as all there is."""
    unfenced: bool
    """A deleted input file did not stop a create here: a twin is found and cancelled, and what it ran by then is paid."""
    limited: bool
    unprovable: bool
    """The service hides or unmarks batches for good: what it does not show is nobody's to conclude from."""

    @property
    def doubtful(self) -> set[UUID]:
        """Batches whose create has no known outcome and that wait for a person, as they say."""
        return {
            batch.id for batch in self.batches if batch.processed_at is None and batch.absence_doubt and self.unprovable
        }

    def own_id(self, name: str) -> str:
        """The service's own id of a batch that the listing may call otherwise."""
        return next((record.id for record in self.records.values() if record.alias == name), name)

    def extras(self, mark: str) -> int:
        """How many batches beyond the first nobody could prevent for a batch of ours."""
        return sum(_mark(self.records[each]) == mark for each in self.unpreventable)

    def is_left_alone(self, record: BatchRecord) -> bool:
        """Whether nobody can tell what it is: its row waits for a person, or it cannot be looked up by its listed id.

        The latter holds of what ran nothing, and of what a gateway made beside the one that we follow. What ran nothing
        may also show none of our marks: a late create on a deleted file, whose row has another file since.
        """
        ran_nothing = record.in_progress_at is None
        beside = ran_nothing or self.extras(_mark(record)) > 0
        unmarked = ran_nothing and '"changed_metadata"' in record.faults
        return UUID(_mark(record)) in self.doubtful or (beside and cannot_be_asked_for(record)) or unmarked

    def waits_for_a_person(self, request: Any) -> bool:
        """Whether a request is in a batch that waits for one, or waits for the tokens that such a batch reserves."""
        behind = self.limited and bool(self.doubtful) and request.processing_status == "PENDING_BATCHING"
        return behind or request.batch_id in self.doubtful

    @property
    def remote_of(self) -> dict[UUID, str | None]:
        return {batch.id: batch.openai_batch_id and self.own_id(batch.openai_batch_id) for batch in self.batches}


def find_violations(engine: Engine, service: ServiceBooks, observed: Observed) -> list[str]:
    """Everything that does not hold, one sentence each."""
    return violations_of(read_books(engine, service, observed), observed)


def violations_of(books: Books, observed: Observed) -> list[str]:
    """`find_violations` for books that have been read."""
    checks: tuple[Iterable[str], ...] = (
        _stuck(books),
        _sessions(books),
        _outcomes(books),
        _ledger(books),
        _surplus(books),
        _charges(books, observed),
        _doubles(books),
        _unbought(books),
        _unwanted(books, observed),
        _cancelled(books),
        _taken_in(observed),
    )
    return [violation for check in checks for violation in check]


def read_books(engine: Engine, service: ServiceBooks, observed: Observed) -> Books:
    """Reads both sides' books, without what nobody can know of."""
    with engine.connect() as connection:

        def rows(table: Table) -> list[Any]:
            return list(connection.execute(select(table).order_by(*table.primary_key)))

        tries = rows(ai_request_attempts)
        tables = {
            "requests": rows(ai_processing_requests),
            "attempts": [row for row in tries if not row.is_late],
            "late": [row for row in tries if row.is_late],
            "batches": rows(ai_batch_requests),
            "surplus": rows(ai_surplus_batches),
            "sessions": rows(sessions),
            "stages": rows(session_processing_status),
        }
    # Probes ask nothing of a model: whatever became of them is nobody's loss.
    everything = list(service.records())
    probes = {record.id for record in everything if _is_probe(record)}
    records = {record.id: record for record in everything if record.id not in probes}
    journal = service.journal()
    named = {row.openai_batch_id for row in (*tables["batches"], *tables["surplus"])}
    # Batches that the service forgot before anybody could learn of them: nobody can know that they were charged.
    # Nor of one that is hidden or shown as another's for good while everything else is shown as it is.
    # A twin that a gateway made, while the one that we follow is hidden, passes for that one under another id.
    twins = {_create(record) for record in records.values() if _is_disguised(record)} - {""}
    unseen = {
        record.id
        for record in records.values()
        if record.vanishes_at is not None or _is_disguised(record) or _create(record) in twins
    }
    forgotten = {name for name in unseen if not (named - {None}) & {name, records[name].alias}}
    bill = {
        (line["batch_id"], line["custom_id"]): (line["input_tokens"], line["output_tokens"])
        for line in journal["bill"]
        if line["batch_id"] not in forgotten | probes
    }
    records = {name: record for name, record in records.items() if name not in forgotten}
    beyond_reach = _beyond_reach(everything, tables["batches"]) & records.keys() if observed.cut_off else frozenset()
    short = Counter(entry["file_id"] for entry in journal["entries"] if entry["fault"] == "truncate")

    # Hidden for good, and written down all the same, since whoever made it learned its id too late.
    extra = {row.openai_batch_id for row in tables["surplus"]}
    hidden = {name for name, each in records.items() if '"hidden_batch"' in each.faults and {name, each.alias} & extra}

    own_ids = {record.alias: record.id for record in records.values() if record.alias}

    def acted_on(*operations: str) -> frozenset[str]:
        # A call names a batch as it was shown, perhaps by another id than its own.
        ids = (each["batch_id"] for each in journal["entries"] if each["operation"] in operations and each["acted"])
        return frozenset(own_ids.get(each, each) for each in ids) & records.keys()

    return Books(
        **tables,
        records=records,
        bill=bill,
        short=short,
        inputs=service.inputs,
        unpreventable=acted_on("repeat_create", "delayed_repeat_create") | beyond_reach | hidden,
        cancelled=acted_on("cancel_batch", "delayed_cancel_batch"),
        accepted=observed.accepted,
        unfenced=observed.unfenced,
        limited=observed.limited,
        unprovable=any(kind in each.faults for each in everything for kind in _UNPROVABLE),
    )


def _is_disguised(record: BatchRecord) -> bool:
    """Hidden, or with somebody else's input file and none of our marks; one that is shown without any file is doubted."""
    renamed = '"renamed_input_file"' in record.faults and '"prefix":null' not in record.faults.replace(" ", "")
    return '"hidden_batch"' in record.faults or (renamed and '"changed_metadata"' in record.faults)


def _beyond_reach(everything: Sequence[BatchRecord], batches: Iterable[Any]) -> frozenset[str]:
    """Batches older than all others whose ids we know: that a listing is cut off shows only in an older one that it lacks."""
    known = {batch.openai_batch_id for batch in batches} - {None}
    first = next(
        (place for place, each in enumerate(everything) if {each.id, each.alias} & known or _is_probe(each)), 0
    )
    return frozenset(each.id for each in everything[:first])


def _is_probe(record: BatchRecord) -> bool:
    return METADATA_PROBE in (record.metadata or {})


def cannot_be_asked_for(record: BatchRecord) -> bool:
    """Listed under an id that a look-up does not take."""
    return any(
        fault.accepts == ("own" if "list" in fault.by else "renamed") for fault in faults_of(record).all(RenamedId)
    )


def _stuck(books: Books) -> Iterator[str]:
    for request in books.requests:
        if books.waits_for_a_person(request):
            continue
        if request.processing_status not in ("PROCESSING_COMPLETE", "PROCESSING_FAILED"):
            yield f"request {_short(request.id)} is stuck in {request.processing_status}"
    for attempt in books.attempts:
        if attempt.outcome is None and attempt.batch_id not in books.doubtful:
            yield f"request {_short(attempt.request_id)} has no outcome in batch {_short(attempt.batch_id)}"
    yield from _stuck_batches(books)
    for surplus in books.surplus:
        if surplus.ended_at is None:
            yield f"surplus batch {surplus.openai_batch_id} was not followed to its end"
    for record in books.records.values():
        if record.status not in ENDED:
            yield f"remote batch {record.id} is still {record.status}"


def _stuck_batches(books: Books) -> Iterator[str]:
    for batch in books.batches:
        if batch.id in books.doubtful:
            continue
        if batch.processed_at is None:
            yield f"batch {_short(batch.id)} is stuck in {batch.status} ({batch.openai_batch_id})"
        elif batch.lease_until is not None:
            yield f"batch {_short(batch.id)} is settled and still leased"
        elif batch.status not in ("PROCESSED", "FAILED", "CANCELLED"):
            yield f"batch {_short(batch.id)} is settled in status {batch.status}"


def _sessions(books: Books) -> Iterator[str]:
    stages = {(stage.import_id, stage.stage): stage.status for stage in books.stages}
    newest = {request.session_id: request for request in books.requests}
    for session in books.sessions:
        status, request = stages.get((session.import_id, "AI_ANALYSIS")), newest.get(session.id)
        if request is not None and books.waits_for_a_person(request):
            continue
        if session.stale:
            yield f"session {_short(session.id)} is still stale"
        if request is None:
            yield f"session {_short(session.id)} has no request"
        elif status == "COMPLETED":
            answers = [
                other.transcript_hash
                for other in books.requests
                if other.session_id == session.id and other.processing_status == "PROCESSING_COMPLETE"
            ]
            if session.transcript_hash not in answers:
                yield f"session {_short(session.id)} is complete without an answer about its messages"
            if session.analysed_at is None or session.summary is None:
                yield f"session {_short(session.id)} is complete without an analysis"
        elif status != "FAILED":
            yield f"session {_short(session.id)} ends with AI_ANALYSIS {status}"
        elif request.processing_status != "PROCESSING_FAILED":
            yield f"session {_short(session.id)} has FAILED and its newest request is {request.processing_status}"


def _outcomes(books: Books) -> Iterator[str]:
    """Each request has one outcome, each attempt the outcome that the service's own records imply."""
    attempts = defaultdict(list)
    for attempt in books.attempts:
        attempts[attempt.request_id].append(attempt)
        expected = _expected(books, attempt)
        if attempt.outcome is not None and attempt.outcome not in expected:
            yield (
                f"request {_short(attempt.request_id)} in batch {_short(attempt.batch_id)} ended {attempt.outcome}"
                f" ({attempt.error_code}), expected {'/'.join(sorted(expected))}"
            )
    late = Counter(attempt.request_id for attempt in books.late if attempt.outcome == "parsed")
    for request in books.requests:
        tried = attempts[request.id]
        parsed = sum(attempt.outcome == "parsed" for attempt in tried)
        complete = request.processing_status == "PROCESSING_COMPLETE"
        # A late answer completes a request unless that was bought again meanwhile, which may have ended otherwise.
        holds = parsed <= complete <= parsed + late[request.id] if late[request.id] else parsed == complete
        if not holds:
            yield f"request {_short(request.id)} is {request.processing_status} with {parsed} parsed attempts"
        if request.batch_id in books.doubtful:
            continue
        counted = sum(attempt.outcome != "not_run" for attempt in tried)
        if request.attempts != counted:
            yield f"request {_short(request.id)} counts {request.attempts} attempts, its ledger {counted}"


def _expected(books: Books, attempt: Any) -> set[str]:
    remote = books.remote_of[attempt.batch_id]
    record = books.records.get(remote) if remote else None
    if record is None:
        return {"not_run"}
    charged = (record.id, str(attempt.request_id)) in books.bill
    fault = faults_of(record).of_line(record.id, str(attempt.request_id))
    kind = fault.kind if fault else ""
    found = _hidden(books, attempt, record)
    if charged:
        doubtful = isinstance(fault, LineShape | AnswerShape) and fault.shape in UNREADABLE
        return found | {"invalid_output" if doubtful else _ANSWER_OF.get(kind, "parsed")}
    if record.in_progress_at is None:
        return found | {"not_run", "rejected", "transient"}
    if kind == "lost_line":
        return found | {"transient", "not_run"}
    if kind == "error_line":
        return found | {"transient", "rejected", "not_run"}
    return found | {"not_run"}


def _hidden(books: Books, attempt: Any, record: BatchRecord) -> set[str]:
    """How an attempt may end because what became of it shows nowhere, or not in time."""
    found: set[str] = set()
    if attempt.batch_id in books.accepted:
        # Whatever stands in no file, or in half a line, is given up with it.
        found |= {"artifact_unavailable", "invalid_output"}
    if '"vanish_' in record.faults or cannot_be_asked_for(record):
        # Nobody can fetch what it holds, and a person says so.
        found.add("artifact_unavailable")
    if any(books.short[name or ""] >= _BELIEVED_AFTER for name in (record.output_file_id, record.error_file_id)):
        # The line at which it ends may be cut in two; that one was answered.
        found |= {"missing", "invalid_output"}
    if '"late_output_file"' in record.faults:
        # It may name its answers only after nobody waits for them any more.
        found.add("missing")
    if '"wrong_counts"' in record.faults and not (record.output_file_id or record.error_file_id):
        # It says that it has answers, and shows none.
        found.add("missing")
    return found


def _ledger(books: Books) -> Iterator[str]:
    """Tokens of every attempt are those of the bill; every charge is in the ledger."""
    owners = {remote: batch for batch, remote in books.remote_of.items() if remote}
    attempts = {(attempt.batch_id, str(attempt.request_id)): attempt for attempt in books.attempts}
    for (remote, custom_id), tokens in books.bill.items():
        attempt = attempts.get((owners[remote], custom_id)) if remote in owners else None
        if attempt is None:
            if books.is_left_alone(books.records[remote]):
                continue
            if remote not in {books.own_id(surplus.openai_batch_id) for surplus in books.surplus}:
                yield f"{remote} was charged for {custom_id[-4:]}, and no ledger names it"
        elif attempt.error_code == UNREADABLE_LINE:
            continue
        elif attempt.outcome in PAID_OUTCOMES and (attempt.prompt_tokens, attempt.completion_tokens) != tokens:
            yield f"{remote} was charged {tokens} for {custom_id[-4:]}, the ledger says {attempt.prompt_tokens}"
    for attempt in (*books.attempts, *books.late):
        paid = attempt.outcome in PAID_OUTCOMES
        if paid and (books.remote_of[attempt.batch_id], str(attempt.request_id)) not in books.bill:
            yield f"request {_short(attempt.request_id)} is in the ledger as paid, and was not charged"
        if paid and attempt.total_cost_eur is None and attempt.error_code != UNREADABLE_LINE:
            yield f"request {_short(attempt.request_id)} was paid, and its cost is unknown"


def _surplus(books: Books) -> Iterator[str]:
    for surplus in books.surplus:
        own_id = books.own_id(surplus.openai_batch_id)
        charged = [tokens for (remote, _), tokens in books.bill.items() if remote == own_id]
        if (
            charged
            and not books.unfenced
            and not (own_id in books.records and books.extras(_mark(books.records[own_id])))
        ):
            yield f"surplus batch {surplus.openai_batch_id} was charged for {len(charged)} requests"
        told = surplus.usage or {}
        if not told and own_id in books.records and '"unstated_usage"' in books.records[own_id].faults:
            continue
        if surplus.ended_at and sum(tokens[0] for tokens in charged) != told.get("input_tokens", 0):
            yield f"surplus batch {surplus.openai_batch_id} was charged {charged}, the ledger says {told}"


def _charges(books: Books, observed: Observed) -> Iterator[str]:
    """A request is charged once and once per requeue; one input is answered once."""
    charges = Counter(custom_id for _, custom_id in books.bill)
    allowed = books.unpreventable | {each.id for each in books.records.values() if _hides_answers(each)}
    again = Counter(asked for each in allowed for asked in books.inputs[books.records[each].input_file_id])
    twins = Counter(
        custom_id
        for each in books.surplus
        for remote, custom_id in books.bill
        if books.unfenced and remote == books.own_id(each.openai_batch_id)
    )
    for custom_id, times in charges.items():
        if times > 1 + again[custom_id] + twins[custom_id] + observed.requeues[UUID(custom_id)]:
            yield f"request {custom_id[-4:]} was charged {times} times"
    answered: Counter[str] = Counter()
    for attempt in books.attempts:
        if attempt.outcome == "parsed":
            record = books.records[books.remote_of[attempt.batch_id] or ""]
            answered[books.inputs[record.input_file_id][str(attempt.request_id)]] += 1
    for asked, times in answered.items():
        if times > 1:
            yield f"the same input {asked} was answered {times} times"


def _hides_answers(record: BatchRecord) -> bool:
    """Whether neither its counts nor its usage tell of a line that stands in no file: nobody can know that it was paid."""
    return '"wrong_counts"' in record.faults and '"unstated_usage"' in record.faults


def _doubles(books: Books) -> Iterator[str]:
    """No two remote batches ran for one batch of ours, and what is marked as ours is known to be."""
    ran: dict[str, list[str]] = defaultdict(list)
    known = set(books.remote_of.values()) | {books.own_id(each.openai_batch_id) for each in books.surplus}
    for record in books.records.values():
        if record.in_progress_at is not None:
            ran[_mark(record)].append(record.id)
        if record.id not in known and not books.is_left_alone(record):
            yield f"remote batch {record.id} ({record.status}) is neither ours nor surplus"
    for mark, remotes in ran.items():
        twins = sum(str(each.batch_id) == mark for each in books.surplus) if books.unfenced else 0
        if len(remotes) > 1 + books.extras(mark) + twins:
            yield f"batch {mark[-4:]} ran {len(remotes)} times at the service: {', '.join(remotes)}"


def _cancelled(books: Books) -> Iterator[str]:
    """Nothing is cancelled that a row of ours follows, unless somebody wished it."""
    for batch in books.batches:
        if batch.cancel_requested_at is None and books.own_id(batch.openai_batch_id or "") in books.cancelled:
            yield f"batch {_short(batch.id)} was cancelled ({batch.openai_batch_id}), and nobody wished it"


def _mark(record: BatchRecord) -> str:
    """The batch of ours that a batch of the service is for."""
    return (record.metadata or {}).get("livedash_batch_id", "")


def _create(record: BatchRecord) -> str:
    """The name of the create that made it; a gateway that repeats a create makes two of one name."""
    return (record.metadata or {}).get(METADATA_NONCE, "")


def _unbought(books: Books) -> Iterator[str]:
    """Nothing is bought for a batch that somebody wished to be cancelled before."""
    for batch in books.batches:
        wished, begun = batch.cancel_requested_at, batch.create_started_at
        if wished is not None and begun is not None and begun > wished:
            yield f"batch {_short(batch.id)} was created after somebody wished it to be cancelled"


def _unwanted(books: Books, observed: Observed) -> Iterator[str]:
    """Requests that were to fail with their cancelled batch do, until somebody requeues them."""
    unwanted = {
        batch.id
        for batch in books.batches
        if batch.cancel_requested_at is not None and batch.cancel_unfinished == "failed"
    }
    for attempt in books.attempts:
        if attempt.batch_id not in unwanted or attempt.outcome not in ("not_run", "transient", "missing"):
            continue
        later = any(each.request_id == attempt.request_id and each.id > attempt.id for each in books.attempts)
        if later and not observed.requeues[attempt.request_id]:
            yield f"request {_short(attempt.request_id)} was to fail with its cancelled batch, and was submitted again"


def _taken_in(observed: Observed) -> Iterator[str]:
    for batch_id, times in observed.taken_in.items():
        if times > 1:
            yield f"batch {_short(batch_id)} was reported as taken in {times} times"


def _short(name: UUID) -> str:
    return str(name)[-4:]
