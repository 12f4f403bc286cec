"""Checks that everything a run needs is there: database, money, key, model, clocks, and what the service has proven.

Nothing is spent and nothing is changed here; `ledger.steps.recovery.probe_endpoint` makes probes where they are asked for. Add
a check as a function that returns a `Check` with the remedy. What cannot be looked at, because something before it has failed,
says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_pipeline.base.rules.endpoints import key_fingerprint
from livedash_pipeline.base.rules.values import Document
from livedash_pipeline.base.store.companies import list_companies
from livedash_pipeline.base.store.connect import check_reachable, database_now, ignored_parameters
from livedash_pipeline.base.store.faults import explain
from livedash_pipeline.base.store.revisions import check_current, head_revision
from livedash_pipeline.errors import DatabaseNotReadyError, LivedashError, SourceError
from livedash_pipeline.ledger.rules.recovery.evidence import GUARD_WORDS
from livedash_pipeline.ledger.rules.service.failures import FailureKind, remedy
from livedash_pipeline.ledger.rules.service.gateway import ModelCheck
from livedash_pipeline.ledger.steps.batches.context import configured_endpoint, require_api_key
from livedash_pipeline.ledger.store.recovery import traits
from livedash_pipeline.ledger.store.recovery.traits import Traits
from livedash_pipeline.money.rules.budgets import say_limits
from livedash_pipeline.money.rules.rates import days_old, is_old
from livedash_pipeline.money.store import prices, rates
from livedash_pipeline.money.store.company_caps import own_caps
from livedash_pipeline.overview.rules.clocks import ahead_by
from livedash_pipeline.overview.steps.doctor_checks import (
    Check,
    CheckStatus,
    check_clock,
    check_dagster,
    check_session,
    check_writes,
    failed,
)
from livedash_pipeline.services.openai.gateway import connect
from livedash_pipeline.services.openai.service_clock import service_time
from livedash_pipeline.settings import Settings
from livedash_pipeline.sources.alert_webhook import AlertWebhook

# For connecting and for each read: a service that is slow to answer is not thereby one that does not.
_TIMEOUT = 30.0
# Of a `Date` header (RFC 9110, 5.6.7), which leaves out fractions of a second.
_DATE_HEADER_RESOLUTION = timedelta(seconds=1)
_PROBE = "Run `livedash doctor --probe`, which costs nothing."
_KEY_FAILURES = frozenset({FailureKind.BAD_KEY, FailureKind.FORBIDDEN, FailureKind.QUOTA, FailureKind.BILLING})

NAMES = (
    "database",
    "database_session",
    "database_writes",
    "migration",
    "price",
    "exchange_rate",
    "caps",
    "database_clock",
    "dagster_database",
    "dagster_instance",
    "api_key",
    "model",
    "service_clock",
    "listing",
    "fence",
    "alert_url",
)

# Without an address, there is nothing to look at.
_OPTIONAL = frozenset({"alert_url", "dagster_database", "dagster_instance"})


@dataclass(frozen=True)
class Patient:
    """What is examined.

    Attributes:
        settings: All settings.
        engine: Our database, or the error for which there is none.
        now: This machine's clock.
        dagster_url: Dagster's database; None where it is not looked at.
        instance: What the instance of a given DAGSTER_HOME is like; None where it is livedash's own.
    """

    settings: Settings
    engine: Engine | LivedashError
    now: Callable[[], datetime]
    dagster_url: str | None = None
    instance: Check | None = None


@dataclass
class _Findings:
    checks: list[Check] = field(default_factory=list)
    models: Sequence[str] = ()
    # What the reference clock is ahead of this machine's; zero until the database has been asked.
    database_ahead: timedelta = timedelta(0)


def examine(patient: Patient) -> Document:
    """All checks, in the order of `NAMES`; `ok` is false as soon as one is. `_OPTIONAL` ones may be left out."""
    findings = _Findings(models=(patient.settings.openai_model,))
    try:
        _examine_database(patient, findings)
    except DBAPIError as error:
        # The database answers, and refuses a look at what is in it.
        refused = explain(error)
        if refused is None:
            raise
        findings.checks = [check for check in findings.checks if check.name != "database"]
        findings.checks.append(failed("database", refused))
    if patient.dagster_url is not None:
        findings.checks.append(check_dagster(patient.dagster_url))
    if patient.instance is not None:
        findings.checks.append(patient.instance)
    _examine_service(patient, findings)
    settings = patient.settings
    if settings.livedash_alert_url:
        findings.checks.append(
            _check_webhook(AlertWebhook(settings.livedash_alert_url, allowed_addresses=settings.alert_addresses))
        )
    by_name = {check.name: check for check in findings.checks}
    checks = [by_name.get(name, _not_checked(name)) for name in NAMES if name in by_name or name not in _OPTIONAL]
    return {
        "ok": all(check.ok for check in checks),
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "message": check.message,
                "remedy": check.remedy,
                "status": check.status.value,
            }
            for check in checks
        ],
    }


def _not_checked(name: str) -> Check:
    return Check(name, CheckStatus.NOT_CHECKED, "Not looked at, because another check failed.", "Cure that one first.")


def _examine_database(patient: Patient, findings: _Findings) -> None:
    if isinstance(patient.engine, LivedashError):
        findings.checks.append(failed("database", patient.engine))
        return
    try:
        check_reachable(patient.engine)
    except DatabaseNotReadyError as error:
        findings.checks.append(failed("database", error))
        return
    with patient.engine.connect() as connection:
        version = ".".join(map(str, connection.dialect.server_version_info or ()))
        findings.checks.append(Check("database", CheckStatus.OK, f"PostgreSQL {version} answers."))
        findings.checks.append(check_writes(connection))
        findings.database_ahead = _ahead(lambda: database_now(connection), patient.now)
        findings.checks.append(
            check_clock("database_clock", "The database's clock", findings.database_ahead, "this machine's")
        )
    url = patient.settings.database_url
    findings.checks.append(check_session(patient.engine, ignored_parameters(url) if url else ()))
    try:
        check_current(patient.engine)
    except DatabaseNotReadyError as error:
        findings.checks.append(failed("migration", error))
        return
    findings.checks.append(Check("migration", CheckStatus.OK, f"The schema is at revision {head_revision()}."))
    with patient.engine.connect() as connection:
        _examine_money(connection, patient.settings, findings)
        if patient.settings.openai_api_key:
            findings.checks += _examine_traits(connection, patient.settings)


def _examine_money(connection: Connection, settings: Settings, findings: _Findings) -> None:
    own = {company.model for company in list_companies(connection) if company.is_working and company.model}
    findings.models = (settings.openai_model, *sorted(own - {settings.openai_model}))
    now = database_now(connection)
    findings.checks.append(_check_prices(connection, findings.models, now))
    findings.checks.append(_check_rate(connection, settings, now))
    findings.checks.append(_check_caps(connection, settings))


def _check_rate(connection: Connection, settings: Settings, now: datetime) -> Check:
    rate = rates.rate_at(connection, now, settings.livedash_usd_eur)
    cure = f"Run `livedash rate set {now.astimezone(UTC):%Y-%m-%d} USD_EUR`"
    if rate is None:
        unknown = "No exchange rate is known, so that costs in euro stay unknown."
        return Check("exchange_rate", CheckStatus.FAILED, unknown, f"{cure}, or set LIVEDASH_USD_EUR.")
    said = f"One US dollar is {rate.usd_eur.normalize():f} euro ({rate.source})."
    day = rates.rate_day(connection, now)
    if day is not None and is_old(day, now):
        said = f"{said[:-1]}, of {day.isoformat()}, {days_old(day, now)} days ago."
        return Check("exchange_rate", CheckStatus.WARNING, said, f"{cure}.")
    return Check("exchange_rate", CheckStatus.OK, said)


def _check_caps(connection: Connection, settings: Settings) -> Check:
    return Check("caps", CheckStatus.OK, say_limits(settings.caps, own_caps(connection)))


def _examine_traits(connection: Connection, settings: Settings) -> list[Check]:
    """What the service has shown the present key; what it has not shown yet is worth a probe and no fault."""
    endpoint = configured_endpoint(settings)
    known = traits.read_traits(connection, endpoint, key_fingerprint(require_api_key(settings)))
    return [_check_listing(endpoint, known), _check_fence(endpoint, known)]


def _check_listing(endpoint: str, known: Traits) -> Check:
    habits = [
        *(["shows batches under other ids than create answered"] if known.renames_ids else []),
        *(["shows states that look-ups have gone beyond"] if known.listing_lags else []),
    ]
    coped = "both are" if len(habits) > 1 else "this is"
    also = f" It {' and '.join(habits)}; {coped} coped with." if habits else ""
    if known.listing == "contradicted":
        said = f"The listing of {endpoint} {known.listing_reason}, so that a batch whose answer is lost waits for a person."
        cure = (
            "Ask the service's operator; batches that wait are decided by `livedash reconcile --believe-absence BATCH`."
        )
        return Check("listing", CheckStatus.WARNING, said + also, cure)
    if known.listing == "proven":
        return Check("listing", CheckStatus.OK, f"The listing of {endpoint} shows what it must.{also}")
    said = f"The listing of {endpoint} has not been put to the test with this key.{also}"
    return Check("listing", CheckStatus.WARNING, said, _PROBE)


def _check_fence(endpoint: str, known: Traits) -> Check:
    words = GUARD_WORDS[known.guard]
    if known.fence == "proven":
        return Check("fence", CheckStatus.OK, f"{endpoint} refuses a create on a deleted file: {words}.")
    if known.fence == "refuted":
        said = f"{known.fence_reason} With {endpoint}, {words}."
        return Check("fence", CheckStatus.WARNING, said, "Nothing to do; `livedash batches` shows each batch's guard.")
    said = f"Whether {endpoint} refuses a create on a deleted file is not known yet: {words}."
    return Check("fence", CheckStatus.WARNING, said, _PROBE)


def _check_webhook(webhook: AlertWebhook) -> Check:
    """By look-up only: an alert that means nothing would wake somebody."""
    try:
        webhook.look_up()
    except SourceError as error:
        said = f"Alerts cannot be delivered: {error.message}"
        return Check("alert_url", CheckStatus.FAILED, said, error.remedy or "Check LIVEDASH_ALERT_URL.")
    return Check(
        "alert_url", CheckStatus.OK, "The host of LIVEDASH_ALERT_URL leads to an address that may be posted to."
    )


def _check_prices(connection: Connection, models: Iterable[str], now: datetime) -> Check:
    missing = []
    for model in models:
        priced = prices.price_for(connection, model, now)
        if priced is None or priced[1].batch.input is None or priced[1].batch.output is None:
            missing.append(model)
    if missing:
        return Check(
            "price",
            CheckStatus.FAILED,
            f"No batch price is known for {', '.join(missing)}, so that costs stay unknown.",
            f"Run `livedash price set {missing[0]} --input USD --output USD --batch-input USD --batch-output USD`.",
        )
    return Check("price", CheckStatus.OK, f"Batch prices are known for {', '.join(models)}.")


def _examine_service(patient: Patient, findings: _Findings) -> None:
    settings = patient.settings
    try:
        key = require_api_key(settings)
        with connect(settings.openai_base_url, key) as gateway:
            answers = {model: gateway.check_model(model, timeout=_TIMEOUT) for model in findings.models}
    except LivedashError as error:
        findings.checks.append(failed("api_key", error))
        return
    findings.checks += _judge_key_and_models(configured_endpoint(settings), answers)
    before = patient.now() + findings.database_ahead
    stated = service_time(settings.openai_base_url, key, timeout=_TIMEOUT)
    if stated is None:
        unstated = "The service states no time."
        findings.checks.append(Check("service_clock", CheckStatus.WARNING, unstated, "Check OPENAI_BASE_URL."))
        return
    after = patient.now() + findings.database_ahead
    ahead = ahead_by(stated, before=before, after=after, resolution=_DATE_HEADER_RESOLUTION)
    findings.checks.append(check_clock("service_clock", "The service's clock", ahead, "the database's"))


def _judge_key_and_models(endpoint: str, answers: dict[str, ModelCheck]) -> list[Check]:
    """The key is judged by the first answer that is about it; without any, it has been accepted."""
    failures = {
        model: answer.failure for model, answer in answers.items() if answer.failure and not answer.route_missing
    }
    for failure in failures.values():
        if failure.kind in _KEY_FAILURES:
            refused = f"{endpoint} refuses the key: {failure.message}"
            return [Check("api_key", CheckStatus.FAILED, refused, remedy(failure.kind))]
        if failure.kind is not FailureKind.MODEL_NOT_FOUND:
            unanswered = f"{endpoint} does not answer as it should: {failure.message}"
            return [Check("api_key", CheckStatus.FAILED, unanswered, remedy(failure.kind))]
    stand_in = " (the local stand-in)" if any(answer.stand_in for answer in answers.values()) else ""
    if all(answer.route_missing for answer in answers.values()):
        unknown = f"{endpoint} has no route to look models up, so that neither key nor model can be checked."
        warning = "Check OPENAI_BASE_URL; if it is right, submitting will show."
        return [Check(name, CheckStatus.WARNING, unknown, warning) for name in ("api_key", "model")]
    key = Check("api_key", CheckStatus.OK, f"{endpoint}{stand_in} accepts the key.")
    if failures:
        model, failure = next(iter(failures.items()))
        return [key, Check("model", CheckStatus.FAILED, failure.message, remedy(failure.kind, model))]
    return [key, Check("model", CheckStatus.OK, f"The key may use {', '.join(answers)}.")]


def _ahead(ask: Callable[[], datetime], now: Callable[[], datetime]) -> timedelta:
    before = now()
    stated = ask()
    return ahead_by(stated, before=before, after=now())
