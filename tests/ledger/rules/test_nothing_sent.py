"""Why a submit sends nothing: the true reason for each state that requests can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from livedash_pipeline.ledger.rules.admission.nothing_sent import (
    Standing,
    Subjects,
    unknown_clause,
    why_nothing_is_sent,
)

_WORDS = ("no session has been imported: `livedash import`", "the analysis: `livedash status`")
_NONE = Standing(subjects=[Subjects("session", 0, 0, *_WORDS)])
_DONE = Standing(subjects=[Subjects("session", 3, 0, *_WORDS)])
_TWO_KINDS = [Subjects("session", 1, 0, *_WORDS), Subjects("parcel", 2, 0, "no parcel came", "its weight")]
_MOMENT = datetime(2025, 5, 1, 12, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("standing", "reasons"),
    [
        (_NONE, ["no session has been imported: `livedash import`"]),
        (_DONE, ["nothing is left to ask: 3 sessions are done"]),
        (Standing(subjects=_TWO_KINDS[:1]), ["nothing is left to ask: 1 session is done"]),
        (Standing(subjects=_TWO_KINDS), ["nothing is left to ask: 1 session and 2 parcels are done"]),
        (
            Standing(subjects=[_TWO_KINDS[0], replace(_TWO_KINDS[1], unready=2)]),
            ["2 parcels are not ready for its weight"],
        ),
        (replace(_DONE, at_service=1), ["1 request is at the service: `livedash poll`"]),
        (replace(_DONE, at_service=2, ended=1), ["1 batch has ended and is not ingested: `livedash ingest`"]),
        (
            replace(_DONE, waiting=1, next_look_at=_MOMENT),
            ["1 batch waits for whole files; the next look is at 2025-05-01 12:01:30 UTC"],
        ),
        (
            replace(_DONE, at_service=1, waiting=2, next_look_at=_MOMENT),
            [
                "1 request is at the service: `livedash poll`",
                "2 batches wait for whole files; the next look is at 2025-05-01 12:01:30 UTC",
            ],
        ),
        (replace(_DONE, elsewhere=2), ["2 batches were made at another OPENAI_BASE_URL: `livedash status`"]),
        (replace(_DONE, failed=2), ["2 requests have failed: `livedash failed`"]),
        (
            replace(_DONE, subjects=[Subjects("session", 3, 1, *_WORDS)]),
            ["1 session is not ready for the analysis: `livedash status`"],
        ),
        (replace(_DONE, pending=2), ["2 requests wait, and none of them may be sent now"]),
        (
            replace(_DONE, pending=1, idle=[("acme", "SUSPENDED", 1)]),
            ["acme is suspended, and 1 request of it waits: `livedash company set acme --status active`"],
        ),
        (
            replace(_DONE, at_service=3, awaiting=1),
            ["it is not known whether the service took 1 batch: every poll looks for it, and nothing is sent twice"],
        ),
        (
            replace(_DONE, at_service=3, awaiting=2, looked_for_from=_MOMENT, failed=1),
            [
                "it is not known whether the service took 2 batches: every poll looks for them, and nothing is sent twice; "
                "recovery goes on from 2025-05-01 12:01:30 UTC on",
                "1 request has failed: `livedash failed`",
            ],
        ),
    ],
)
def test_every_state_has_its_reason(standing: Standing, reasons: list[str]) -> None:
    assert why_nothing_is_sent(standing) == reasons


def test_a_clause_about_unknown_batches_agrees_with_their_number() -> None:
    assert "1 batch: every poll looks for it," in unknown_clause(1, None)
    assert "2 batches: every poll looks for them," in unknown_clause(2, None)
