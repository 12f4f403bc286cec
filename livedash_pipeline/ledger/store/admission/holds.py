"""Holds, and the admission row whose lock puts the claims of one model in a queue.

Add what several processes must agree on before they claim. `ledger.rules.admission.admission` has the rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, literal, null, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from livedash_pipeline.base.store.tables import ai_admissions, ai_endpoint_pauses, ai_holds
from livedash_pipeline.ledger.rules.admission.admission import HoldRule, HoldScope, hold_until
from livedash_pipeline.ledger.store.admission.pauses import end_pause

_holds = ai_holds.c
_pauses = ai_endpoint_pauses.c
# Read before each call: building it anew takes longer than sending it.
_HELD = (
    select(_holds.model, _holds.reason, _holds.message, _holds.not_before)
    .where(_holds.endpoint == bindparam("endpoint"))
    .where(or_(_holds.not_before.is_(None), _holds.not_before > bindparam("now")))
    .where(
        or_(
            _holds.model.is_not(None),
            _holds.not_before.is_(None),
            _holds.key_fingerprint == bindparam("key_fingerprint"),
        )
    )
)
_PAUSED = select(
    null(), literal("rate_limited"), literal("The service asked for fewer calls."), _pauses.paused_until
).where(_pauses.endpoint == bindparam("endpoint"), _pauses.paused_until > bindparam("now"))
_IN_FORCE = union_all(_HELD, _PAUSED)


@dataclass(frozen=True)
class Hold:
    """A hold in force; `model` is None for a hold of the endpoint, `not_before` is None where a person has to lift it."""

    model: str | None
    reason: str
    message: str
    not_before: datetime | None

    def __str__(self) -> str:
        """The hold in one sentence."""
        return f"{self.brief}: {self.message}"

    @property
    def brief(self) -> str:
        """The hold without the service's own words, which may quote what one company asked."""
        until = f"until {self.not_before.isoformat()}" if self.not_before else "until `livedash submit --unhold`"
        return f"{self.model or 'every model'} is on hold {until} ({self.reason})"


def holds_in_force(connection: Connection, endpoint: str, *, key_fingerprint: str, now: datetime) -> list[Hold]:
    """Returns the holds of an endpoint that are in force, including a pause for too many calls.

    A change of the key also ends timed holds of the endpoint.
    """
    values = {"endpoint": endpoint, "key_fingerprint": key_fingerprint, "now": now}
    return [Hold(*row) for row in connection.execute(_IN_FORCE, values)]


@dataclass(frozen=True)
class ListedHold:
    """A hold, or a pause for too many calls, of any endpoint.

    Attributes:
        endpoint: Whose it is.
        model: None for the whole endpoint.
        reason: A word.
        message: The service's own words, which may quote what somebody asked.
        not_before: Until when; None where a person has to lift it.
        since: When it was placed, or a pause was last prolonged.
        times: How often in a row.
    """

    endpoint: str
    model: str | None
    reason: str
    message: str
    not_before: datetime | None
    since: datetime
    times: int


def list_holds(connection: Connection, *, now: datetime, most: int) -> list[ListedHold]:
    """Returns the holds and pauses of all endpoints that have not ended, also those that a change of key ends."""
    held = select(
        _holds.endpoint, _holds.model, _holds.reason, _holds.message, _holds.not_before, _holds.held_at, _holds.times
    ).where(or_(_holds.not_before.is_(None), _holds.not_before > now))
    paused = select(
        _pauses.endpoint,
        null(),
        literal("rate_limited"),
        literal("The service asked for fewer calls."),
        _pauses.paused_until,
        _pauses.updated_at,
        _pauses.times,
    ).where(_pauses.paused_until > now)
    both = union_all(held, paused).subquery()
    rows = connection.execute(select(both).order_by(both.c.endpoint, both.c.model).limit(most))
    return [ListedHold(*row) for row in rows]


def place_hold(
    connection: Connection,
    *,
    endpoint: str,
    model: str,
    rule: HoldRule,
    reason: str,
    message: str,
    key_fingerprint: str,
    now: datetime,
) -> datetime | None:
    """Holds an endpoint or a model, twice as long each time in a row, and returns until when; None: until somebody lifts it.

    A refusal during a hold changes nothing, since its call was under way before; a hold that waits for a person is not
    shortened; another key starts the row anew.
    """
    scope = {"endpoint": endpoint, "model": model if rule.scope is HoldScope.MODEL else None}
    table = ai_holds.c
    known = connection.execute(
        select(table.id, table.times, table.not_before, table.key_fingerprint)
        .where(table.endpoint == endpoint, table.model.is_not_distinct_from(scope["model"]))
        .with_for_update()
    ).one_or_none()
    if known is not None and known.not_before is None:
        return None
    times = 1
    if known is not None and known.key_fingerprint == key_fingerprint:
        times = known.times + (known.not_before <= now)
    until = hold_until(now, times) if rule.timed else None
    values = {
        "reason": reason,
        "message": message,
        "not_before": until,
        "key_fingerprint": key_fingerprint,
        "times": times,
        "held_at": now,
    }
    if known is None:
        connection.execute(
            insert(ai_holds)
            .values(**scope, **values)
            .on_conflict_do_update(index_elements=["endpoint", "model"], set_=values)
        )
    else:
        connection.execute(update(ai_holds).where(table.id == known.id).values(**values))
    return until


def lift_holds(connection: Connection, endpoint: str, *, model: str | None = None) -> int:
    """Ends all holds of an endpoint and its pause, or the holds of one of its models, and returns how many holds."""
    query = delete(ai_holds).where(ai_holds.c.endpoint == endpoint)
    if model is not None:
        query = query.where(ai_holds.c.model == model)
    else:
        end_pause(connection, endpoint)
    return connection.execute(query).rowcount


def lock_admission(connection: Connection, endpoint: str, model: str, *, now: datetime) -> int | None:
    """Locks the model's admission row until the transaction ends; returns the learned token limit, if any."""
    row = {"endpoint": endpoint, "model": model}
    connection.execute(insert(ai_admissions).values(**row, updated_at=now).on_conflict_do_nothing())
    limit: int | None = connection.execute(
        select(ai_admissions.c.learned_token_limit).filter_by(**row).with_for_update()
    ).scalar_one()
    return limit


def learn_limit(connection: Connection, endpoint: str, model: str, *, limit: int | None, now: datetime) -> None:
    """Stores what a model's queue takes, as the service's refusals and successes have shown it."""
    values = {"learned_token_limit": limit, "updated_at": now}
    connection.execute(
        insert(ai_admissions)
        .values(endpoint=endpoint, model=model, **values)
        .on_conflict_do_update(index_elements=["endpoint", "model"], set_=values)
    )


def raise_learned_limit(connection: Connection, endpoint: str, model: str, *, now: datetime) -> None:
    """Raises a learned limit by a quarter after a batch ran, and forgets ended holds, so that the next one is short."""
    table, held = ai_admissions.c, ai_holds.c
    more = func.greatest(table.learned_token_limit // 4, 1)
    connection.execute(
        update(ai_admissions)
        .where(table.endpoint == endpoint, table.model == model, table.learned_token_limit.is_not(None))
        .values(learned_token_limit=table.learned_token_limit + more, updated_at=now)
    )
    scope = or_(held.model == model, held.model.is_(None))
    connection.execute(delete(ai_holds).where(held.endpoint == endpoint, scope, held.not_before <= now))
