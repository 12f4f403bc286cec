"""Fetching one transcript: rules, limits, redirects and decoding, against a real server."""

from __future__ import annotations

import gzip
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from livedash_pipeline.base.rules.urls import SourceRules, source_rules
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.addresses import Resolver, resolve
from livedash_pipeline.sources.credentials import Credentials
from livedash_pipeline.sources.encodings import decode_transcript
from livedash_pipeline.sources.http import FetchLimits
from livedash_pipeline.sources.transcript_source import (
    FetchedText,
    NotModified,
    TranscriptSource,
)
from tests.sources.transcript_site import Answer, TranscriptSite, transcript_site

LIMITS = FetchLimits(max_bytes=10_000, connect_seconds=2, read_seconds=2, total_seconds=5)
TEXT = b"[01.05.2025 12:00:00] User: hello\n"


@pytest.fixture
def site() -> Iterator[TranscriptSite]:
    with transcript_site() as site:
        yield site


@pytest.fixture
def other() -> Iterator[TranscriptSite]:
    with transcript_site() as site:
        yield site


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def open_source(
    stack: ExitStack,
    rules: SourceRules,
    *,
    limits: FetchLimits = LIMITS,
    resolver: Resolver = resolve,
    credentials: Credentials | None = None,
) -> TranscriptSource:
    context = ssl.create_default_context()
    return stack.enter_context(TranscriptSource(rules, credentials, limits, context, resolver=resolver))


def rules_of(site: TranscriptSite, *hosts: str) -> SourceRules:
    return source_rules(f"{site.url}/chats.csv", hosts)


def refusal(source: TranscriptSource, url: str) -> str:
    with pytest.raises(SourceError) as caught:
        source.fetch(url)
    return caught.value.reason


def test_transcript_comes_as_text_with_its_hash_size_and_etag(site: TranscriptSite, stack: ExitStack) -> None:
    site.answers["/a.txt"] = Answer(TEXT, headers={"ETag": '"one"'})
    found = open_source(stack, rules_of(site)).fetch(f"{site.url}/a.txt")
    assert isinstance(found, FetchedText)
    assert (found.text, found.size, found.etag, found.encoding) == (TEXT.decode(), len(TEXT), '"one"', "utf-8-sig")
    assert len(found.sha256) == 64


def test_what_does_not_say_where_it_ends_is_asked_for_whole_again(site: TranscriptSite, stack: ExitStack) -> None:
    site.answers["/a.txt"] = Answer(TEXT, headers={"Connection": "close", "ETag": '"v1"'})
    found = open_source(stack, rules_of(site)).fetch(f"{site.url}/a.txt")
    assert isinstance(found, FetchedText)
    assert (found.text, found.etag) == (TEXT.decode(), None)


def test_unchanged_transcript_is_not_sent_again(site: TranscriptSite, stack: ExitStack) -> None:
    site.answers["/a.txt"] = Answer(status=304)
    assert open_source(stack, rules_of(site)).fetch(f"{site.url}/a.txt", '"one"') == NotModified()
    assert site.asked[0].headers["if-none-match"] == '"one"'


