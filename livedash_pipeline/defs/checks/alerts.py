"""Sensors that alert people of a failed run or a red check: by one log line and, where a webhook is set, by one POST.

Failed runs are the business of `run_failures`; `overview.rules.alerts` words the alerts. A webhook that does not answer becomes a
line in the log and never fails a sensor. Add a sensor when something else has to reach a person.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from livedash_pipeline.defs.blueprints import sensor
from livedash_pipeline.defs.checks.run_failures import run_failure_sensor
from livedash_pipeline.defs.names import Names
from livedash_pipeline.errors import SourceError
from livedash_pipeline.logs import get_logger
from livedash_pipeline.overview.rules.alerts import Alert, turned_worse
from livedash_pipeline.overview.rules.health import Level
from livedash_pipeline.overview.rules.shares import ReachedShare, keep_told, news, now_told, read_reached, read_told
from livedash_pipeline.overview.steps.checks import CHECKS, CHECKS_BY_NAME
from livedash_pipeline.overview.steps.spending_check import SHARES
from livedash_pipeline.settings import Settings

if TYPE_CHECKING:
    from livedash_pipeline.sources.alert_webhook import AlertWebhook

log = get_logger(__name__)

RED_CHECK_INTERVAL = 60
# Names of an alert's fields in the log: `text` repeats the others, and a log line says its own event and level.
_LOGGED = ("companies", "where", "count", "sampleIds", "remedy")


def build_alert_sensors(settings: Settings, names: Names, assets: Collection[str]) -> list[dg.SensorDefinition]:
    """Makes both sensors, for the webhook of the settings; checks are those of these assets."""
    alerts = _Alerts(settings)
    return [run_failure_sensor(names, alerts.tell_of_run), _red_check_sensor(alerts, names, assets)]


class _Alerts:
    """The targets of alerts: always the log, and the webhook if there is one."""

    def __init__(self, settings: Settings) -> None:
        self._shown, self._webhook = _webhook(settings)

    def tell_of_run(self, alert: Alert) -> None:
        """Tells of a run that failed."""
        company = alert.companies[0] if alert.companies else None
        self.send(alert, "run failed", job=alert.what, failed_run_id=alert.run_id, company=company)

    def send(self, alert: Alert, event: str, **fields: Any) -> None:
        document = alert.as_document()
        line = {name: document[name] for name in _LOGGED if document[name] not in (None, "", [])}
        write = log.warning if alert.level is Level.WARN else log.error
        write(event, **fields, reason=alert.message, **line, next=alert.command)
        if self._webhook is None:
            return
        try:
            self._webhook.post(document)
        except SourceError as error:
            log.error("alert not delivered", what=alert.what, webhook=self._shown, reason=str(error))


def _webhook(settings: Settings) -> tuple[str, AlertWebhook | None]:
    """The webhook of the settings, and the text that shows it; most have none and need no HTTP client."""
    if not settings.livedash_alert_url:
        return "", None
    from livedash_pipeline.sources.alert_webhook import AlertWebhook, shown_webhook

    webhook = AlertWebhook(settings.livedash_alert_url, allowed_addresses=settings.alert_addresses)
    return shown_webhook(settings.livedash_alert_url), webhook


def _red_check_sensor(alerts: _Alerts, names: Names, assets: Collection[str]) -> dg.SensorDefinition:
    keys = [names.check(check.asset, check.name) for check in CHECKS if check.asset in assets]

    @sensor(
        names,
        name="red_check_sensor",
        minimum_interval_seconds=RED_CHECK_INTERVAL,
        description="Tells of every check that turns red or yellow, once, and when it is green again; of each share of a budget.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        before = read_levels(context.cursor)
        now = dict(before)
        newest = _newest_evaluations(context.instance, keys)
        told = read_cursor(context.cursor).get(_TOLD)
        for found in newest:
            name, level = found.key.name, found.level
            was = before.get(name, Level.GREEN)
            if SHARES in found.metadata:
                told = _tell_shares(alerts, found, told)
            # Shares tell of yellow by themselves, once: what is in flight comes and goes.
            if turned_worse(was, level) and not (SHARES in found.metadata and level is Level.WARN):
                alert = _alert_of_check(found)
                alerts.send(alert, f"check is {_COLOURS[level]}", check=name, run_id=alert.run_id)
            elif level is Level.GREEN and was is not Level.GREEN:
                log.info("check is green again", check=name, run_id=found.run_id)
            now[name] = level
        counted = ", ".join(f"{list(now.values()).count(level)} {_COLOURS[level]}" for level in Level)
        changed = sum(level is not before.get(name, Level.GREEN) for name, level in now.items())
        return dg.SensorResult(
            skip_reason=f"{len(keys)} checks, {len(newest)} evaluated: {counted}; {changed} changed",
            cursor=json.dumps(now | ({_TOLD: told} if told else {}), sort_keys=True),
        )

    return tick


def _tell_shares(alerts: _Alerts, found: _Evaluation, told: Any) -> Any:
    """Tells of each share of a limit that nobody was told of this month or day; returns what was told by then."""
    periods, reached = read_reached(_value(found.metadata, SHARES))
    if not periods:
        return told
    before = read_told(told, periods)
    for share in news(before, reached):
        alerts.send(_alert_of_share(found, share), "share reached", share=share.share, run_id=found.run_id)
    return keep_told(now_told(before, reached))


_COLOURS = {Level.GREEN: "green", Level.WARN: "yellow", Level.ERROR: "red"}


# Beside the levels of checks, whose names are statements: which shares were told of, by month or day and company.
_TOLD = "told"


def read_cursor(cursor: str | None) -> dict[str, Any]:
    """Reads a cursor; empty where it is lost or malformed, and then every red check and share is told of once more."""
    try:
        kept = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) else {}


def read_levels(cursor: str | None) -> dict[str, Level]:
    """Reads the previous levels of checks by name."""
    return {name: Level(level) for name, level in read_cursor(cursor).items() if level in list(Level)}


@dataclass(frozen=True)
class _Evaluation:
    """The newest evaluation of one check; Dagster's public API has no type for its record."""

    key: dg.AssetCheckKey
    level: Level
    run_id: str
    at: datetime
    metadata: Mapping[str, dg.MetadataValue[Any]]


