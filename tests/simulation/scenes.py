"""Short plays for two or three workers, at the places where their order, or the death of one, has mattered most.

Add a scene when a fault or a missing safeguard needs a coincidence that steps drawn one by one hardly ever meet.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.schedule import Step
from tests.simulation.workers import ALL

PLACES = {
    "submit": (
        "commit ledger.steps.batches.submit._claim: ",
        "transaction ledger.steps.batches.send._upload: begin",
        "call upload_input: ",
        "commit ledger.steps.batches.send._upload: ",
        "transaction ledger.steps.batches.send._begin_create: begin",
        "commit ledger.steps.batches.send._begin_create: ",
        "call create_batch: before",
        "call create_batch: after",
        "commit ledger.steps.batches.send._create: ",
        "commit ledger.steps.recovery.recover.recover_batches: ",
        "call file: after",
        "call list_batches: after",
        "commit ledger.steps.recovery.recover._Recovery.",
        "call delete_file: ",
    ),
    "poll": (
        "commit ledger.steps.recovery.recover.recover_batches: ",
        "call file: after",
        "call list_batches: ",
        "commit ledger.steps.recovery.recover._Recovery.",
        "call delete_file: ",
        "call retrieve_batch: ",
        "commit ledger.steps.results.poll.poll_batches: ",
        "commit ledger.steps.recovery.surplus.",
        "call cancel_batch: ",
    ),
    "ingest": (
        "call file: before",
        "call download: ",
        "transaction ledger.steps.results.ingest.ingest_batch: ",
        "commit ledger.steps.results.ingest.",
    ),
    "build": (
        "commit intake.steps.derive_sessions.",
        "commit analysis.steps.build_requests.",
        "transaction analysis.steps.build_requests.",
    ),
    "reconcile": (
        "call list_batches: ",
        "call list_files: ",
        "call delete_file: ",
        "commit ledger.steps.recovery.reconcile.",
    ),
    "cancel": (
        "commit ledger.steps.batches.cancel.cancel_batches: ",
        "call cancel_batch: ",
        "commit ledger.steps.batches.send.cancel_unbought: ",
    ),
}
"""Beginnings of the names of boundaries, by the action that passes them."""


def whole(worker: int, action: str, number: int = 0) -> list[Step]:
    """A worker does something from beginning to end."""
    return [Step("start", worker, action, number), Step("go", worker, number=ALL)]


def _to(worker: int, action: str, place: str) -> list[Step]:
    return [Step("start", worker, action, 2), Step("go", worker, number=ALL, place=place)]


def wait(random: Random, *seconds: float) -> Step:
    """One of these times passes."""
    return Step("wait", seconds=random.choice(seconds))


def at_once(random: Random, action: str, place: str) -> list[Step]:
    """Two workers do the same, the second while the first stands at a place, where the first may die."""
    return [
        Step("start", 0, action, 2),
        Step(random.choice(("go", "go", "die")), 0, number=ALL, place=place),
        *whole(1, action),
        Step("go", 0, number=ALL),
    ]


def _late_submitters(random: Random) -> list[Step]:
    """Two submitters with one batch: the second took it over from the first, which was only slow."""
    places = [random.choice(PLACES["submit"][2:9]) for _ in range(2)]
    return [
        *_to(0, "submit", places[0]),
        wait(random, 950.0, 1000.0),
        *_to(1, "submit", places[1]),
        Step("go", 0, number=ALL),
        wait(random, 0.0, 200.0, 1000.0),
        Step("go", 1, number=ALL),
    ]


def _two_at_once(random: Random) -> list[Step]:
    """Two workers do the same, one of them in the middle of the other."""
    action = random.choice(("ingest", "ingest", "poll", "reconcile", "submit", "build"))
    before = whole(2, "poll") if action == "ingest" else []
    return [
        *before,
        *_to(0, action, random.choice(PLACES[action])),
        *whole(1, action),
        *(whole(1, "submit", 2) if random.random() < 0.5 else []),
        Step("go", 0, number=ALL),
    ]


def _lost_and_found(random: Random) -> list[Step]:
    """A submitter dies around its create, and others look for the batch, at the very moments that count."""
    place = random.choice(
        ("call create_batch: before", "call create_batch: after", "commit ledger.steps.batches.send._create: ")
    )
    looks = [random.choice(("poll", "submit", "reconcile")) for _ in range(3)]
    pauses = (wait(random, 0.0, 95.0, 179.0, 181.0), wait(random, 0.0, 60.0, 121.0), wait(random, 0.0, 121.0, 1000.0))
    steps = [Step("start", 0, "submit", 2), Step("die", 0, number=ALL, place=place)]
    for pause, look in zip(pauses, looks, strict=True):
        steps += [pause, *whole(1, look, 2)]
    return steps


def _take_in(random: Random) -> list[Step]:
    """A batch ends and is taken in, by somebody who may die over it, while others do something else."""
    kind = random.choice(("go", "go", "die"))
    return [
        *whole(0, "submit", 2),
        wait(random, 40.0, 1000.0, 4000.0, 90_000.0),
        *whole(1, "poll", random.randint(0, 7)),
        Step("start", 2, "ingest"),
        Step(kind, 2, number=ALL, place=random.choice(PLACES["ingest"])),
        *whole(1, random.choice(("ingest", "poll", "cancel", "build"))),
        *whole(0, random.choice(("submit", "ingest")), 2),
        Step("go", 2, number=ALL),
    ]


def _cancel_meanwhile(random: Random) -> list[Step]:
    """Somebody wishes a batch cancelled while another one submits it, and may get no further than the wish."""
    place = random.choice(("", "commit ledger.steps.batches.cancel.cancel_batches: after"))
    return [
        *_to(0, "submit", random.choice(PLACES["submit"][:9])),
        Step("start", 1, "cancel", random.randint(0, 1)),
        Step("go", 1, number=ALL, place=place),
        Step("go", 0, number=ALL),
        Step("go", 1, number=ALL),
    ]


def _change_meanwhile(random: Random) -> list[Step]:
    """A transcript changes while its request is on its way, or has failed, and perhaps changes back."""
    number = random.randint(0, 11)
    return [
        *(whole(0, "submit", 2) if random.random() < 0.5 else _to(0, "submit", random.choice(PLACES["submit"][:9]))),
        wait(random, 0.0, 100.0, 4000.0),
        *(whole(2, "poll") if random.random() < 0.5 else []),
        *(whole(2, "ingest") if random.random() < 0.5 else []),
        Step("change", number=number),
        *whole(1, "build", random.randint(0, 1)),
        *([Step("change", number=0), *whole(1, "build")] if random.random() < 0.4 else []),
        Step("go", 0, number=ALL),
    ]


def _put_back_meanwhile(random: Random) -> list[Step]:
    """Requests fail with their batch, their transcripts change, and somebody requeues them while new ones are made."""
    number = random.randint(0, 11)
    return [
        *_to(0, "submit", random.choice(PLACES["submit"][1:6])),
        *whole(1, "cancel", 1),
        Step("go", 0, number=ALL),
        Step("change", number=number),
        Step("change", number=number + 1),
        *whole(1, "build", 1),
    ]


SCENES: tuple[Callable[[Random], list[Step]], ...] = (
    _late_submitters,
    _late_submitters,
    _two_at_once,
    _lost_and_found,
    _lost_and_found,
    _take_in,
    _take_in,
    _cancel_meanwhile,
    _cancel_meanwhile,
    _change_meanwhile,
    _put_back_meanwhile,
)
