"""Alerts: what failed, where, and the command that helps, as one document and one sentence.

Add a remedy here with every job (a test compares); checks have theirs in `overview.steps.checks`. An alert holds only names, ids,
counts and messages that were written for people; `defs.checks.alerts` and `sources.alert_webhook` send it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from livedash_pipeline.overview.rules.health import Level

AlertKind = Literal["run_failed", "check_red", "share_reached"]
# The only placeholder in a command: an alert about a company fills in its slug.
_COMPANY = "{company}"


@dataclass(frozen=True)
class Remedy:
    """A sentence that says what helps, and a command to begin with, in which `{company}` stands for a slug."""

    advice: str
    command: str

    def command_for(self, company: str | None) -> str:
        """Returns the command, for one company where it is known."""
        return self.command.replace(_COMPANY, company or "SLUG")


JOB_REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        "import_sessions": Remedy(
            "Earlier data is untouched, and the import is tried again by itself, later after each failure.",
            "livedash import --company {company}",
        ),
        "import_companies": Remedy(
            "What was not imported is tried again by itself, later after each failure.", "livedash company list"
        ),
        "create_chat_batch": Remedy(
            "Nothing of the file was taken: read which lines are wrong, mend it, and make the batch again.",
            "livedash chat-batch list",
        ),
        "process_chat_batch": Remedy(
            "What was asked is kept, and `chat_batch_sensor` goes on by itself; a slice by hand says what stands in the way.",
            "livedash chat-batch list --status processing",
        ),
        "cancel_chat_batch": Remedy("Cancel it again: that changes nothing twice.", "livedash chat-batch list"),
        "submit_batches": Remedy(
            "Nothing is sent twice, and what may be sent is tried again by itself; see what is held back, and why.",
            "livedash submit --dry-run",
        ),
        "ingest_results": Remedy(
            "A batch is ingested whole or not at all, and is asked for again by itself; see the error.",
            "livedash ingest --company {company}",
        ),
        "observe_batches": Remedy("A failed look changes nothing; see whether the service answers.", "livedash doctor"),
        "poll_batches": Remedy("A failed poll changes nothing; see whether the service answers.", "livedash doctor"),
        "cancel_batches": Remedy(
            "The cancel request is kept, and every poll repeats it; see how the batches stand.", "livedash batches"
        ),
        "reconcile_batches": Remedy("See whether the service answers, then repeat it.", "livedash reconcile"),
        "summary": Remedy("See whether database and settings are in order.", "livedash doctor"),
        "list_requests": Remedy("See whether database and settings are in order.", "livedash doctor"),
        "requeue": Remedy("Nothing was requeued; see what a filter finds.", "livedash requeue --dry-run"),
        "reread": Remedy(
            "What was accepted stays, and a repeated run takes the rest; nothing was bought.", "livedash reread"
        ),
        "pipeline_status": Remedy("See whether database and settings are in order.", "livedash doctor"),
        "price_backfill": Remedy(
            "Nothing was filled in; what is open, and why, a dry run says.", "livedash price backfill"
        ),
        "spend": Remedy("See whether database and settings are in order.", "livedash doctor"),
        "caps": Remedy("See whether database and settings are in order.", "livedash doctor"),
        "failed_sessions": Remedy("See whether database and settings are in order.", "livedash doctor"),
        "retry_stage": Remedy("Nothing was set back; see which sessions failed.", "livedash failed"),
        "prune": Remedy(
            "What was deleted stays deleted, the rest is tried again by itself; see what would go.",
            "livedash prune --dry-run",
        ),
        "archive": Remedy(
            "Texts whose part was not read back stay in the database, and a repeated run goes on from there; see what is left.",
            "livedash archive list",
        ),
        "import_livedash": Remedy(
            "What was taken over stays, and a repeated run goes on from there; see what is left.",
            "livedash import-livedash --dry-run",
        ),
        "take_submissions": Remedy(
            "Submitted sessions are kept and taken up by the next run; see which stage they stand at.",
            "livedash status --company {company}",
        ),
        "health_checks": Remedy(
            "The pipeline's health is unknown until a check runs; see database and settings.", "livedash doctor"
        ),
    }
)

# Errors whose cause lies outside the job that raised them.
ERROR_REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        "SettingsError": Remedy("Correct the setting where the daemon runs, and restart it.", "livedash doctor"),
        "DatabaseNotReadyError": Remedy("Start the database, or bring it to this version.", "livedash db upgrade"),
        "DatabaseFaultError": Remedy("Do at the database what the error asks for.", "livedash doctor"),
        "StorageError": Remedy("Make room, or correct the place that the error names.", "livedash doctor"),
        "ServiceError": Remedy("See whether key, model and service are in order.", "livedash doctor"),
        "RejectedImportError": Remedy(
            "Look at the kept rejects; one reason for all means that the file's form has changed.",
            "livedash rejects --company {company}",
        ),
    }
)

UNKNOWN_REMEDY = Remedy("Open the run in the Dagster UI.", "livedash doctor")


@dataclass(frozen=True)
class Alert:
    """A failed run, a red check, or a share of a budget that a person should know of.

    Attributes:
        kind: A run that failed, a check that turned red, or a share of a budget or cap that is reached.
        level: How bad it is.
        what: Name of the job or the check.
        where: Its failed steps, or the asset of the check; empty where that is unknown.
        companies: Slugs; empty where it is about none or all.
        run_id: Dagster's run.
        message: What happened, in words that were written for people.
        remedy: What helps.
        at: When it happened.
        count: How many rows break the rule; None for a run.
        sample_ids: Some of their ids.
    """

    kind: AlertKind
    level: Level
    what: str
    where: str
    companies: tuple[str, ...]
    run_id: str
    message: str
    remedy: Remedy
    at: datetime
    count: int | None = None
    sample_ids: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The command that helps, about the company if there is exactly one."""
        return self.remedy.command_for(self.companies[0] if len(self.companies) == 1 else None)

    @property
    def sentence(self) -> str:
        """The whole alert as one text, for a chat window."""
        about = f" ({', '.join(self.companies)})" if self.companies else ""
        colour = "yellow" if self.level is Level.WARN else "red"
        verb = {"run_failed": "failed", "share_reached": "warns"}.get(self.kind, f"is {colour}")
        return f"{self.what}{about} {verb}: {self.message} {self.remedy.advice} Begin with: {self.command}"

    def as_document(self) -> dict[str, Any]:
        """Returns the document that a webhook gets; `text` is the key that chat services show."""
        return {
            "text": self.sentence,
            "event": self.kind,
            "severity": self.level.value,
            "what": self.what,
            "where": self.where,
            "companies": list(self.companies),
            "runId": self.run_id,
            "message": self.message,
            "count": self.count,
            "sampleIds": list(self.sample_ids),
            "remedy": self.remedy.advice,
            "command": self.command,
            "at": self.at.isoformat(),
        }


