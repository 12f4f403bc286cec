"""The source server over real HTTP: authentication, validators, transcripts, counting and a clean end."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import httpx2
import pytest

from livedash_pipeline.local.sample_data.demo_set import demo_expectation, demo_sources
from livedash_pipeline.local.sample_data.files import GeneratedSource
from livedash_pipeline.local.sample_data.generate import SampleCompany, generate_sessions
from livedash_pipeline.local.sample_data.source_server import RunningSource, running_source
from livedash_pipeline.tls import machine_authorities

OPEN = SampleCompany("open", "Open", "Europe/Amsterdam", (("nl", 1), ("tr", 1)))
LOCKED = SampleCompany("locked", "Locked", "Europe/Berlin", (("de", 1),), username="user", password="pass:wörd")
SEED = 7


@pytest.fixture(scope="module")
def source() -> Iterator[RunningSource]:
    huge = SampleCompany("huge", "Huge", "Europe/Berlin", (("en", 1),))
    sources = (GeneratedSource(OPEN, 30, SEED), GeneratedSource(LOCKED, 5, SEED), GeneratedSource(huge, 10**7, SEED))
    with running_source(*sources, *demo_sources()) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=20, trust_env=False, verify=machine_authorities()) as made:
        yield made


def basic(username: str, password: str) -> httpx2.BasicAuth:
    return httpx2.BasicAuth(username.encode(), password.encode())


def test_csv_names_transcripts_on_the_same_server_and_they_can_be_fetched(
    source: RunningSource, client: httpx2.Client
) -> None:
    answer = client.get(source.csv_url("open"))
    base_url = f"{source.base_url}/open/chats"
    made = list(generate_sessions(OPEN, 30, SEED, transcript_base_url=base_url))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.count(f",{base_url}/") == 30
    for session in made[:5]:
        transcript = client.get(session.fields[10])
        assert transcript.headers["content-type"] == "text/plain; charset=utf-8"
        assert transcript.text == session.transcript
        assert session.fields[10] == source.transcript_url("open", session.external_id)


@pytest.mark.parametrize("path", ["/locked/sessions.csv", "/locked/chats/any.txt"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic dXNlcjp3cm9uZw=="},
        {"Authorization": "Basic ???"},
        {"Authorization": "Bearer dXNlcjp3cm9uZw=="},
    ],
    ids=["none", "wrong", "broken", "other scheme"],
)
def test_without_the_right_password_there_is_only_a_challenge(
    source: RunningSource, client: httpx2.Client, path: str, headers: dict[str, str]
) -> None:
    answer = client.get(source.base_url + path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Basic realm="locked"')


def test_with_the_password_csv_and_transcripts_are_served(source: RunningSource, client: httpx2.Client) -> None:
    auth = basic("user", "pass:wörd")
    answer = client.get(source.csv_url("locked"), auth=auth)
    assert answer.status_code == 200
    transcript = client.get(source.transcript_url("locked", answer.text[:36]), auth=auth)
    assert transcript.status_code == 200
    assert transcript.text.startswith("[05.05.2025 ")


@pytest.mark.parametrize("validator", [("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")])
def test_conditional_get_of_an_unchanged_csv_is_answered_304(
    source: RunningSource, client: httpx2.Client, validator: tuple[str, str]
) -> None:
    known = client.get(source.csv_url("open")).headers
    answer = client.get(source.csv_url("open"), headers={validator[1]: known[validator[0]]})
    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == known["etag"]


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": '"other"'},
        {"If-None-Match": '"other"', "If-Modified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"},
        {"If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
    ],
)
def test_conditional_get_with_an_old_or_odd_validator_gets_the_csv(
    source: RunningSource, client: httpx2.Client, headers: dict[str, str]
) -> None:
    assert client.get(source.csv_url("open"), headers=headers).status_code == 200


def test_a_published_change_has_another_etag_and_content(client: httpx2.Client) -> None:
    first = GeneratedSource(OPEN, 3, SEED)
    with running_source(first) as source:
        known = client.get(source.csv_url("open"))
        source.publish(replace(first, count=4, last_modified=datetime(2025, 8, 1, tzinfo=UTC)))
        for headers in (
            {"If-None-Match": known.headers["etag"]},
            {"If-Modified-Since": known.headers["last-modified"]},
        ):
            changed = client.get(source.csv_url("open"), headers=headers)
            assert changed.status_code == 200
            assert changed.text.startswith(known.text)
            assert len(changed.text) > len(known.text)


def test_unknown_companies_sessions_and_paths_are_404(source: RunningSource, client: httpx2.Client) -> None:
    for path in ("/nobody/sessions.csv", "/nobody/chats/x.txt", "/open/chats/x.txt", "/open/chats/x", "/docs"):
        assert client.get(source.base_url + path).status_code == 404


def test_demo_transcripts_that_are_missing_or_empty_are_served_as_such(
    source: RunningSource, client: httpx2.Client
) -> None:
    companies = {made.company.slug: made.company for made in demo_sources()}
    expected = demo_expectation()
    for session, status in ((expected.missing_transcripts[0], 404), (expected.empty_transcripts[0], 200)):
        company = companies[session.slug]
        auth = basic(company.username, company.password) if company.password else None
        answer = client.get(source.transcript_url(session.slug, session.external_id), auth=auth)
        assert answer.status_code == status
        assert (answer.content == b"") == (status == 200)


def test_requests_are_counted_by_path(client: httpx2.Client) -> None:
    with running_source(GeneratedSource(OPEN, 3, SEED), GeneratedSource(LOCKED, 3, SEED)) as source:
        client.get(source.csv_url("open"))
        client.get(source.csv_url("open"))
        client.get(source.csv_url("locked"))
        assert source.requests_by_path == {"/open/sessions.csv": 2, "/locked/sessions.csv": 1}


def test_ten_million_rows_start_to_arrive_at_once(source: RunningSource, client: httpx2.Client) -> None:
    with client.stream("GET", source.csv_url("huge")) as answer:
        lines = list(islice(answer.iter_lines(), 1_000))
    assert len(lines) == 1_000


def test_server_leaves_neither_thread_nor_port_behind(client: httpx2.Client) -> None:
    others = set(threading.enumerate())
    with running_source(GeneratedSource(OPEN, 3, SEED)) as source:
        port = httpx2.URL(source.base_url).port or 0
        assert client.get(source.csv_url("open")).status_code == 200
        started = {thread for thread in set(threading.enumerate()) - others if thread.name == "sample-source"}
    assert [thread.is_alive() for thread in started] == [False]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_taken_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError), running_source(port=port):
            pass
