"""Every setting, typed, checked, and read when a command starts or definitions are built.

Add a setting here, to `.env.example` and to `docs/operations.md` (tests compare the three). Nothing else in the package reads
the environment, except the sources, which look up the credentials whose *names* a company's row gives (`merged_environ`), and
what their stores know by names of their own (`AWS_…`, `AZURE_…`, `GOOGLE_…`, `LIVEDASH_SFTP_KNOWN_HOSTS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from livedash_pipeline.base.rules.addresses import read_network
from livedash_pipeline.base.rules.ids import MODEL_NAME_FORM, is_model_name
from livedash_pipeline.base.rules.values import AMOUNT_FORM, is_amount
from livedash_pipeline.errors import SettingsError
from livedash_pipeline.money.rules.budgets import parse_shares
from livedash_pipeline.money.rules.caps import CapSettings
from livedash_pipeline.money.rules.rates import is_rate
from livedash_pipeline.retention.rules.retention import SHORTEST_RUN_DAYS

# A create call may still take effect after its deadline; the lease outlasts the deadline by this much (seconds).
CREATE_LEASE_MARGIN = 30
ENV_FILE = Path(".env")


class Settings(BaseModel):
    """Settings by the names of their environment variables in lower case. Times are seconds, money is euro."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str | None = Field(None, description="Postgres for our tables; unset: the embedded server.")
    openai_api_key: str | None = Field(None, repr=False, description="Key for the Batch API.")
    openai_admin_key: str | None = Field(None, repr=False, description="Key that may read costs and usage.")
    openai_base_url: str = Field("https://api.openai.com/v1", description="Any server with the same API.")
    openai_model: str = Field("gpt-5-mini", min_length=1, description="Model of companies without their own.")
    batch_creation_enabled: bool = Field(True, description="Lets `pending_request_sensor` submit batches.")
    batch_polling_enabled: bool = Field(True, description="Lets `open_batch_sensor` poll batches.")
    livedash_home: Path = Field(Path(".livedash"), description="Directory for everything kept on this machine.")
    dagster_home: Path | None = Field(None, description="A Dagster instance of one's own; unset: livedash's.")
    livedash_dagster_url: str | None = Field(None, description="Dagster's own storage, postgresql+psycopg2://.")
    livedash_source_url: str | None = Field(None, repr=False, description="A LiveDash database that is taken over.")
    livedash_key_prefix: Annotated[
        str, Field(description="Before the keys of Dagster's assets, such as livedash; parts with / between them.")
    ] = ""
    livedash_name_prefix: Annotated[
        str, Field(description="Before the names of Dagster's jobs, sensors and resources, such as livedash_.")
    ] = ""
    livedash_group_prefix: Annotated[str, Field(description="Before the names of Dagster's groups of assets.")] = ""
    livedash_log_format: Literal["text", "json"] = Field("text", description="How log lines are written.")
    livedash_lease: Annotated[
        int,
        Field(ge=1, description="Seconds for which a submitter keeps a batch without renewing."),
    ] = 900
    livedash_create_deadline: Annotated[
        int,
        Field(ge=1, le=600, description="Seconds that the one call that buys may take."),
    ] = 60
    livedash_visibility_lag: Annotated[
        int,
        Field(ge=0, description="Seconds that the service may take to show what it has made."),
    ] = 120
    livedash_min_batch: Annotated[
        int,
        Field(
            ge=1, le=50_000, description="Requests that a batch has at least, unless one has waited LIVEDASH_MAX_WAIT."
        ),
    ] = 10
    livedash_max_wait: Annotated[
        int,
        Field(ge=0, description="Seconds after which a request is submitted in a batch of any size."),
    ] = 1800
    livedash_max_attempts: Annotated[
        int,
        Field(ge=1, description="Tries of a request before it fails."),
    ] = 3
    livedash_max_releases: Annotated[
        int,
        Field(ge=1, description="Times that a request may come back from a batch unanswered before it fails."),
    ] = 10
    livedash_enqueued_tokens: Annotated[
        str,
        Field(description="Tokens enqueued at most: a number, or MODEL=NUMBER,... ; empty: no limit known."),
    ] = ""
    livedash_monthly_cap_eur: Decimal | None = Field(None, gt=0, description="Spending cap per company and month.")
    livedash_daily_cap_eur: Decimal | None = Field(None, gt=0, description="Spending cap per company and day (UTC).")
    livedash_total_monthly_cap_eur: Decimal | None = Field(
        None, gt=0, description="Spending cap per month of all companies together."
    )
    livedash_total_daily_cap_eur: Decimal | None = Field(
        None, gt=0, description="Spending cap per day (UTC) of all companies together."
    )
    livedash_monthly_budget_eur: Decimal | None = Field(
        None, gt=0, description="Budget per company and month: warns and keeps nothing back."
    )
    livedash_total_monthly_budget_eur: Decimal | None = Field(
        None, gt=0, description="Budget per month of all companies together."
    )
    livedash_warn_shares: Annotated[
        str, Field(description="Per cent of a month's budget, or of its cap, at which somebody is told.")
    ] = "50,80,100"
    livedash_usd_eur: Decimal | None = Field(
        None, gt=0, description="Rate used before the first day with a stored one."
    )
    livedash_currency: Annotated[
        str, Field(pattern=r"^[A-Z]{3}$", description="Currency of reports of spending beside dollars and euro.")
    ] = "EUR"
    livedash_stuck_after: Annotated[
        int,
        Field(ge=1, description="Seconds after which a stage or an import that a killed process left is freed."),
    ] = 3600
    livedash_vanished_after: Annotated[
        int,
        Field(ge=0, description="Seconds after which a batch that the service does not show is believed gone."),
    ] = 86_400
    livedash_run_record_days: Annotated[
        int,
        Field(ge=0, description="Days for which Dagster's records of ended runs are kept, at least 7; 0: for good."),
    ] = 30
    livedash_max_reject_ratio: Annotated[
        float,
        Field(ge=0, le=1, description="Share of unreadable records above which an import fails."),
    ] = 0.2
    livedash_max_failure_ratio: Annotated[
        float,
        Field(ge=0, le=1, description="Share of failed requests above which a check turns yellow."),
    ] = 0.1
    livedash_chat_providers: Path | None = Field(None, description="File with the providers of chat batches.")
    livedash_chat_interval: Annotated[
        int,
        Field(ge=1, description="Seconds between two looks of `chat_batch_sensor`."),
    ] = 60
    livedash_chat_slice: Annotated[
        int,
        Field(ge=1, le=300, description="Seconds that a slice of a chat batch lasts."),
    ] = 120
    livedash_alert_url: str | None = Field(None, repr=False, description="Webhook for alerts; its path is a secret.")
    livedash_dagster_ui: str | None = Field(None, description="Base address of Dagster's UI, which pages link to.")
    livedash_console_url: str | None = Field(None, description="Base address of the console, which runs link to.")
    livedash_code_url: str | None = Field(None, description="Base address of this version's source, to link to.")
    livedash_alert_allow_address: Annotated[
        str, Field(description="Addresses, not public, that the alerts' webhook may resolve to: 10.1.2.3,10.2.0.0/16.")
    ] = ""
    livedash_sftp_known_hosts: Path | None = Field(None, description="Keys of SFTP servers; unset: ~/.ssh/known_hosts.")
    livedash_import_interval: Annotated[
        int,
        Field(
            ge=1, description="Seconds between two looks of `company_csv_sensor`, and between two imports of a company."
        ),
    ] = 900
    livedash_submit_interval: Annotated[
        int,
        Field(ge=1, description="Seconds between two looks of `pending_request_sensor`."),
    ] = 600
    livedash_poll_interval: Annotated[
        int,
        Field(ge=1, description="Seconds between two looks of `open_batch_sensor`."),
    ] = 120
    livedash_token_key: str | None = Field(
        None, min_length=32, repr=False, description="Key of the hashes of API tokens."
    )
    livedash_token_key_file: Path | None = Field(None, description="File with that key, such as a mounted secret.")
    livedash_token_rate: Annotated[
        float,
        Field(ge=0, description="Requests a second that the HTTP API takes from one token."),
    ] = 100.0
    livedash_address_rate: Annotated[
        float,
        Field(ge=0, description="Requests a second that the HTTP API takes from one address."),
    ] = 200.0
    livedash_http_statement_timeout: Annotated[
        float,
        Field(gt=0, description="Seconds that a statement of the HTTP API may take."),
    ] = 10.0
    livedash_console_idle: Annotated[
        int,
        Field(ge=60, description="Seconds without a page after which the console signs one out."),
    ] = 28_800
    livedash_console_read_only: bool = Field(False, description="Offers and allows no change in the console.")
    livedash_console_user_header: Annotated[
        str | None,
        Field(pattern=r"^[A-Za-z0-9-]{1,64}$", description="Header in which a proxy names who is signed in."),
    ] = None
    livedash_console_proxy_secret: str | None = Field(
        None, min_length=32, repr=False, description="What that proxy sends to show that it is the proxy."
    )
    livedash_metrics_public: bool = Field(False, description="Lets anybody read `/metrics`.")
    openai_webhook_secret: str | None = Field(None, repr=False, description="Secret of the Batch API's webhooks.")

    @field_validator("livedash_run_record_days")
    @classmethod
    def _long_enough_records(cls, value: int) -> int:
        if 0 < value < SHORTEST_RUN_DAYS:
            raise ValueError(f"must be 0 or at least {SHORTEST_RUN_DAYS} days")
        return value

    @field_validator("livedash_enqueued_tokens")
    @classmethod
    def _readable_limits(cls, value: str) -> str:
        parse_enqueued_tokens(value)
        return value

    @field_validator(
        "livedash_monthly_cap_eur",
        "livedash_daily_cap_eur",
        "livedash_total_monthly_cap_eur",
        "livedash_total_daily_cap_eur",
        "livedash_monthly_budget_eur",
        "livedash_total_monthly_budget_eur",
    )
    @classmethod
    def _storable_euro(cls, value: Decimal | None) -> Decimal | None:
        if value is not None and not is_amount(value):
            raise ValueError(f"must be euro with {AMOUNT_FORM}")
        return value

    @field_validator("livedash_usd_eur")
    @classmethod
    def _storable_rate(cls, value: Decimal | None) -> Decimal | None:
        if value is not None and not is_rate(value):
            raise ValueError("must be the euro that one US dollar buys, with nine decimals at most")
        return value

    @field_validator("openai_model")
    @classmethod
    def _model_name(cls, value: str) -> str:
        if not is_model_name(value):
            raise ValueError(f"must have {MODEL_NAME_FORM}")
        return value

    @field_validator("livedash_warn_shares")
    @classmethod
    def _readable_shares(cls, value: str) -> str:
        parse_shares(value)
        return value

    @field_validator("livedash_alert_allow_address")
    @classmethod
    def _readable_networks(cls, value: str) -> str:
        parse_networks(value)
        return value

    @field_validator("openai_base_url")
    @classmethod
    def _http_address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("livedash_dagster_ui", "livedash_console_url", "livedash_code_url")
    @classmethod
    def _page_address(cls, value: str | None) -> str | None:
        # It becomes the beginning of links that anybody who looks at a page or a run sees.
        if value is not None and not is_base_address(value):
            raise ValueError("must be an address such as https://HOST/PATH, without user, query and fragment")
        return None if value is None else value.rstrip("/")

    @field_validator("livedash_alert_url")
    @classmethod
    def _webhook_address(cls, value: str | None) -> str | None:
        # The message omits the address, since everybody who knows it can post there.
        if value is not None and not is_web_address(value):
            raise ValueError("must be an address that starts with http:// or https:// and names a host")
        return value

    @model_validator(mode="after")
    def _lease_outlasts_create(self) -> Settings:
        least = self.livedash_create_deadline + CREATE_LEASE_MARGIN
        if self.livedash_lease <= least:
            raise ValueError(
                f"LIVEDASH_LEASE ({self.livedash_lease}) must be longer than LIVEDASH_CREATE_DEADLINE + "
                f"{CREATE_LEASE_MARGIN} ({least})"
            )
        return self

    @model_validator(mode="after")
    def _vanishing_outlasts_visibility(self) -> Settings:
        if self.livedash_vanished_after < self.livedash_visibility_lag:
            raise ValueError(
                f"LIVEDASH_VANISHED_AFTER ({self.livedash_vanished_after}) must not be shorter than "
                f"LIVEDASH_VISIBILITY_LAG ({self.livedash_visibility_lag}), within which the service may not show a batch yet"
            )
        return self

    @model_validator(mode="after")
    def _one_token_key(self) -> Settings:
        if self.livedash_token_key is not None and self.livedash_token_key_file is not None:
            raise ValueError(
                f"LIVEDASH_TOKEN_KEY and LIVEDASH_TOKEN_KEY_FILE ({self.livedash_token_key_file}) are both set, and tokens are "
                "hashed under one key"
            )
        return self

    @model_validator(mode="after")
    def _named_by_a_proxy_that_proves_itself(self) -> Settings:
        if (self.livedash_console_user_header is None) != (self.livedash_console_proxy_secret is None):
            raise ValueError(
                "LIVEDASH_CONSOLE_USER_HEADER and LIVEDASH_CONSOLE_PROXY_SECRET go together: without the secret, anybody who "
                "reaches the server could name anybody"
            )
        return self

    @property
    def caps(self) -> CapSettings:
        """The spending caps and budgets; companies may have their own instead."""
        return CapSettings(
            self.livedash_monthly_cap_eur,
            self.livedash_daily_cap_eur,
            self.livedash_total_monthly_cap_eur,
            self.livedash_total_daily_cap_eur,
            self.livedash_monthly_budget_eur,
            self.livedash_total_monthly_budget_eur,
        )

    @property
    def warn_shares(self) -> tuple[int, ...]:
        """`LIVEDASH_WARN_SHARES` as numbers, the lowest first."""
        return parse_shares(self.livedash_warn_shares)

    @property
    def home(self) -> Path:
        """`LIVEDASH_HOME` as an absolute path.

        Raises:
            SettingsError: Its symbolic links go round in a circle, or it begins with the home of an unknown user.
        """
        return _absolute(self.livedash_home, "LIVEDASH_HOME")

    @property
    def own_dagster_home(self) -> Path:
        """Directory that is livedash's alone: its workspace file and, without `DAGSTER_HOME`, Dagster's instance."""
        return self.home / "dagster"

    @property
    def dagster_directory(self) -> Path:
        """Directory of Dagster's instance file, as an absolute path: `DAGSTER_HOME` where it is given.

        Raises:
            SettingsError: It names no directory.
        """
        return self.own_dagster_home if self.dagster_home is None else _absolute(self.dagster_home, "DAGSTER_HOME")

    @property
    def has_own_instance(self) -> bool:
        """Whether Dagster's instance is livedash's, and not that of a `DAGSTER_HOME` elsewhere."""
        return self.dagster_directory == self.own_dagster_home

    @property
    def alert_addresses(self) -> tuple[str, ...]:
        """`LIVEDASH_ALERT_ALLOW_ADDRESS` as a list."""
        return parse_networks(self.livedash_alert_allow_address)

    def enqueued_token_limit(self, model: str) -> int | None:
        """Tokens that may be enqueued for a model at once; None where no limit is known."""
        limits = parse_enqueued_tokens(self.livedash_enqueued_tokens)
        return limits.get(model, limits.get("*"))


