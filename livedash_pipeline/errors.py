"""The errors that end a command or a run with a message for a person.

    LivedashError               code, message, remedy; exit status 1
    ├── SettingsError           a setting is missing or wrong; exit status 2
    ├── UsageError              an argument names nothing that exists; exit status 2
    ├── DatabaseNotReadyError   unreachable, not migrated, or newer than this program; exit status 2
    │   └── DatabaseFaultError  the database refuses or lacks something; exit status 1 where that passes by itself
    ├── StorageError            a file cannot be written or opened; exit status 2 where a setting names its place
    ├── SourceError             a CSV or transcript source cannot be read now; `retryable` says whether waiting helps
    ├── RejectedImportError     too many records of a file cannot be read
    └── ServiceError           the Batch API refused; raised by `services.openai`

Add a class only where callers treat it differently. Bad rows, bad lines and bad answers are values, not errors.
"""

from __future__ import annotations


class LivedashError(Exception):
    """An error for people: what happened (with the offending value) and what to do about it."""

    code = "failed"
    exit_status = 1

    def __init__(self, message: str, *, remedy: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def as_document(self) -> dict[str, object]:
        """The failure document that every command and job answers with."""
        return {"ok": False, "error": {"code": self.code, "message": self.message, "remedy": self.remedy}}


class SettingsError(LivedashError):
    """A setting is missing, malformed, or contradicts another one."""

    code = "bad_setting"
    exit_status = 2


class UsageError(LivedashError):
    """An argument names something that does not exist or is not allowed together with another."""

    code = "bad_argument"
    exit_status = 2


class DatabaseNotReadyError(LivedashError):
    """The database cannot be used by this version of the program as it is."""

    code = "database_not_ready"
    exit_status = 2


class DatabaseFaultError(DatabaseNotReadyError):
    """A database refused a statement for a reason that it stated; `is_passing` if it may accept it later."""

    is_passing = False


class StorageError(LivedashError):
    """A file could not be written; `errno` is that of the operating system."""

    code = "storage_failed"
    errno: int | None = None


class SourceError(LivedashError):
    """A source could not be read.

    Args:
        message: One sentence that names the source.
        reason: Short snake_case reason, kept with rows (`http_404`, `timeout`, `too_large`, ...).
        retryable: Whether the same request may succeed a little later.
        remedy: What to do.
    """

    code = "source_unavailable"

    def __init__(self, message: str, *, reason: str, retryable: bool, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason
        self.retryable = retryable


class RejectedImportError(LivedashError):
    """More records of a file were rejected than `LIVEDASH_MAX_REJECT_RATIO` allows; nothing else was written."""

    code = "too_many_rejects"


def driver_reason(message: str) -> str:
    """Returns why no connection was made: the last line of a driver's message that is not a question, without the full stop."""
    lines = [line.strip() for line in message.splitlines()]
    told = [line for line in lines if line and not line.endswith("?")]
    return told[-1].rstrip(".") if told else "no reason given"
