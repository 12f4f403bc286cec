"""What a pooler between us and the database may do: give each connection a server process of its own, until it is closed.

Locks of a session, settings and temporary tables live in the server's process. A pooler that hands each transaction to whichever
process is free (PgBouncer's `pool_mode = transaction` and its like elsewhere) takes them away or shares them with strangers.
Judging is here; looking is `base.store.poolers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from livedash_pipeline.base.rules.database_faults import DATABASE, DatabaseFault

CODE = "database_pooler"


class Pooling(StrEnum):
    """How connections reach the server's processes."""

    DIRECT = "direct"
    SESSION = "session"
    TRANSACTION = "transaction"
    STATEMENT = "statement"
    EXHAUSTED = "exhausted"


@dataclass(frozen=True, slots=True)
class Processes:
    """Which processes of the server answered two connections, in one round of looking.

    Attributes:
        first: For two statements of the first connection, one after the other.
        second: For the second connection, within a transaction.
        again: For the first connection while that transaction is open; None where it was not asked.
    """

    first: tuple[int, int]
    second: int
    again: int | None = None


def judge_round(seen: Processes) -> Pooling:
    """What one round shows; `SESSION` where nothing speaks against it."""
    answered = {*seen.first, *([] if seen.again is None else [seen.again])}
    return Pooling.SESSION if len(answered) == 1 and seen.second not in answered else Pooling.TRANSACTION


def judge_refusal(words: str) -> Pooling | None:
    """What PgBouncer says of itself where it refuses a transaction of the second connection; None for anything else."""
    if "transaction blocks not allowed" in words:
        return Pooling.STATEMENT
    return Pooling.EXHAUSTED if "query_wait_timeout" in words else None


def own_address(host: str, server: tuple[str, int] | None) -> str:
    """Where the server is without its pooler, in words that end a sentence.

    Args:
        host: Of the pooler. Some services name it as the server, with `-pooler` behind the first part.
        server: Address and port that the server gives itself; None where the pooler reaches it through a socket file.
    """
    name, dot, domain = host.partition(".")
    if dot and name.endswith("-pooler"):
        return f"the server's own address ({name.removesuffix('-pooler')}.{domain})"
    if server is None:
        return "the server's own address"
    address, port = server
    return f"the server's own address (it calls itself {f'[{address}]' if ':' in address else address}:{port})"


def pooling_fault(pooling: Pooling, setting: str, own: str) -> DatabaseFault | None:
    """Why no work is done through such a pooler; None where it does not matter.

    Args:
        pooling: What was seen.
        setting: The variable with the address.
        own: As `own_address` says it.
    """
    if pooling in (Pooling.TRANSACTION, Pooling.STATEMENT):
        return DatabaseFault(
            CODE,
            f"{DATABASE} is reached through a pooler in {pooling.value} mode, such as PgBouncer with pool_mode = "
            f"{pooling.value}, which loses the locks and settings of a connection.",
            f"Set {setting} to {own}, or to a pool in session mode (PgBouncer: pool_mode = session).",
            is_passing=False,
        )
    if pooling is Pooling.EXHAUSTED:
        return DatabaseFault(
            "database_pool_exhausted",
            f"{DATABASE} is reached through a pooler that has no server connection left for a second client.",
            f"Raise the size of the pool (PgBouncer: default_pool_size), or set {setting} to {own}.",
            is_passing=True,
        )
    return None


def session_words(pooling: Pooling) -> str:
    """What is said about connections that may be used."""
    if pooling is Pooling.DIRECT:
        return "Connections reach the server itself."
    return "Connections go through a pooler, which keeps each on a server process of its own."
