"""What failed below an exception, as an error with words: a database that refuses, or a file that cannot be written.

Every shell asks this where an error has reached it that nobody explained. Drivers are told by their names, so that a command
that needs no database does not import them. What a state means is decided in `base.rules.database_faults`.
"""

from __future__ import annotations

from livedash_pipeline.base.rules.causes import causes_of, interruption_of
from livedash_pipeline.base.rules.database_faults import DATABASE, GONE, DatabaseFault, fault_of_refusal, fault_of_state
from livedash_pipeline.errors import DatabaseFaultError, LivedashError
from livedash_pipeline.storage import failed_write

_LOST = ("OperationalError", "InterfaceError")
OURS, DAGSTERS = "The database of DATABASE_URL", "Dagster's database (LIVEDASH_DAGSTER_URL)"
# Only Dagster's storage speaks it.
_DRIVERS = {"psycopg": OURS, "psycopg2": DAGSTERS}
DATABASE_URL, DAGSTER_URL = "DATABASE_URL", "LIVEDASH_DAGSTER_URL"
_SETTINGS = {DATABASE_URL: OURS, DAGSTER_URL: DAGSTERS}


def explain(error: BaseException) -> LivedashError | None:
    """The error of ours that says what an exception comes from; None where it comes from nothing that is known.

    An error of ours is returned as it is. An interruption is no failure of a database, whatever came of it.
    """
    if isinstance(error, LivedashError):
        return error
    if interruption_of(error) is not None:
        return None
    for cause in causes_of(error):
        fault = database_fault_of(cause)
        if fault is not None:
            return fault_error(fault, _database_of(cause) or OURS)
        failed = failed_write(cause)
        if failed is not None:
            return failed
    return None


def database_fault_of(error: BaseException) -> DatabaseFault | None:
    """What one exception of a driver means; None for any other, and for a fault of a statement."""
    if _database_of(error) is None:
        return None
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if state:
        return fault_of_state(state)
    return fault_of_refusal(str(error)) or (GONE if _is_lost(error) else None)


def refusal_of(error: BaseException) -> DatabaseFault | None:
    """What keeps a connection from being made; None where nobody answers."""
    return fault_of_state(getattr(error, "sqlstate", None)) or fault_of_refusal(str(error))


def fault_error(fault: DatabaseFault, database: str = OURS, *, said: str = "") -> DatabaseFaultError:
    """A fault as an error.

    Args:
        fault: What it is.
        database: Which database, as the beginning of a sentence.
        said: The driver's words where a connection was refused; elsewhere they may quote a row.
    """
    message = fault.message.replace(DATABASE, database)
    if said:
        message = f"{message.rstrip('.')} ({said})."
    found = DatabaseFaultError(message, remedy=fault.remedy, code=fault.code)
    found.exit_status, found.is_passing = fault.exit_status, fault.is_passing
    return found


def database_of(setting: str) -> str:
    """The database that a setting names, as the beginning of a sentence."""
    return _SETTINGS[setting]


def _database_of(error: BaseException) -> str | None:
    roots = (kind.__module__.partition(".")[0] for kind in type(error).__mro__)
    return next((_DRIVERS[root] for root in roots if root in _DRIVERS), None)


def _is_lost(error: BaseException) -> bool:
    return any(kind.__name__ in _LOST for kind in type(error).__mro__)
