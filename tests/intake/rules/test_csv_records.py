from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_pipeline.intake.rules.csv_layout import COLUMN_COUNT, COLUMNS
from livedash_pipeline.intake.rules.csv_records import Block, gather, read_again, split_records
from livedash_pipeline.intake.rules.csv_rejects import (
    MAX_RECORD_LENGTH,
    RejectReason,
    storable,
    too_many_rejects,
)
from tests.support.csv_rows import csv_line


def record(external_id: str, message: str = "hello") -> str:
    return csv_line(external_id, country_code="NL", sentiment_raw="happy", tokens="100", initial_message=message)


def split(data: bytes, piece: int = 1 << 18) -> Block:
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    return next(gather(split_records(pieces), 10**9))


def outcome(text: str) -> tuple[list[tuple[int, str]], list[tuple[int, int, str]]]:
    block = split(text.encode())
    good = [(line, row[0]) for line, row in zip(block.lines, block.rows, strict=True)]
    return good, [(reject.line, reject.line_count, reject.reason.value) for reject in block.rejects]


def test_a_byte_order_mark_quoted_commas_newlines_and_crlf_are_read() -> None:
    data = b"\xef\xbb\xbf" + record("a", '"one, ""two""\r\nthree"').replace("\n", "\r\n").encode()
    block = split(data)
    assert block.rows[0][0] == "a"
    assert block.rows[0][COLUMNS.index("initial_message")].replace("\r", "") == 'one, "two"\nthree'
    assert (block.lines, block.line_counts, block.rejects) == ([1], [2], [])


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("x,y,z\n", "wrong_column_count"),
        (record("bad").rstrip("\n") + ",seventeen\n", "wrong_column_count"),
        (record("bad", 'a 5" pipe'), "stray_quote"),
        (record("bad", '"closed" and more'), "stray_quote"),
        (record("bad", '"never closed'), "unclosed_quote"),
        (record("bad", "nul \0 here"), "nul_character"),
        (record("bad", "x" * (MAX_RECORD_LENGTH + 1)), "field_too_long"),
    ],
)
def test_a_bad_record_is_rejected_alone_with_its_line(bad: str, reason: str) -> None:
    text = record("a") + "\n" + bad + record("b") + record("c", '"quoted, fine"')
    assert outcome(text) == ([(1, "a"), (4, "b"), (5, "c")], [(3, 1, reason)])


def test_bytes_that_are_not_utf8_are_kept_readable() -> None:
    block = split(record("a").encode() + record("b", "caf@").encode().replace(b"@", b"\xe9") + record("c").encode())
    assert [row[0] for row in block.rows] == ["a", "c"]
    assert block.rejects[0].reason is RejectReason.BAD_ENCODING
    assert "caf\\xe9" in block.rejects[0].raw
    assert storable("a\0b") == "a\ufffdb"


def test_an_unclosed_quote_takes_no_later_record_with_it() -> None:
    text = record("a", '"open') + record("b") + record("c", '"fine, closed"') + record("d", '"open too')
    assert outcome(text) == ([(2, "b"), (3, "c")], [(1, 1, "unclosed_quote"), (4, 1, "unclosed_quote")])


def test_lines_after_an_unclosed_quote_that_start_no_record_belong_to_the_reject() -> None:
    text = record("a", '"open') + "more\n\nand more\n" + record("b")
    assert outcome(text) == ([(5, "b")], [(1, 4, "unclosed_quote")])


def test_a_record_inside_a_wellformed_quoted_message_stays_in_the_message() -> None:
    forged = '"look:\n' + record("forged").rstrip("\n") + '\nthat was it"'
    assert outcome(record("a", forged) + record("b")) == ([(1, "a"), (4, "b")], [])


def test_a_quote_that_closes_by_accident_in_a_later_record_swallows_nothing() -> None:
    # The open quote of `a` is closed by the quote that opens the message of `c`, which begins with a line break.
    text = record("a", '"open') + record("b") + record("c", '"\nsecond line"') + record("d")
    assert outcome(text) == ([(2, "b"), (3, "c"), (5, "d")], [(1, 1, "unclosed_quote")])


def test_fully_quoted_records_are_read_and_found_again() -> None:
    quoted = '"{}","05.05.2025 10:00:00","05.05.2025 10:01:00",' + ",".join(['"x"'] * (COLUMN_COUNT - 3)) + "\n"
    text = quoted.format("a") + quoted.format("b").replace('"x"\n', '"x\n') + quoted.format("c")
    assert outcome(text) == ([(1, "a"), (3, "c")], [(2, 1, "unclosed_quote")])


def test_a_lone_carriage_return_is_an_ordinary_character() -> None:
    block = split(record("a", "one\rtwo").encode() + record("b", '"x, ""y"""').encode())
    assert [row[COLUMNS.index("initial_message")] for row in block.rows] == ["one\rtwo", 'x, "y"']


def test_an_endless_line_and_an_endless_quote_are_cut_and_do_not_hide_what_follows() -> None:
    text = "x" * (9 * MAX_RECORD_LENGTH) + "\n" + record("a", '"open') + "filler\n" * 60_000 + record("b")
    block = split(text.encode(), 1 << 16)
    assert [row[0] for row in block.rows] == ["b"]
    assert [(reject.line, reject.line_count, reject.reason.value) for reject in block.rejects] == [
        (1, 1, "field_too_long"),
        (2, 60_001, "unclosed_quote"),
    ]
    assert all(len(reject.raw) <= MAX_RECORD_LENGTH for reject in block.rejects)


