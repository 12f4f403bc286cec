"""Settings are typed, checked against each other, documented in one place, and never read when a module is imported."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from livedash_pipeline.errors import SettingsError
from livedash_pipeline.settings import Settings, isolated_settings, load_settings, parse_enqueued_tokens

EXAMPLE = Path(__file__).parent.parent / ".env.example"


def test_the_example_file_names_every_setting_with_its_default() -> None:
    listed = re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    given = dict(listed)
    assert len(listed) == len(given), "a setting is listed twice"
    defaults = Settings()
    wanted = {}
    for name in Settings.model_fields:
        value = getattr(defaults, name)
        wanted[name.upper()] = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    assert given == wanted


def test_the_environment_goes_before_the_env_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("OPENAI_MODEL=from-file\nLIVEDASH_MIN_BATCH=7\nOPENAI_API_KEY=\n", encoding="utf-8")
    settings = load_settings({"OPENAI_MODEL": "from-environment"}, env_file)
    assert (settings.openai_model, settings.livedash_min_batch) == ("from-environment", 7)
    assert settings.openai_api_key is None


def test_isolated_settings_take_nothing_but_the_home_from_the_environment(tmp_path: Path) -> None:
    environ = {"LIVEDASH_HOME": str(tmp_path), "OPENAI_API_KEY": "secret", "LIVEDASH_MONTHLY_CAP_EUR": "5"}
    settings = isolated_settings(environ)
    assert settings.home == tmp_path.resolve()
    assert settings.openai_api_key is None
    assert settings.livedash_monthly_cap_eur is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIVEDASH_LEASE", "soon"),
        ("LIVEDASH_MAX_REJECT_RATIO", "1.5"),
        ("OPENAI_BASE_URL", "ftp://api"),
        ("LIVEDASH_ENQUEUED_TOKENS", "many"),
        ("BATCH_POLLING_ENABLED", "perhaps"),
        ("LIVEDASH_MONTHLY_CAP_EUR", "-1"),
        ("LIVEDASH_MONTHLY_CAP_EUR", "0"),
        ("LIVEDASH_MONTHLY_BUDGET_EUR", "0"),
        ("LIVEDASH_MONTHLY_BUDGET_EUR", "1e-30"),
        ("LIVEDASH_TOTAL_DAILY_CAP_EUR", "1e400"),
        ("LIVEDASH_DAILY_CAP_EUR", "100000000"),
        ("LIVEDASH_TOTAL_MONTHLY_CAP_EUR", "NaN"),
        ("LIVEDASH_USD_EUR", "1e-30"),
        ("LIVEDASH_USD_EUR", "0.1234567891"),
        ("OPENAI_MODEL", "a\tb"),
        ("OPENAI_MODEL", "x" * 201),
        ("LIVEDASH_WARN_SHARES", "50,"),
        ("LIVEDASH_WARN_SHARES", "fifty"),
        ("LIVEDASH_LOG_FORMAT", "xml"),
        ("LIVEDASH_ALERT_URL", "ftp://hooks.example.com/x"),
        ("LIVEDASH_ALERT_ALLOW_ADDRESS", "10.1.2.3, hooks.internal"),
        ("LIVEDASH_ALERT_ALLOW_ADDRESS", "10.1.2.3, 0.0.0.0/0"),
        ("LIVEDASH_ALERT_ALLOW_ADDRESS", "::/0"),
        ("LIVEDASH_ALERT_URL", "https:///no-host"),
        ("LIVEDASH_DAGSTER_UI", "javascript:alert(1)"),
        ("LIVEDASH_DAGSTER_UI", "https://user:word@dagster.example.org"),
        ("LIVEDASH_CONSOLE_URL", "livedash.example.org"),
        ("LIVEDASH_CODE_URL", "git.example.org"),
        ("LIVEDASH_CONSOLE_URL", "https://livedash.example.org/?a=b"),
        ("LIVEDASH_CONSOLE_URL", "https://livedash.example.org/#a"),
        ("LIVEDASH_CONSOLE_URL", "https://livedash.example.org/a b"),
        ("LIVEDASH_MAX_FAILURE_RATIO", "2"),
    ],
)
def test_a_bad_setting_is_one_sentence_that_names_it(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({variable: value}, None)
    assert variable in caught.value.message
    assert caught.value.exit_status == 2


def test_the_lease_must_outlast_the_create_call() -> None:
    with pytest.raises(SettingsError, match="LIVEDASH_LEASE"):
        load_settings({"LIVEDASH_LEASE": "90", "LIVEDASH_CREATE_DEADLINE": "60"}, None)


def test_a_batch_may_not_vanish_before_the_service_has_to_show_it() -> None:
    with pytest.raises(SettingsError, match=r"LIVEDASH_VANISHED_AFTER \(60\) .* LIVEDASH_VISIBILITY_LAG \(120\)"):
        load_settings({"LIVEDASH_VANISHED_AFTER": "60"}, None)
    load_settings({"LIVEDASH_VANISHED_AFTER": "60", "LIVEDASH_VISIBILITY_LAG": "60"}, None)


def test_a_secret_never_shows_in_a_message_or_a_repr() -> None:
    settings = load_settings({"OPENAI_API_KEY": "sk-very-secret"}, None)
    assert "sk-very-secret" not in repr(settings)


def test_token_limits_are_one_number_or_one_per_model() -> None:
    assert parse_enqueued_tokens("2_000_000") == {"*": 2_000_000}
    settings = load_settings({"LIVEDASH_ENQUEUED_TOKENS": "gpt-5-mini=500, 100"}, None)
    assert settings.enqueued_token_limit("gpt-5-mini") == 500
    assert settings.enqueued_token_limit("gpt-4o") == 100
    assert Settings().enqueued_token_limit("gpt-4o") is None


def test_money_is_exact() -> None:
    assert load_settings({"LIVEDASH_MONTHLY_CAP_EUR": "0.1"}, None).livedash_monthly_cap_eur == Decimal("0.1")


def test_the_path_of_a_webhook_never_shows_in_a_message_or_a_repr() -> None:
    settings = load_settings({"LIVEDASH_ALERT_URL": "https://hooks.example.com/very-secret"}, None)
    assert "very-secret" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        load_settings({"LIVEDASH_ALERT_URL": "hooks.example.com/very-secret"}, None)
    assert "very-secret" not in str(caught.value)


def test_a_word_in_a_base_address_never_shows_in_a_message() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"LIVEDASH_DAGSTER_UI": "https://user:very-secret@dagster.example.org"}, None)
    assert "very-secret" not in str(caught.value)


def test_base_addresses_end_without_a_slash() -> None:
    settings = load_settings(
        {"LIVEDASH_DAGSTER_UI": "https://dagster.example.org/ui/", "LIVEDASH_CONSOLE_URL": "http://127.0.0.1:8000/"},
        None,
    )
    assert settings.livedash_dagster_ui == "https://dagster.example.org/ui"
    assert settings.livedash_console_url == "http://127.0.0.1:8000"