def _newest_evaluations(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]) -> list[_Evaluation]:
    """The newest evaluation of each check; for one that is running, or whose run died, the evaluation before it."""
    summaries = instance.event_log_storage.get_asset_check_summary_records(list(keys))
    records = [summary.last_completed_check_execution_record for summary in summaries.values()]
    return [
        _Evaluation(
            key=record.key,
            level=_level_of(record.evaluation),
            run_id=record.run_id,
            at=datetime.fromtimestamp(record.create_timestamp, UTC),
            metadata=record.evaluation.metadata if record.evaluation else {},
        )
        for record in sorted((record for record in records if record is not None), key=lambda record: record.id)
    ]


def _level_of(evaluation: dg.AssetCheckEvaluation | None) -> Level:
    if evaluation is None or evaluation.passed:
        return Level.GREEN
    return Level.WARN if evaluation.severity is dg.AssetCheckSeverity.WARN else Level.ERROR


def _alert_of_check(found: _Evaluation) -> Alert:
    check = CHECKS_BY_NAME[found.key.name]
    count = _value(found.metadata, "count")
    return Alert(
        kind="check_red",
        level=found.level,
        what=check.name,
        where=check.asset,
        companies=tuple(map(str, _value(found.metadata, "companies") or ())),
        run_id=found.run_id,
        message=f'{count} against the rule "{check.rule}"',
        remedy=check.remedy,
        at=found.at,
        count=count if isinstance(count, int) else None,
        sample_ids=tuple(map(str, _value(found.metadata, "sample_ids") or ())),
    )


def _alert_of_share(found: _Evaluation, share: ReachedShare) -> Alert:
    check = CHECKS_BY_NAME[found.key.name]
    return Alert(
        kind="share_reached",
        level=Level.ERROR if share.is_full else Level.WARN,
        what=check.name,
        where=check.asset,
        companies=(share.company,) if share.company else (),
        run_id=found.run_id,
        message=share.message,
        remedy=check.remedy,
        at=found.at,
    )


def _value(metadata: Mapping[str, dg.MetadataValue[Any]], name: str) -> Any:
    return metadata[name].value if name in metadata else None