@pytest.mark.parametrize(
    ("answer", "reason", "retryable"),
    [
        (Answer(status=401), "http_401", False),
        (Answer(status=403), "http_403", False),
        (Answer(status=404), "http_404", False),
        (Answer(status=500), "http_500", True),
        (Answer(status=503), "http_503", True),
        (Answer(status=304), "http_304", False),
        (Answer(b""), "empty", False),
        (Answer(b" \r\n\n"), "empty", False),
        (Answer(status=204), "empty", False),
        (Answer(bytes(range(256)) * 4), "binary", False),
        (Answer(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1"), "binary", False),
        (Answer(b"a" * 10_001), "too_large", False),
        (Answer(gzip.compress(b"a" * 1_000_000), headers={"Content-Encoding": "gzip"}), "too_large", False),
        (Answer(status=302), "bad_url", False),
        (Answer(status=302, headers={"Location": "/a.txt"}), "too_many_redirects", False),
        (Answer(status=302, headers={"Location": "http://[::1/x"}), "bad_url", False),
        (Answer(status=302, headers={"Location": "file:///etc/passwd"}), "file_not_allowed", False),
        (Answer(TEXT, headers={"Content-Length": "900", "Connection": "close"}), "connection_lost", True),
    ],
)
def test_bad_answers_have_a_reason(
    site: TranscriptSite, stack: ExitStack, answer: Answer, reason: str, retryable: bool
) -> None:
    site.answers["/a.txt"] = answer
    with pytest.raises(SourceError) as caught:
        open_source(stack, rules_of(site)).fetch(f"{site.url}/a.txt")
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)


def test_messages_do_not_repeat_the_query(site: TranscriptSite, stack: ExitStack) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(stack, rules_of(site)).fetch(f"{site.url}/a.txt?token=secret")
    assert "secret" not in str(caught.value)


def test_answer_that_trickles_ends_at_the_deadline_also_on_a_kept_connection(
    site: TranscriptSite, stack: ExitStack
) -> None:
    padding = {"X-Padding": "x" * 200}
    site.answers |= {"/fast.txt": Answer(TEXT), "/slow.txt": Answer(TEXT, headers=padding, trickle=0.02)}
    limits = FetchLimits(max_bytes=10_000, read_seconds=2, total_seconds=1.5)
    source = open_source(stack, rules_of(site), limits=limits)
    source.fetch(f"{site.url}/fast.txt")
    assert refusal(source, f"{site.url}/slow.txt") == "timeout"
    # Not even the head was waited for, though every byte came in time.
    assert 0 < site.trickled < 200


def test_silent_server_is_a_timeout(site: TranscriptSite, stack: ExitStack) -> None:
    site.slowness = 0.5
    limits = FetchLimits(max_bytes=10_000, read_seconds=0.1, total_seconds=5)
    assert refusal(open_source(stack, rules_of(site), limits=limits), f"{site.url}/a.txt") == "timeout"


def test_unreachable_server_is_retryable(stack: ExitStack) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(SourceError) as caught:
            open_source(stack, source_rules(f"{url}/x.csv", [])).fetch(f"{url}/a.txt")
    assert (caught.value.reason, caught.value.retryable) == ("connection_refused", True)


def test_other_ports_of_the_own_host_are_not_asked(
    site: TranscriptSite, other: TranscriptSite, stack: ExitStack
) -> None:
    assert refusal(open_source(stack, rules_of(site)), f"{other.url}/a.txt") == "host_not_allowed"
    assert other.asked == []


def test_allowed_host_is_asked_without_the_credentials_of_the_csv(
    site: TranscriptSite, other: TranscriptSite, stack: ExitStack
) -> None:
    site.answers["/a.txt"] = other.answers["/a.txt"] = Answer(TEXT)
    rules = rules_of(site, f"127.0.0.1:{other.port}")
    source = open_source(stack, rules, credentials=Credentials("acme", "secret"))
    source.fetch(f"{site.url}/a.txt")
    source.fetch(f"{other.url}/a.txt")
    assert site.asked[0].headers["authorization"].startswith("Basic ")
    assert "authorization" not in other.asked[0].headers


def test_redirect_to_an_allowed_host_is_followed_without_credentials(
    site: TranscriptSite, other: TranscriptSite, stack: ExitStack
) -> None:
    site.answers["/a.txt"] = Answer(status=302, headers={"Location": "b.txt"})
    site.answers["/b.txt"] = Answer(status=307, headers={"Location": f"{other.url}/c.txt"})
    other.answers["/c.txt"] = Answer(TEXT)
    rules = rules_of(site, f"127.0.0.1:{other.port}")
    source = open_source(stack, rules, credentials=Credentials("acme", "secret"))
    assert isinstance(source.fetch(f"{site.url}/a.txt"), FetchedText)
    assert ["authorization" in each.headers for each in site.asked + other.asked] == [True, True, False]


def test_a_transcript_that_asks_for_the_withheld_credentials_says_so(
    site: TranscriptSite, other: TranscriptSite, stack: ExitStack
) -> None:
    other.answers["/a.txt"] = Answer(status=401)
    rules = rules_of(site, f"127.0.0.1:{other.port}")
    source = open_source(stack, rules, credentials=Credentials("acme", "secret"))
    with pytest.raises(SourceError, match="the company's credentials were not sent there") as caught:
        source.fetch(f"{other.url}/a.txt")
    assert "--csv-url" not in caught.value.remedy, "where the CSV is does not matter"
    with pytest.raises(SourceError, match=r"answered 401 Unauthorized\. Check the credentials"):
        open_source(stack, rules).fetch(f"{other.url}/a.txt")


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/c.txt", "http://localhost:{port}/c.txt", "http://169.254.169.254/meta"]
)
def test_redirect_to_a_host_that_is_not_allowed_is_refused(
    site: TranscriptSite, other: TranscriptSite, stack: ExitStack, target: str
) -> None:
    site.answers["/a.txt"] = Answer(status=301, headers={"Location": target.format(port=other.port)})
    assert refusal(open_source(stack, rules_of(site)), f"{site.url}/a.txt") == "host_not_allowed"
    assert other.asked == []


