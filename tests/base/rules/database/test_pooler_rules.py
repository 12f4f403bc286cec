"""What is seen of a pooler, what it means, and what people are told."""

from __future__ import annotations

import pytest

from livedash_pipeline.base.rules.database.poolers import (
    CODE,
    Pooling,
    Processes,
    judge_refusal,
    judge_round,
    own_address,
    pooling_fault,
    session_words,
)


@pytest.mark.parametrize(
    ("seen", "pooling"),
    [
        (Processes((1, 1), 2, 1), Pooling.SESSION),
        (Processes((1, 1), 2), Pooling.SESSION),
        (Processes((1, 2), 3, 1), Pooling.TRANSACTION),
        (Processes((1, 1), 1), Pooling.TRANSACTION),
        (Processes((1, 1), 2, 3), Pooling.TRANSACTION),
        (Processes((1, 1), 2, 2), Pooling.TRANSACTION),
    ],
)
def test_a_session_keeps_one_process_that_nobody_else_has(seen: Processes, pooling: Pooling) -> None:
    assert judge_round(seen) is pooling


def test_what_pgbouncer_says_of_itself() -> None:
    assert judge_refusal("FATAL:  transaction blocks not allowed in statement pooling mode") is Pooling.STATEMENT
    assert judge_refusal("FATAL:  query_wait_timeout") is Pooling.EXHAUSTED
    assert judge_refusal("FATAL:  the database system is shutting down") is None


@pytest.mark.parametrize(
    ("host", "server", "own"),
    [
        ("db.example.com", None, "the server's own address"),
        ("db.example.com", ("10.0.0.5", 5432), "the server's own address (it calls itself 10.0.0.5:5432)"),
        ("db.example.com", ("fd00::5", 5432), "the server's own address (it calls itself [fd00::5]:5432)"),
        ("ep-x-pooler.eu.example.com", ("10.0.0.5", 1), "the server's own address (ep-x.eu.example.com)"),
        ("pooler", None, "the server's own address"),
        ("/run/x-pooler", None, "the server's own address"),
    ],
)
def test_the_servers_own_address_is_named_where_it_is_known(
    host: str, server: tuple[str, int] | None, own: str
) -> None:
    assert own_address(host, server) == own


def test_each_kind_of_pooling_that_does_not_do_has_its_sentence_and_its_remedy() -> None:
    for pooling in (Pooling.TRANSACTION, Pooling.STATEMENT):
        fault = pooling_fault(pooling, "DATABASE_URL", "the server's own address")
        assert fault is not None and (fault.code, fault.exit_status) == (CODE, 2)
        assert f"pool_mode = {pooling}" in fault.message
        assert "Set DATABASE_URL to the server's own address, or to a pool in session mode" in fault.remedy
    exhausted = pooling_fault(Pooling.EXHAUSTED, "LIVEDASH_DAGSTER_URL", "the server's own address")
    assert exhausted is not None and exhausted.exit_status == 1
    assert "default_pool_size" in exhausted.remedy and "LIVEDASH_DAGSTER_URL" in exhausted.remedy
    assert (
        pooling_fault(Pooling.SESSION, "DATABASE_URL", "") is pooling_fault(Pooling.DIRECT, "DATABASE_URL", "") is None
    )


def test_connections_that_may_be_used_are_told_apart() -> None:
    assert session_words(Pooling.DIRECT) == "Connections reach the server itself."
    assert "pooler, which keeps each" in session_words(Pooling.SESSION)
