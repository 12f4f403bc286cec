"""What a database's refusals mean: the table is walked, and so are the words of libpq."""

from __future__ import annotations

import pytest
from psycopg.errors import _sqlcodes

from livedash_pipeline.base.rules.database_faults import DATABASE, FAULTS, GONE, fault_of_refusal, fault_of_state

# What must not be called "went away": each has its own words.
OWN_WORDS = {
    "53300": "too many clients",
    "57014": "statement_timeout",
    "55P03": "lock_timeout",
    "25006": "takes no changes",
    "53100": "no space",
    "53200": "memory",
    "42501": "does not let this user",
    "28P01": "refuses the login",
    "28000": "refuses the login",
    "3D000": "does not exist",
    "57P03": "starting, stopping",
    "57P04": "does not exist",
    "22P05": "UTF8",
    "58030": "its own files",
    "XX001": "damaged",
    "40P01": "again and again",
    "25P03": "ended the session",
}

_NO_ENTRY = 'FATAL:  no pg_hba.conf entry for host "10.0.0.5", user "app", database "live"'


def test_every_fault_is_a_sentence_with_a_remedy_and_a_code() -> None:
    for state, fault in FAULTS.items():
        assert fault.message.startswith(f"{DATABASE} "), state
        assert fault.message.endswith("."), state
        assert fault.remedy.endswith("."), state
        assert fault.code.replace("_", "").isalpha(), state
        assert fault.exit_status == (1 if fault.is_passing and fault.code != "database_not_ready" else 2), state


def test_no_longer_key_is_hidden_behind_a_shorter_one() -> None:
    keys = list(FAULTS)
    for position, key in enumerate(keys):
        assert not any(key.startswith(earlier) for earlier in keys[:position]), key


@pytest.mark.parametrize(("state", "words"), OWN_WORDS.items())
def test_a_state_has_words_of_its_own(state: str, words: str) -> None:
    fault = fault_of_state(state)
    assert fault is not None
    assert words in fault.message
    assert fault.message != GONE.message


def test_faults_of_statements_are_left_to_whoever_wrote_them() -> None:
    known = {state for state in _sqlcodes if fault_of_state(state) is not None}
    assert {"08006", "57P01", "57P02", "53000"} <= known
    for state in ("23505", "23503", "22003", "42P01", "42601", "P0001", "00000", "02000"):
        assert state not in known, state
    assert fault_of_state(None) is None
    assert fault_of_state("") is None


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ('FATAL:  password authentication failed for user "x"', "28P01"),
        ("fe_sendauth: no password supplied", "28P01"),
        ('FATAL:  role "x" does not exist', "28000"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", SSL on', "28000"),
        ('FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", SSL encryption', "28000"),
        ('FATAL:  pg_hba.conf rejects connection for host "10.0.0.1", user "x", database "y", SSL encryption', "28000"),
        (f"{_NO_ENTRY}, SSL encryption\n{_NO_ENTRY}, no encryption", "28000"),
        (f'FATAL:  password authentication failed for user "x"\n{_NO_ENTRY}, no encryption', "28P01"),
        ('FATAL:  database "y" does not exist', "3D000"),
        ('FATAL:  permission denied for database "y"', "42501"),
        ("FATAL:  sorry, too many clients already", "53300"),
        ('FATAL:  too many connections for role "x"', "53300"),
        ("FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "53300"),
        ("FATAL:  the database system is starting up", "57P03"),
        ("failed: session is read-only", "25006"),
    ],
)
def test_a_refused_connection_means_what_its_state_would(words: str, state: str) -> None:
    assert fault_of_refusal(words) == fault_of_state(state)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ('connection is bad: invalid sslmode value: "bad"', "database_bad_address"),
        ('invalid connection option "foo"', "database_bad_address"),
        ('FATAL:  unrecognized configuration parameter "statment_timeout"', "database_bad_address"),
        ('FATAL:  invalid value for parameter "statement_timeout": "soon"', "database_bad_address"),
        ("session is not read-only", "database_bad_address"),
        ("server is not in hot standby mode", "database_bad_address"),
        ("server does not support SSL, but SSL was required", "database_tls"),
        ("SSL error: certificate verify failed", "database_tls"),
        (f"FATAL:  connection requires a valid client certificate\n{_NO_ENTRY}, no encryption", "database_tls"),
        (f"SSL error: no protocols available\n{_NO_ENTRY}, no encryption", "database_tls"),
        ("failed to resolve host 'nohost': [Errno -2] Name or service not known", "database_unknown_host"),
        ("could not create socket: Too many open files", "too_many_open_files"),
    ],
)
def test_a_connection_that_cannot_be_made_says_why(words: str, code: str) -> None:
    fault = fault_of_refusal(words)
    assert fault is not None
    assert fault.code == code


@pytest.mark.parametrize("ending", ["no encryption", "SSL off"])
@pytest.mark.parametrize("beginning", ["no pg_hba.conf entry for", "pg_hba.conf rejects connection for"])
def test_a_login_without_tls_that_no_entry_lets_in_is_a_refused_login(beginning: str, ending: str) -> None:
    fault = fault_of_refusal(f'FATAL:  {beginning} host "10.0.0.5", user "app", database "live", {ending}')
    assert fault is not None
    assert (fault.code, fault.is_passing) == ("database_login_refused", False)
    assert "TLS" in fault.remedy


def test_what_a_pooler_refuses_is_no_damaged_data() -> None:
    fault = fault_of_state("08P01")
    assert fault is not None
    assert (fault.code, fault.is_passing, fault.exit_status) == ("database_protocol", True, 1)
    assert "pooler" in fault.message
    assert "backup" not in fault.remedy


@pytest.mark.parametrize(
    "words", ["Connection refused", "timeout expired", "server closed the connection unexpectedly", ""]
)
def test_nobody_who_answers_is_no_refusal(words: str) -> None:
    assert fault_of_refusal(words) is None
