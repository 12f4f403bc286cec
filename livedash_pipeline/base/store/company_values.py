"""What somebody gives to be known of a company: every value checked, with a sentence for each that cannot be.

Add the check of a new column here. Reading and writing companies is in `base.store.companies`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from livedash_pipeline.base.rules.addresses import read_network
from livedash_pipeline.base.rules.places.logins import header_problem, split_header
from livedash_pipeline.base.rules.places.stores import (
    NoPlace,
    Place,
    Scheme,
    read_local_place,
    read_place,
    read_store_root,
    store_scheme,
)
from livedash_pipeline.base.rules.retention_periods import FOREVER, LONGEST_DAYS, read_days
from livedash_pipeline.base.rules.states import CompanyStatus
from livedash_pipeline.base.rules.text import storable_text
from livedash_pipeline.base.rules.values import NO_LIMIT, read_limit
from livedash_pipeline.errors import UsageError

LONGEST_OVERRIDE = 20_000
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyChanges:
    """What is to be set; None leaves a value as it is. An empty string clears a variable's name or the model.

    Days for which texts are kept are text as well: a number, or `forever`; so are caps and budget: euro, or `none`. A cap of 0
    lets nothing be sent. `no_csv` takes the address of the CSV away.
    Profiles are documents that `intake.rules.profiles` has checked; an empty one means the seed's files.
    """

    name: str | None = None
    status: str | None = None
    csv_url: str | None = None
    no_csv: bool = False
    csv_username_env: str | None = None
    csv_password_env: str | None = None
    csv_bearer_env: str | None = None
    csv_headers: Sequence[str] | None = None
    time_zone: str | None = None
    transcript_hosts: Sequence[str] | None = None
    allowed_addresses: Sequence[str] | None = None
    bot_names: Sequence[str] | None = None
    csv_profile: Mapping[str, Any] | None = None
    transcript_profile: Mapping[str, Any] | None = None
    chat_override: str | None = None
    model: str | None = None
    keep_transcripts: str | None = None
    keep_messages: str | None = None
    keep_answers: str | None = None
    monthly_cap: str | None = None
    daily_cap: str | None = None
    monthly_budget: str | None = None


def checked_values(changes: CompanyChanges) -> dict[str, Any]:
    """The columns to write, each checked.

    Raises:
        UsageError: A value cannot be.
    """
    values: dict[str, Any] = {}
    if changes.name is not None:
        values["name"] = _checked_name(changes.name)
    if changes.status is not None:
        values["status"] = _checked_status(changes.status)
    if changes.csv_url is not None or changes.no_csv:
        values["csv_url"] = _checked_csv(changes)
    if changes.time_zone is not None:
        values["time_zone"] = _checked_zone(changes.time_zone)
    given = {column: getattr(changes, column) for column in _VARIABLES}
    values |= {column: _checked_variable(name) for column, name in given.items() if name is not None}
    if changes.csv_headers is not None:
        values["csv_headers"] = [_checked_header(text) for text in changes.csv_headers]
    if changes.transcript_hosts is not None:
        values["transcript_hosts"] = [_checked_host(host) for host in changes.transcript_hosts]
    if changes.allowed_addresses is not None:
        values["allowed_addresses"] = [_checked_network(text) for text in changes.allowed_addresses]
    if changes.bot_names is not None:
        values["bot_names"] = [_checked_name(name) for name in changes.bot_names]
    profiles = {column: getattr(changes, column) for column in ("csv_profile", "transcript_profile")}
    values |= {column: dict(document) or None for column, document in profiles.items() if document is not None}
    if changes.chat_override is not None:
        values["chat_override"] = _checked_override(changes.chat_override)
    return values | _checked_retention(changes) | _checked_limits(changes)


PLACELESS_ZONES = frozenset({"Factory", "build/etc/localtime", "localtime"})
"""Names that Python takes for zones and Postgres does not: they mean another zone on every machine, or none."""

_VARIABLES = ("csv_username_env", "csv_password_env", "csv_bearer_env")
_RETENTION_COLUMNS = {
    "keep_transcripts": "transcript_retention_days",
    "keep_messages": "message_retention_days",
    "keep_answers": "answer_retention_days",
}


_LIMIT_COLUMNS = {
    "monthly_cap": "monthly_cap_eur",
    "daily_cap": "daily_cap_eur",
    "monthly_budget": "monthly_budget_eur",
}


def _checked_limits(changes: CompanyChanges) -> dict[str, Decimal | None]:
    given = {column: getattr(changes, option) for option, column in _LIMIT_COLUMNS.items()}
    return {column: _checked_limit(text) for column, text in given.items() if text is not None}


def _checked_limit(text: str) -> Decimal | None:
    limit = read_limit(text)
    if limit is None:
        raise UsageError(
            f"{text!r} is no amount in euro.",
            remedy=f"Use a number such as 25 or 12.50, 0 to let nothing be sent, or {NO_LIMIT} to have the settings count.",
        )
    return limit if isinstance(limit, Decimal) else None


def _checked_retention(changes: CompanyChanges) -> dict[str, int | None]:
    given = {column: getattr(changes, option) for option, column in _RETENTION_COLUMNS.items()}
    return {column: _checked_days(days) for column, days in given.items() if days is not None}


def _checked_days(text: str) -> int | None:
    days = read_days(text)
    if days is None:
        raise UsageError(f"{text!r} is no number of days.", remedy=f"Use 0 to {LONGEST_DAYS}, or {FOREVER}.")
    return None if days == FOREVER else days


def _checked_name(name: str) -> str:
    if not name.strip() or "\0" in name:
        raise UsageError(f"{name!r} is no name.", remedy="Give at least one visible character.")
    return name.strip()


def _checked_override(text: str) -> str | None:
    if len(text) > LONGEST_OVERRIDE:
        raise UsageError(f"The override has {len(text):,} characters.", remedy=f"Use at most {LONGEST_OVERRIDE:,}.")
    return storable_text(text)[0].strip() or None


def _checked_status(status: str) -> CompanyStatus:
    try:
        return CompanyStatus(status.upper())
    except ValueError:
        known = ", ".join(CompanyStatus)
        raise UsageError(f"{status!r} is no status of a company.", remedy=f"Use one of {known}.") from None


def _checked_csv(changes: CompanyChanges) -> str:
    if changes.csv_url is None:
        return ""
    if changes.no_csv:
        raise UsageError("The address of a CSV and --no-csv are given.", remedy="Give one of the two.")
    return _checked_url(changes.csv_url)


def _checked_url(url: str) -> str:
    remedy = "Use an http://, https://, s3://, gs://, az://, sftp:// or file:// address, or a path."
    if store_scheme(url):
        return _checked_store_address(url)
    try:
        parts = urlsplit(url)
        bad = not url.strip() or "\0" in url or (parts.scheme in {"http", "https"} and not parts.hostname)
        _ = parts.port
    except ValueError:
        bad = True
    if bad:
        raise UsageError(f"{url!r} is no address of a CSV.", remedy=remedy)
    if parts.username or parts.password:
        raise _credentials_given(f"on {parts.hostname}")
    if parts.scheme in {"http", "https"}:
        return url.strip()
    if "://" in url and parts.scheme != "file":
        raise UsageError(f"{url!r} is no address of a CSV.", remedy=remedy)
    return _checked_local(url.strip() if parts.scheme == "file" else _absolute(url))


def _checked_store_address(url: str) -> str:
    place = read_place(url)
    if isinstance(place, Place):
        return place.address
    if "@" in url.split("/")[2]:
        # The address is not repeated: it may hold a password.
        if store_scheme(url) is Scheme.AZ:
            raise UsageError(
                "The address of the CSV names an account, or carries credentials.",
                remedy="Write az://CONTAINER/PATH and name the account in AZURE_STORAGE_ACCOUNT_NAME.",
            )
        raise _credentials_given("in a store")
    raise UsageError(
        f"{url!r} {place.problem}.",
        remedy="Use s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH or sftp://HOST/PATH.",
    )


def _checked_local(address: str) -> str:
    found = read_local_place(address)
    # One file may lie behind any path that this machine can read.
    if isinstance(found, NoPlace) and (address.endswith("/") or "*" in address):
        raise UsageError(f"{address!r} {found.problem}.", remedy="Spell the path out.")
    return address


def _absolute(path: str) -> str:
    absolute = str(Path(path).expanduser().absolute())
    return f"{absolute}/" if path.endswith("/") and not absolute.endswith("/") else absolute


def _credentials_given(where: str) -> UsageError:
    return UsageError(
        f"The address of the CSV {where} carries credentials, and addresses are stored.",
        remedy="Put them into environment variables and give their names: --csv-username-env, --csv-password-env.",
    )


def _checked_zone(name: str) -> str:
    try:
        if name in PLACELESS_ZONES:
            raise LookupError(name)
        return ZoneInfo(name).key
    except (ValueError, OSError, LookupError):
        raise UsageError(
            f"{name!r} is no time zone.", remedy="Use a name of the IANA database, such as Europe/Amsterdam."
        ) from None


def _checked_variable(name: str) -> str | None:
    if name and not _VARIABLE.fullmatch(name):
        # The value is not repeated: somebody may have given the password itself.
        raise UsageError(
            "What was given for credentials is no name of an environment variable.",
            remedy="Give the variable's name, such as ACME_CSV_PASSWORD, never the password.",
        )
    return name or None


def _checked_header(text: str) -> str:
    problem = header_problem(text)
    if problem is not None:
        # The value is not repeated: somebody may have given the key itself.
        raise UsageError(
            f"What was given as a header {problem}.", remedy="Give it as --csv-header X-Api-Key=ACME_API_KEY."
        )
    return "=".join(split_header(text))


def _checked_host(host: str) -> str:
    if "://" in host:
        root = read_store_root(host)
        if root is None:
            raise UsageError(
                f"{host.rpartition('@')[2]!r} is no store.", remedy="Use s3://BUCKET, gs://, az:// or sftp://HOST:PORT."
            )
        return root.address
    match = _HOST.fullmatch(host)
    if match is None or int(match[1] or 0) > 65_535:
        raise UsageError(f"{host!r} is no host.", remedy="Use HOST or HOST:PORT, such as chats.example.com:8443.")
    return host.lower()


def _checked_network(text: str) -> str:
    network = read_network(text)
    if network is None:
        raise UsageError(
            f"{text!r} is no address or network that can be allowed.",
            remedy="Use an address or a network in CIDR notation, such as 10.1.2.3 or 10.1.2.0/24; not all of them.",
        )
    return str(network)