def test_five_redirects_are_followed_and_six_are_not(site: TranscriptSite, stack: ExitStack) -> None:
    for hop in range(6):
        site.answers[f"/{hop}"] = Answer(status=302, headers={"Location": f"/{hop + 1}"})
    site.answers["/6"] = Answer(TEXT)
    source = open_source(stack, rules_of(site))
    assert isinstance(source.fetch(f"{site.url}/1"), FetchedText)
    assert refusal(source, f"{site.url}/0") == "too_many_redirects"


def test_connection_goes_to_the_address_that_was_checked(site: TranscriptSite, stack: ExitStack) -> None:
    site.answers["/a.txt"] = Answer(TEXT)
    lookups: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) == 1 else ["169.254.169.254"]

    rules = source_rules(f"http://chats.invalid:{site.port}/chats.csv", [], ["127.0.0.1"])
    found = open_source(stack, rules, resolver=rebinding).fetch(f"http://chats.invalid:{site.port}/a.txt")
    # The name cannot be resolved by the system: only the checked address can have been used, and the name was asked once.
    assert isinstance(found, FetchedText)
    assert lookups == ["chats.invalid"]
    assert site.asked[0].headers["host"] == f"chats.invalid:{site.port}"


def test_name_that_leads_to_a_metadata_address_is_refused(site: TranscriptSite, stack: ExitStack) -> None:
    rules = source_rules(f"http://chats.invalid:{site.port}/chats.csv", [])
    source = open_source(stack, rules, resolver=lambda _host, _port: ["169.254.169.254"])
    assert refusal(source, f"http://chats.invalid:{site.port}/a.txt") == "private_address"


def test_next_address_is_tried_when_the_first_does_not_answer(site: TranscriptSite, stack: ExitStack) -> None:
    site.answers["/a.txt"] = Answer(TEXT)
    rules = source_rules(f"http://chats.invalid:{site.port}/chats.csv", [], ["127.0.0.0/8"])
    source = open_source(stack, rules, resolver=lambda _host, _port: ["127.0.0.2", "127.0.0.1"])
    assert isinstance(source.fetch(f"http://chats.invalid:{site.port}/a.txt"), FetchedText)


def test_name_without_an_address_is_retryable(stack: ExitStack) -> None:
    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    source = open_source(stack, source_rules("http://chats.invalid/x.csv", []), resolver=nowhere)
    with pytest.raises(SourceError) as caught:
        source.fetch("http://chats.invalid/a.txt")
    assert (caught.value.reason, caught.value.retryable) == ("domain_not_found", True)


