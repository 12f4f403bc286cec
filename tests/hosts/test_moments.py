"""Which of the waiting faults strikes when a host comes to a step."""

from __future__ import annotations

from tests.hosts.moments import Moments
from tests.hosts.plan import Fault, Step


def _fault(step: Step, nth: int = 1) -> Fault:
    return Fault(step, nth, "link cut", 2.0, silent=False, number=0)


def _armed(*faults: Fault) -> tuple[Moments, list[tuple[Fault, str | None]]]:
    struck: list[tuple[Fault, str | None]] = []
    moments = Moments(lambda fault, address: struck.append((fault, address)))
    moments.arm(faults)
    return moments, struck


def test_a_fault_strikes_whoever_comes_to_its_step() -> None:
    upload, ingest = _fault("upload"), _fault("ingest")
    moments, struck = _armed(upload, ingest)
    assert moments.meet("before create", "10.77.0.11") is None
    assert moments.meet("upload", "10.77.0.12") == upload
    assert moments.meet("upload", "10.77.0.12") is None
    assert struck == [(upload, "10.77.0.12")]
    assert moments.waiting == [ingest]


def test_a_fault_waits_for_its_turn() -> None:
    second = _fault("import", 2)
    moments, struck = _armed(second)
    assert moments.meet("import", None) is None
    assert moments.meet("import", None) == second
    assert struck == [(second, None)]


def test_two_faults_at_one_step_strike_one_after_the_other() -> None:
    first, second = _fault("upload"), _fault("upload", 2)
    moments, _ = _armed(first, second)
    assert [moments.meet("upload", None) for _ in range(3)] == [first, second, None]


def test_arming_forgets_faults_and_counts_of_an_earlier_round() -> None:
    second = _fault("upload", 2)
    moments, _ = _armed(second)
    moments.meet("upload", None)
    moments.arm((second,))
    assert moments.meet("upload", None) is None
    assert moments.waiting == [second]