def remedy_for_run(job: str, error: str | None) -> Remedy:
    """Returns the remedy after a job failed with an error of a class (its bare name); the error's own remedy comes first."""
    return ERROR_REMEDIES.get(error or "") or JOB_REMEDIES.get(job, UNKNOWN_REMEDY)


def explain_error(messages: Sequence[str], package: str = "livedash_pipeline") -> tuple[str | None, str]:
    """Returns class and message of the first error of ours in a chain, outermost first; of other errors only the class.

    Args:
        messages: As `traceback` writes them: `package.module.Class: what it says`.
        package: The package whose messages are written for people. Other messages may quote a row, and so somebody's words.
    """
    named = [message.strip().partition(":") for message in messages]
    for name, _, words in named:
        if name.startswith(f"{package}."):
            return name.rpartition(".")[2], words.strip()
    if not named:
        return None, ""
    innermost = named[-1][0].strip()
    shown = innermost.rpartition(".")[2] if innermost.replace(".", "").replace("_", "").isalnum() else "an error"
    return None, f"{shown}; its words are in the run."


def turned_worse(before: Level, now: Level) -> bool:
    """Whether a change of a check's level deserves an alert: it is yellow or red now, and worse than before."""
    order = list(Level)
    return now is not Level.GREEN and order.index(now) > order.index(before)
