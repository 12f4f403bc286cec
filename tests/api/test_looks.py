"""Looks at texts: each is a line of the audit log, and those of a page that refreshes itself are one together."""

from __future__ import annotations

import uuid
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from livedash_pipeline.api.http.looks import WINDOW_SECONDS, RecentLooks
from tests.api.world import Api, api_settings, running_api
from tests.web.person import Person, signed_in

ONE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
TEXTS = "/console/sessions/texts"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_look_is_remembered_by_token_and_address() -> None:
    looks = RecentLooks(Clock())
    assert not looks.is_written(ONE, "/a?b=1")
    looks.note_written(ONE, "/a?b=1")
    assert looks.is_written(ONE, "/a?b=1")
    assert not looks.is_written(ONE, "/a?b=2")
    assert not looks.is_written(OTHER, "/a?b=1")


def test_ten_minutes_begin_with_the_line_and_looks_do_not_prolong_them() -> None:
    clock = Clock()
    looks = RecentLooks(clock)
    looks.note_written(ONE, "/a")
    clock.now = WINDOW_SECONDS - 1
    assert looks.is_written(ONE, "/a")
    clock.now = WINDOW_SECONDS
    assert not looks.is_written(ONE, "/a")
    assert len(looks) == 0
    looks.note_written(ONE, "/a")
    clock.now = 2 * WINDOW_SECONDS - 1
    assert looks.is_written(ONE, "/a")


def test_a_line_that_two_looks_wrote_at_once_counts_from_the_later() -> None:
    clock = Clock()
    looks = RecentLooks(clock)
    looks.note_written(ONE, "/a")
    clock.now = 1.0
    looks.note_written(OTHER, "/a")
    looks.note_written(ONE, "/a")
    clock.now = WINDOW_SECONDS
    assert looks.is_written(ONE, "/a")
    assert len(looks) == 2


@given(st.lists(st.text(), min_size=4, max_size=30, unique=True))
def test_memory_is_bounded_and_forgets_the_oldest_first(addresses: list[str]) -> None:
    looks = RecentLooks(Clock(), remembered=3)
    for address in addresses:
        looks.note_written(ONE, address)
    assert len(looks) == 3
    assert [each for each in addresses if looks.is_written(ONE, each)] == addresses[-3:]


def lines(api: Api) -> list[tuple[str, str]]:
    """Outcome and path of all lines about texts."""
    return [(line.outcome, line.path) for line in api.audit() if line.action == "read_texts"]


def refresh(person: Person, times: int = 3, **query: str) -> None:
    for _ in range(times):
        assert person.get(TEXTS, params=query, headers={"X-Livedash-Refresh": "1"}).status == 200


def test_a_page_that_refreshes_itself_writes_one_line(engine: Engine, tmp_path: Path) -> None:
    with running_api(api_settings(tmp_path), engine) as api, signed_in(api) as person:
        refresh(person)
        assert lines(api) == [("done", TEXTS)]
        refresh(person, words="leave")
        assert len(lines(api)) == 2, "another query is another look"
        with signed_in(api, scopes=["admin:read", "texts:read"]) as other:
            refresh(other)
        assert len(lines(api)) == 3, "another token is another reader"


def test_a_look_that_is_refused_hides_none_and_is_hidden_by_none(engine: Engine, tmp_path: Path) -> None:
    with running_api(api_settings(tmp_path), engine) as api:
        with signed_in(api, scopes=["texts:read"]) as person:
            assert [person.get(TEXTS).status for _ in range(2)] == [403, 403]
        with signed_in(api, scopes=["admin:read"]) as person:
            assert [person.get(TEXTS).status for _ in range(2)] == [403, 403]
        assert lines(api) == [("refused", TEXTS)] * 4