def test_records_can_be_read_again_by_their_lines() -> None:
    text = record("a") + record("b", '"two\nlines"') + "\n" + record("c", "caf\xe9")
    pieces = [text.encode()[at : at + 7] for at in range(0, len(text.encode()), 7)]
    assert list(read_again(pieces, iter([(2, 2), (5, 1)]))) == [
        (2, record("b", '"two\nlines"')),
        (5, record("c", "caf\xe9")),
    ]
    assert list(read_again(pieces, iter([]))) == []


@pytest.mark.parametrize(
    ("records", "rejected", "refused"),
    [(0, 0, False), (1, 1, True), (49, 48, False), (49, 49, True), (50, 10, False), (50, 11, True), (100, 20, False)],
)
def test_a_file_is_refused_by_ratio_from_fifty_records_on(records: int, rejected: int, refused: bool) -> None:
    assert too_many_rejects(records, rejected, 0.2) is refused


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
FIELDS = st.lists(TEXTS, min_size=COLUMN_COUNT, max_size=COLUMN_COUNT)


@given(st.lists(FIELDS, max_size=5), st.integers(1, 40))
def test_what_the_csv_module_writes_is_read_back(rows: list[list[str]], piece: int) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(rows)
    block = split(b"\xef\xbb\xbf" + buffer.getvalue().encode(), piece)
    assert block.rows == rows
    assert block.rejects == []


FRAGMENTS = st.sampled_from(
    [
        "a",
        record("id"),
        record("q", '"a\nb"'),
        '"',
        '""',
        ",",
        "\n",
        "\r\n",
        "\r",
        "\0",
        " ",
        "é",
        record("u", '"open'),
        record("").rstrip("\n"),
    ]
)
ODD_BYTES = st.one_of(
    st.binary(max_size=60), st.lists(FRAGMENTS, max_size=12).map(lambda parts: "".join(parts).encode())
)


@settings(max_examples=300)
@given(ODD_BYTES, st.integers(1, 200))
def test_every_physical_line_is_in_exactly_one_record_reject_or_blank(data: bytes, piece: int) -> None:
    block = split(data, piece)
    body = data.removeprefix(b"\xef\xbb\xbf")
    lines = body.count(b"\n") + (not body.endswith(b"\n") and body != b"")
    taken = sorted(_taken(block))
    assert len(taken) == len(set(taken))
    assert set(taken) <= set(range(1, lines + 1))
    assert len(taken) + block.blank_lines == lines
    assert split(data) == block, "the size of the pieces changes nothing"


def _taken(block: Block) -> Iterator[int]:
    for line, count in zip(block.lines, block.line_counts, strict=True):
        yield from range(line, line + count)
    for reject in block.rejects:
        yield from range(reject.line, reject.line + reject.line_count)


def test_blocks_are_gathered_until_they_are_large_enough() -> None:
    blocks = [split(record(name).encode()) for name in "abc"]
    assert [[row[0] for row in block.rows] for block in gather(blocks, 2)] == [["a", "b"], ["c"]]


def test_a_record_that_ends_with_its_portion_waits_for_what_follows() -> None:
    # Only the line behind the quotes tells whether the record within them was meant to be there.
    text = record("a", '"look:\n' + record("forged").rstrip("\n") + '\n"')
    follows = record("b")
    blocks = list(split_records([text.encode(), follows.encode()]))
    assert [[row[0] for row in block.rows] for block in blocks] == [[], ["a", "b"], []]
    assert [[row[0] for row in block.rows] for block in split_records([text.encode()])] == [[], ["a"]]


def test_a_record_with_too_many_columns_around_another_is_an_accident() -> None:
    text = record("a", '"open') + record("b", '",one more')
    assert outcome(text)[0] == []
    assert {reason for _, _, reason in outcome(text)[1]} <= {"unclosed_quote", "stray_quote", "wrong_column_count"}


def test_a_field_beyond_the_readers_limit_and_a_nul_are_rejects() -> None:
    text = record("a", '"' + "x" * (MAX_RECORD_LENGTH + 1) + '"') + record("b", "nul \0") + "\n" + record("c")
    assert outcome(text) == ([(4, "c")], [(1, 1, "field_too_long"), (2, 1, "nul_character")])


def test_the_last_line_of_a_file_needs_no_end() -> None:
    assert outcome(record("a") + record("b", "café").rstrip("\n")) == ([(1, "a"), (2, "b")], [])


def test_a_stray_quote_at_the_end_of_a_portion_waits_for_what_follows() -> None:
    pieces = [record("a", 'stray " quote').encode(), record("b").encode()]
    blocks = list(split_records(pieces))
    assert [len(block.rejects) for block in blocks] == [0, 1, 0]
    assert [row[0] for block in blocks for row in block.rows] == ["b"]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("", False),
        (record("a"), False),
        (record("a") + record("b")[:20], True),
        (record("a") + record("b", '"open').rstrip(), True),
        (record("a")[:20], True),
        ("x,y\n" + record("a"), False),
        (record("a") + record("b", "nul \0"), False),
    ],
)
def test_a_record_whose_rest_is_missing_is_known_at_the_end_of_a_file(text: str, cut: bool) -> None:
    assert split(text.encode()).ends_in_a_cut_record is cut


@pytest.mark.parametrize("piece", [1, 7, 1 << 18])
def test_a_byte_order_mark_at_the_begin_of_a_line_is_no_part_of_an_id(piece: int) -> None:
    data = b"".join(b"\xef\xbb\xbf" + text.encode() for text in (record("a"), '"b"' + record("b")[1:], record("c")))
    block = split(data, piece)
    assert ([row[0] for row in block.rows], block.rejects) == (["a", "b", "c"], [])
