"""Bodies of batches are cut at the right places, however they arrive."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_pipeline.submissions.rules.json_items import ArraySplitter, BodyFault, ItemSplitter, LineSplitter

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", '\\"', "]", "}{", "[,", "\n"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def cut(splitter: ItemSplitter, body: bytes, sizes: list[int]) -> list[bytes]:
    """The items of a body that arrives in pieces of these sizes, over and over."""
    spans, at, turn = [], 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)] if sizes else len(body)
        spans += splitter.feed(body[at : at + size])
        at, turn = at + size, turn + 1
    spans += splitter.finish()
    return [body[span.start : span.end] for span in spans]


SIZES = st.lists(st.integers(1, 40), max_size=4)


@given(st.lists(VALUES, max_size=6), SIZES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_an_array_is_cut_into_its_items_however_it_arrives(
    values: list[object], sizes: list[int], plain: bool, indent: int | str | None
) -> None:
    splitter = ArraySplitter()
    body = json.dumps(values, ensure_ascii=plain, indent=indent).encode("utf-8", "surrogatepass")
    items = cut(splitter, body, sizes)
    assert splitter.fault is None
    assert [json.loads(item.decode("utf-8", "surrogatepass")) for item in items] == values


@given(st.lists(VALUES, max_size=6), SIZES, st.sampled_from([b"\n", b"\r\n", b"\n\n \n"]), st.booleans())
def test_lines_are_cut_into_items_however_they_arrive(
    values: list[object], sizes: list[int], end: bytes, ended: bool
) -> None:
    splitter = LineSplitter()
    body = end.join(json.dumps(value).encode() for value in values) + (end if ended else b"")
    assert [json.loads(item) for item in cut(splitter, body, sizes)] == values
    assert splitter.fault is None


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",\\ 1a\n', max_size=60).map(str.encode), SIZES)
def test_no_body_breaks_a_splitter_and_pieces_do_not_matter(body: bytes, sizes: list[int]) -> None:
    for make in (ArraySplitter, LineSplitter):
        whole, chopped = make(), make()
        assert cut(whole, body, []) == cut(chopped, body, sizes)
        assert whole.fault == chopped.fault


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",\\ 1a\n', max_size=60).map(str.encode))
def test_an_array_that_json_reads_has_no_fault_and_its_items(body: bytes) -> None:
    try:
        value = json.loads(body)
    except ValueError:
        return
    splitter = ArraySplitter()
    items = cut(splitter, body, [7])
    if isinstance(value, list):
        assert splitter.fault is None
        assert [json.loads(item) for item in items] == value
    else:
        assert splitter.fault is BodyFault.NOT_AN_ARRAY


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", BodyFault.NOT_AN_ARRAY),
        (b"  \n", BodyFault.NOT_AN_ARRAY),
        (b'{"externalId": "a"}', BodyFault.NOT_AN_ARRAY),
        (b"null", BodyFault.NOT_AN_ARRAY),
        (b"[{}", BodyFault.ENDED_EARLY),
        (b'["a', BodyFault.ENDED_EARLY),
        (b'["a\\', BodyFault.ENDED_EARLY),
        (b"[1}", BodyFault.UNBALANCED),
        (b"[] []", BodyFault.TEXT_AFTER_END),
        (b"[1],", BodyFault.TEXT_AFTER_END),
        (b"[1] x", BodyFault.TEXT_AFTER_END),
    ],
)
def test_an_outline_that_cannot_be_followed_is_a_fault_of_the_body(body: bytes, fault: BodyFault) -> None:
    splitter = ArraySplitter()
    cut(splitter, body, [2])
    assert splitter.fault is fault


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (b"[]", []),
        (b" [ \n ] ", []),
        (b"\xef\xbb\xbf[1]", [b"1"]),
        (b"[1,]", [b"1", b""]),
        (b"[,]", [b"", b""]),
        (b"[nonsense, {'a': 1}, 2]", [b"nonsense", b" {'a': 1}", b" 2"]),
        (b'[{"a": [1]}, [{"b": "]"}]]', [b'{"a": [1]}', b' [{"b": "]"}]']),
    ],
)
def test_what_is_wrong_inside_an_item_leaves_the_others_alone(body: bytes, items: list[bytes]) -> None:
    splitter = ArraySplitter()
    assert cut(splitter, body, [3]) == items
    assert splitter.fault is None


def test_nothing_is_found_after_a_fault() -> None:
    splitter = ArraySplitter()
    assert splitter.feed(b"[1}, 2, 3]") == []
    assert splitter.feed(b"[4, 5]") == []


def test_a_span_has_the_size_of_its_item() -> None:
    (span,) = ArraySplitter().feed(b"[12345]")
    assert span.size == 5
