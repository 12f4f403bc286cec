"""Values of MongoDB's Extended JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from livedash_pipeline.chats.rules.documents.extended_json import ObjectId, Unreadable, parse_moment, plain

MOMENT = datetime(2025, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"$oid": "65A000000000000000000001"}, "65a000000000000000000001"),
        ({"$date": "2025-01-02T03:04:05.678Z"}, MOMENT),
        ({"$date": "2025-01-02T04:04:05.678+0100"}, MOMENT),
        ({"$date": 1735787045678}, MOMENT),
        ({"$date": {"$numberLong": "1735787045678"}}, MOMENT),
        ({"$date": {"$numberLong": "-1"}}, datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        ({"$numberInt": "-7"}, -7),
        ({"$numberLong": "9223372036854775807"}, 2**63 - 1),
        ({"$numberLong": 7}, 7),
        ({"$numberDouble": "1.5"}, 1.5),
        ({"$numberDouble": 2}, 2.0),
        ({"$numberDecimal": "1.10"}, Decimal("1.10")),
        ({"$uuid": "0a0b"}, "0a0b"),
        ({"$symbol": "a"}, "a"),
        ({"$binary": {"base64": "AA==", "subType": "04"}}, "AA=="),
        ({"$binary": "AA==", "$type": "03"}, "AA=="),
        ({"$undefined": True}, None),
        ({"$ref": "chats", "$id": {"$oid": "65a000000000000000000001"}}, "65a000000000000000000001"),
        ([1, {"a": [{"$numberInt": "1"}]}], [1, {"a": [1]}]),
        ({}, {}),
        ("text", "text"),
    ],
)
def test_a_typed_value_becomes_a_plain_one(value: Any, expected: Any) -> None:
    found = plain(value)
    assert found == expected
    assert isinstance(found, ObjectId) == ("$oid" in str(value))


@pytest.mark.parametrize(
    "value",
    [
        {"$oid": "65a"},
        {"$oid": 7},
        {"$date": "yesterday"},
        {"$date": True},
        {"$date": None},
        {"$date": {"$numberLong": "999999999999999999"}},
        {"$date": {"$date": {"$date": 1}}},
        {"$numberLong": "9223372036854775808"},
        {"$numberInt": "٣"},
        {"$numberInt": 1.5},
        {"$numberInt": True},
        {"$numberDouble": "Infinity"},
        {"$numberDouble": "one"},
        {"$numberDouble": 10**400},
        {"$numberDouble": None},
        {"$numberDecimal": "NaN"},
        {"$numberDecimal": "one"},
        {"$numberDecimal": 1},
        {"$uuid": 1},
        {"$binary": {"subType": "04"}},
        {"$minKey": 1},
    ],
)
def test_a_hostile_value_is_unreadable(value: Any) -> None:
    assert isinstance(plain(value), Unreadable)


def test_a_moment_without_a_zone_is_utc() -> None:
    assert parse_moment(" 2025-01-02T03:04:05.678 ") == MOMENT
    assert parse_moment("0001-01-01T00:00:00+23:00") is None