def test_proxy_of_the_environment_is_not_used(
    site: TranscriptSite, other: TranscriptSite, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", other.url)
    monkeypatch.setenv("NO_PROXY", "")
    site.answers["/a.txt"] = Answer(TEXT)
    open_source(stack, rules_of(site)).fetch(f"{site.url}/a.txt")
    assert (len(site.asked), len(other.asked)) == (1, 0)


def test_transcripts_in_files_stand_below_the_directory_of_the_csv(tmp_path: Path, stack: ExitStack) -> None:
    home = tmp_path / "acme"
    (home / "chats").mkdir(parents=True)
    (home / "chats" / "a b.txt").write_bytes(TEXT)
    (home / "large.txt").write_bytes(b"a" * 10_001)
    (tmp_path / "secret.txt").write_bytes(TEXT)
    (home / "link.txt").symlink_to(tmp_path / "secret.txt")
    source = open_source(stack, source_rules(str(home / "chats.csv"), []))
    for url in ("chats/a b.txt", f"{home}/chats/a b.txt", f"file://{home}/chats/a%20b.txt"):
        assert isinstance(source.fetch(url), FetchedText)
    reasons = {
        url: refusal(source, url)
        for url in ("../secret.txt", "link.txt", f"{tmp_path}/secret.txt", "absent.txt", "chats", "large.txt")
    }
    assert reasons == {
        "../secret.txt": "file_not_allowed",
        "link.txt": "file_not_allowed",
        f"{tmp_path}/secret.txt": "file_not_allowed",
        "absent.txt": "file_not_found",
        "chats": "file_not_found",
        "large.txt": "too_large",
    }


@pytest.mark.parametrize(
    ("data", "charset", "decoded"),
    [
        ("é".encode(), None, ("é", "utf-8-sig")),
        (b"\xef\xbb\xbfa", "latin-1", ("a", "utf-8-sig")),
        (b"caf\xe9", "iso-8859-2", ("café", "iso-8859-2")),
        (b"\x80 5", None, ("€ 5", "cp1252")),
        (b"\x80 5", "no-such-charset", ("€ 5", "cp1252")),
        (b"one \x00 among many other characters", None, ("one \x00 among many other characters", "utf-8-sig")),
        ("User: é".encode("utf-16-le"), "utf-16-le", ("User: é", "utf-16-le")),
        ("User: é".encode("utf-16-le"), None, ("User: é", "utf-16-le")),
        ("User: é".encode("utf-16-be"), None, ("User: é", "utf-16-be")),
        ("User: é".encode("utf-16"), None, ("User: é", "utf-16")),
        ("User: é".encode("utf-16"), "utf-8", ("User: é", "utf-16")),
        ("User: é".encode("utf-32"), None, ("User: é", "utf-32")),
        ("User: é".encode("utf-16-le")[:-1], None, None),
        (b"User: " + "привет, как дела сегодня?".encode("cp1251") * 2, None, None),
        (b"User: " + "こんにちは、お元気ですか".encode("shift_jis") * 2, None, None),
        (
            b"User: " + "привет, как дела сегодня?".encode("cp1251") * 2,
            "windows-1251",
            ("User: " + "привет, как дела сегодня?" * 2, "windows-1251"),
        ),
        (
            ("Où étiez-vous l'été dernier, et à quelle heure ? " * 9).encode("cp1252"),
            None,
            ("Où étiez-vous l'été dernier, et à quelle heure ? " * 9, "cp1252"),
        ),
        (b"\x81\x8d", None, None),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "utf-8", None),
    ],
)
def test_bytes_become_text_in_the_first_encoding_that_fits(
    data: bytes, charset: str | None, decoded: tuple[str, str] | None
) -> None:
    assert decode_transcript(data, charset) == decoded


@pytest.mark.parametrize(
    ("data", "charset", "decoded"),
    [
        ("é".encode(), None, ("é", "utf-8-sig")),
        ("привет".encode("koi8-r"), None, ("привет", "koi8-r")),
        (b"caf\xe9", "latin-1", ("café", "latin-1")),
        (b"caf\xe9 \x80", "ascii", ("café €", "cp1252")),
    ],
)
def test_an_expected_encoding_counts_where_the_server_says_nothing(
    data: bytes, charset: str | None, decoded: tuple[str, str]
) -> None:
    assert decode_transcript(data, charset, "koi8-r") == decoded


def test_nul_is_replaced_and_flagged(site: TranscriptSite, stack: ExitStack) -> None:
    site.answers["/a.txt"] = Answer(TEXT + b"a \x00 b")
    found = open_source(stack, rules_of(site)).fetch(f"{site.url}/a.txt")
    assert isinstance(found, FetchedText)
    assert found.replaced
    assert found.text.endswith("a \ufffd b")