def _absolute(path: Path, name: str) -> Path:
    try:
        return path.expanduser().resolve()
    except RuntimeError:
        raise SettingsError(
            f"{name} is {path}, which names no directory: its symbolic links go round in a circle, or there is no such user.",
            remedy=f"Set {name} to a directory that can be written to.",
        ) from None


def is_web_address(text: str) -> bool:
    """Whether a text is an http or https URL with a host."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_base_address(text: str) -> bool:
    """Whether a text is an http or https URL that paths can be added to, and that holds no credentials."""
    if not text.isprintable() or " " in text or not is_web_address(text):
        return False
    parts = urlsplit(text)
    return not parts.username and not parts.password and not parts.query and not parts.fragment


def parse_networks(text: str) -> tuple[str, ...]:
    """Parses addresses and networks in CIDR notation, such as `"10.1.2.3, 10.2.0.0/16"`."""
    networks = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        network = read_network(part)
        if network is None:
            raise ValueError(
                f"{part!r} is neither an address nor a network such as 10.2.0.0/16, or holds all addresses"
            )
        networks.append(str(network))
    return tuple(networks)


def parse_enqueued_tokens(text: str) -> dict[str, int]:
    """Parses `"2000000"` or `"gpt-5-mini=2000000,gpt-4o=90000"` into a mapping from model (`*` for all) to tokens."""
    limits: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        model, _, number = part.rpartition("=")
        digits = number.strip().replace("_", "")
        if not digits.isdecimal() or int(digits) <= 0:
            raise ValueError(f"{part!r} is neither a number of tokens nor MODEL=NUMBER")
        limits[model.strip() or "*"] = int(digits)
    return limits


def merged_environ(environ: Mapping[str, str], env_file: Path | None = ENV_FILE) -> dict[str, str]:
    """Merges the variables of a `.env` file with the environment, which wins: settings, and credentials that companies name."""
    filed: dict[str, str] = {}
    if env_file is not None and env_file.is_file():
        read = dotenv_values(env_file, encoding="utf-8")
        filed = {name: value for name, value in read.items() if value is not None}
    return filed | dict(environ)


def _collect(environ: Mapping[str, str], env_file: Path | None) -> dict[str, Any]:
    values = {name.lower(): value for name, value in merged_environ(environ, env_file).items()}
    # An empty variable counts as unset: `KEY=` in .env.example must not turn into an empty key.
    return {name: values[name] for name in Settings.model_fields if values.get(name, "") != ""}


def load_settings(environ: Mapping[str, str], env_file: Path | None = ENV_FILE) -> Settings:
    """Loads settings from a `.env` file and the environment, which wins.

    Raises:
        SettingsError: One sentence that names the first bad setting and its value.
    """
    return make_settings(**_collect(environ, env_file))


def isolated_settings(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Makes the settings of demo, tests, soak and bench: defaults, `LIVEDASH_HOME` and the given values."""
    home = {"livedash_home": environ["LIVEDASH_HOME"]} if environ.get("LIVEDASH_HOME") else {}
    return make_settings(**(home | overrides))


def make_settings(**values: Any) -> Settings:
    """Makes `Settings(**values)`, with a message for people where that fails.

    Raises:
        SettingsError: A value is wrong.
    """
    try:
        return Settings(**values)
    except (ValidationError, InvalidOperation) as error:
        raise _explain(error, values) from None


def _explain(error: ValidationError | InvalidOperation, values: Mapping[str, Any]) -> SettingsError:
    if isinstance(error, InvalidOperation):
        return SettingsError("A number among the settings cannot be read.", remedy="Compare with .env.example.")
    first = error.errors()[0]
    name = str(first["loc"][0]).upper() if first["loc"] else ""
    is_secret = any(word in name for word in ("KEY", "URL", "SECRET", "DAGSTER_UI"))
    shown = "" if is_secret else f" is {values.get(name.lower())!r}, which"
    reason = first["msg"].removeprefix("Value error, ")
    message = f"{name}{shown} is not valid: {reason}." if name else f"{reason}."
    return SettingsError(message, remedy="See .env.example for what each setting means.")


__all__ = ["Settings", "isolated_settings", "load_settings", "make_settings", "merged_environ", "parse_enqueued_tokens"]
