"""What a database's refusals mean to people: one sentence and one remedy for each class of SQLSTATE.

Add a class as a row of `FAULTS`; a longer key goes before a shorter one that it begins with. Words are looked at only where a
connection is refused: a driver gives no SQLSTATE there. Which exception carries a state is known in `base.store.faults`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

DATABASE = "{database}"
"""Stands in sentences for which database it is about, as the beginning of a sentence: `The database`."""


@dataclass(frozen=True, slots=True)
class DatabaseFault:
    """What went wrong.

    Attributes:
        code: Of the error, for programs.
        message: A sentence that begins with `DATABASE`.
        remedy: What to do.
        is_passing: Time, or somebody at the database, removes it without a change of settings or rights.
    """

    code: str
    message: str
    remedy: str
    is_passing: bool

    @property
    def exit_status(self) -> int:
        """1 where the same command may succeed later; 2 where a setting or a right has to change before."""
        return 1 if self.is_passing and self.code != GONE.code else 2


_UNDONE = "what was not committed is done then, and nothing is bought twice"

GONE = DatabaseFault(
    "database_not_ready",
    f"{DATABASE} cannot be reached any more.",
    f"Start it again and repeat the command: {_UNDONE}.",
    is_passing=True,
)
_AWAY = DatabaseFault(
    "database_not_ready",
    f"{DATABASE} is starting, stopping or recovering.",
    f"Wait until it accepts connections and repeat the command: {_UNDONE}.",
    is_passing=True,
)
_DROPPED = DatabaseFault(
    "database_unknown",
    f"{DATABASE} does not exist at the server that the address names.",
    "Create it, or correct the database's name in the address.",
    is_passing=False,
)
_LOGIN = DatabaseFault(
    "database_login_refused",
    f"{DATABASE} refuses the login: the user, the password, or where it comes from.",
    "Correct user and password in the address, or let the user in by pg_hba.conf.",
    is_passing=False,
)
_ENTRY = DatabaseFault(
    _LOGIN.code,
    f"{DATABASE} refuses the login: pg_hba.conf does not let this user in from here without TLS.",
    "Let the user in by pg_hba.conf, or connect with TLS (sslmode=require), if the entry asks for it.",
    is_passing=False,
)
TOO_MANY_CONNECTIONS = DatabaseFault(
    "database_too_many_connections",
    f"{DATABASE} has no connection left for this user: there are too many clients already.",
    "End clients that nobody needs, or raise max_connections or the role's CONNECTION LIMIT, and repeat the command.",
    is_passing=True,
)
_FULL = DatabaseFault(
    "database_disk_full",
    f"{DATABASE} has no space left on its disk.",
    f"Free some space on the server's disk and repeat the command: {_UNDONE}.",
    is_passing=True,
)
_MEMORY = DatabaseFault(
    "database_out_of_memory",
    f"{DATABASE} has no memory left for a statement.",
    "Lower work_mem or the number of connections, or give the server more memory, and repeat the command.",
    is_passing=True,
)
_LIMIT = DatabaseFault(
    "database_limit_exceeded",
    f"{DATABASE} has reached a limit of its configuration, such as temp_file_limit.",
    "Raise the limit that the server's log names and repeat the command.",
    is_passing=True,
)
_STATEMENT_TIMEOUT = DatabaseFault(
    "database_statement_cancelled",
    f"{DATABASE} ended a statement: it ran into statement_timeout, or somebody cancelled it.",
    f"Raise statement_timeout in the address, if it is there, or repeat it when less goes on: {_UNDONE}.",
    is_passing=True,
)
_LOCK_TIMEOUT = DatabaseFault(
    "database_lock_timeout",
    f"{DATABASE} did not grant a lock in time: somebody else holds it for longer than lock_timeout.",
    f"Repeat the command when the other one is done, or raise lock_timeout: {_UNDONE}.",
    is_passing=True,
)
_IDLE_TIMEOUT = DatabaseFault(
    "database_session_timeout",
    f"{DATABASE} ended the session by one of its own time-outs.",
    "Raise transaction_timeout, idle_session_timeout or idle_in_transaction_session_timeout and repeat the command.",
    is_passing=True,
)
_READ_ONLY = DatabaseFault(
    "database_read_only",
    f"{DATABASE} takes no changes: it is a standby, or default_transaction_read_only is on at the server or in the address.",
    "Give the address of the primary, or see why the server was made read-only, such as by a full disk, and end that.",
    is_passing=False,
)
_PRIVILEGE = DatabaseFault(
    "database_forbidden",
    f"{DATABASE} does not let this user do what the command needs.",
    "Use the user that owns the tables, or grant it the rights on them.",
    is_passing=False,
)
_CONFLICT = DatabaseFault(
    "database_conflict",
    f"{DATABASE} rolled the work back again and again, since others changed the same rows.",
    f"Repeat the command: {_UNDONE}.",
    is_passing=True,
)
_ENCODING = DatabaseFault(
    "database_encoding",
    f"{DATABASE} cannot hold a character: its encoding is not UTF8.",
    "Use a database that was made with ENCODING 'UTF8' TEMPLATE template0.",
    is_passing=False,
)
_MACHINE = DatabaseFault(
    "database_machine_failed",
    f"{DATABASE} could not read or write its own files.",
    "Look at the server's log and its disk, and repeat the command.",
    is_passing=True,
)
_PROTOCOL = DatabaseFault(
    "database_protocol",
    f"{DATABASE} broke the protocol or refused, or a pooler before it did.",
    f"Look at the log of the pooler, if there is one, and of the server, and repeat the command: {_UNDONE}.",
    is_passing=True,
)
_INTERNAL = DatabaseFault(
    "database_internal_error",
    f"{DATABASE} reports an error of its own, or damaged data.",
    "Look at the server's log; restore a backup where data is damaged.",
    is_passing=False,
)
OPTIONS = DatabaseFault(
    "database_bad_address",
    f"{DATABASE} cannot be connected to with this address: it has an option that is not known or not valid.",
    "Correct what follows the question mark of the address.",
    is_passing=False,
)
_ROLE = DatabaseFault(
    OPTIONS.code,
    f"{DATABASE} is no standby, and target_session_attrs of the address asks for one.",
    "Write target_session_attrs=read-write, or leave it out: a standby takes no changes.",
    is_passing=False,
)
_TLS = DatabaseFault(
    "database_tls",
    f"{DATABASE} and this machine do not agree about TLS: one of them wants it, or a certificate is not trusted.",
    "Correct sslmode, sslrootcert, sslcert or sslkey in the address, or switch TLS on at the server.",
    is_passing=False,
)
_FILES = DatabaseFault(
    "too_many_open_files",
    f"{DATABASE} cannot be connected to: this process has too many files open.",
    "Raise `ulimit -n` and repeat the command.",
    is_passing=True,
)
_HOST = DatabaseFault(
    "database_unknown_host",
    f"{DATABASE} has an address whose host name cannot be resolved.",
    "Correct the host in the address, or see whether name resolution works on this machine.",
    is_passing=True,
)

FAULTS: Mapping[str, DatabaseFault] = MappingProxyType(
    {
        # PgBouncer refuses with it, as at query_wait_timeout.
        "08P01": _PROTOCOL,
        "08": GONE,
        "22P05": _ENCODING,
        "22021": _ENCODING,
        "25006": _READ_ONLY,
        "25P03": _IDLE_TIMEOUT,
        "25P04": _IDLE_TIMEOUT,
        "28": _LOGIN,
        "3D000": _DROPPED,
        "40001": _CONFLICT,
        "40P01": _CONFLICT,
        "42501": _PRIVILEGE,
        "53100": _FULL,
        "53200": _MEMORY,
        "53300": TOO_MANY_CONNECTIONS,
        "53": _LIMIT,
        "55P03": _LOCK_TIMEOUT,
        "57014": _STATEMENT_TIMEOUT,
        "57P03": _AWAY,
        "57P04": _DROPPED,
        "57P05": _IDLE_TIMEOUT,
        "57P": GONE,
        "58": _MACHINE,
        "XX": _INTERNAL,
    }
)
"""By the beginning of the SQLSTATE (PostgreSQL's documentation, appendix A); the first that fits counts."""

# What libpq and the server say where a connection is refused, in lower case; the first that occurs counts. A server that
# speaks another language is not understood, and its words are shown.
_REFUSALS: tuple[tuple[str, DatabaseFault], ...] = (
    ("too many clients", TOO_MANY_CONNECTIONS),
    ("too many connections", TOO_MANY_CONNECTIONS),
    ("remaining connection slots", TOO_MANY_CONNECTIONS),
    ("the database system is", _AWAY),
    ("password authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ("authentication failed", _LOGIN),
    ("is not permitted to log in", _LOGIN),
    # With sslmode=prefer there are two lines: what the server says with TLS, and then without.
    ("requires a valid client certificate", _TLS),
    ("ssl error", _TLS),
    ("ssl on", _LOGIN),
    ("ssl encryption", _LOGIN),
    # The server ends so whatever it says about a connection without TLS, whether an entry asks for TLS or not.
    ("ssl off", _ENTRY),
    ("no encryption", _ENTRY),
    ("no pg_hba.conf entry", _LOGIN),
    ("pg_hba.conf rejects", _LOGIN),
    ("permission denied for database", _PRIVILEGE),
    ("unrecognized configuration parameter", OPTIONS),
    ("invalid command-line argument", OPTIONS),
    ("invalid connection option", OPTIONS),
    ("invalid value for parameter", OPTIONS),
    ("invalid uri", OPTIONS),
    ("invalid port", OPTIONS),
    ("invalid integer value", OPTIONS),
    ("connection is bad: invalid", OPTIONS),
    ("does not support ssl", _TLS),
    ("certificate", _TLS),
    ("server does not support", _TLS),
    ("sslmode", _TLS),
    ("session is read-only", _READ_ONLY),
    ("server is in hot standby mode", _READ_ONLY),
    ("session is not read-only", _ROLE),
    ("server is not in hot standby mode", _ROLE),
    ("too many open files", _FILES),
    ("failed to resolve host", _HOST),
    ("could not translate host name", _HOST),
    ("out of memory", _MEMORY),
)


def fault_of_state(sqlstate: str | None) -> DatabaseFault | None:
    """What a SQLSTATE means; None without one, and for those that are faults of a statement and not of the database."""
    if not sqlstate:
        return None
    return next((fault for key, fault in FAULTS.items() if sqlstate.startswith(key)), None)


def fault_of_refusal(words: str) -> DatabaseFault | None:
    """What a driver's words about a connection that was not made mean; None where they only say that nobody answers."""
    lowered = words.lower()
    for part, fault in _REFUSALS:
        if part in lowered:
            return fault
    if "does not exist" in lowered and "fatal" in lowered:
        return _DROPPED if 'database "' in lowered else _LOGIN
    return None
