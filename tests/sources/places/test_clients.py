"""With which options stores are opened, and what is said where their library is missing."""

from __future__ import annotations

import importlib.abc
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from livedash_pipeline.base.rules.places.logins import CsvLogin
from livedash_pipeline.base.rules.places.stores import Scheme, StoreRoot
from livedash_pipeline.base.rules.urls import source_rules
from livedash_pipeline.errors import SettingsError, SourceError
from livedash_pipeline.sources.credentials import StoreLogin
from livedash_pipeline.sources.http import FetchLimits
from livedash_pipeline.sources.places.clients import az_options, gs_options, open_files, s3_options
from livedash_pipeline.sources.places.opening import Stores

LIMITS = FetchLimits(max_bytes=1, connect_seconds=3, read_seconds=7)
NOBODY = StoreLogin()
OWN = StoreLogin("name", "s3cret")
LIBRARIES = {Scheme.S3: "s3fs", Scheme.GS: "gcsfs", Scheme.AZ: "adlfs", Scheme.SFTP: "asyncssh"}


class _Missing(importlib.abc.MetaPathFinder):
    """Finds no library of a store, as where the extra is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name in LIBRARIES.values():
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def without_libraries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in LIBRARIES.values():
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [_Missing(), *sys.meta_path])
    yield


@pytest.mark.usefixtures("without_libraries")
@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_missing_library_is_one_sentence_with_the_command(scheme: Scheme) -> None:
    root = StoreRoot(scheme, "store.example", 22 if scheme is Scheme.SFTP else 0)
    with (
        Stores(source_rules(root.address, ()), CsvLogin(), {}, LIMITS) as stores,
        pytest.raises(SettingsError) as caught,
    ):
        stores.get(root)
    assert LIBRARIES[scheme] in caught.value.message
    assert f"pip install 'livedash-pipeline[{scheme}]'" in caught.value.remedy
    assert caught.value.exit_status == 2


def test_no_library_of_a_store_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, livedash_pipeline.intake.steps.import_files, livedash_pipeline.intake.steps.fetch_transcripts;"
        "print(sorted({'fsspec', 's3fs', 'gcsfs', 'adlfs', 'asyncssh', 'botocore'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


class _Opened:
    def __init__(self, **options: Any) -> None:
        self.options = options


class _Library:
    S3FileSystem = GCSFileSystem = AzureBlobFileSystem = _Opened


@pytest.mark.parametrize("scheme", [Scheme.S3, Scheme.GS, Scheme.AZ])
def test_nothing_is_cached(scheme: Scheme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, LIBRARIES[scheme], _Library)
    options = open_files(scheme, NOBODY, {}, LIMITS).options
    assert (options["use_listings_cache"], options["skip_instance_cache"]) == (False, True)


def test_options_of_s3() -> None:
    timeouts = {"config_kwargs": {"connect_timeout": 3, "read_timeout": 7}}
    assert s3_options(NOBODY, {}, LIMITS) == timeouts
    environ = {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_ENDPOINT_URL": "http://minio:9000",
        "AWS_REGION": "eu-west-1",
    }
    place = {"endpoint_url": "http://minio:9000", "client_kwargs": {"region_name": "eu-west-1"}}
    assert s3_options(NOBODY, environ, LIMITS) == {"key": "id", "secret": "secret", "token": "token"} | place | timeouts
    assert s3_options(OWN, environ, LIMITS) == {"key": "name", "secret": "s3cret"} | place | timeouts
    assert s3_options(NOBODY, {"AWS_PROFILE": "acme"}, LIMITS) == {"profile": "acme"} | timeouts


def test_options_of_google() -> None:
    key = {"type": "service_account"}
    assert gs_options(NOBODY, {}) == {"access": "read_only"}
    assert gs_options(StoreLogin(None, json.dumps(key)), {})["token"] == key
    environ = {
        "GOOGLE_APPLICATION_CREDENTIALS": "/key.json",
        "GOOGLE_CLOUD_PROJECT": "p",
        "STORAGE_EMULATOR_HOST": "http://x",
    }
    expected = {"access": "read_only", "token": "/key.json", "project": "p", "endpoint_url": "http://x"}
    assert gs_options(NOBODY, environ) == expected


@pytest.mark.parametrize("secret", ["s3cret", "[1]"])
def test_a_key_of_google_that_is_none_is_told_without_its_text(secret: str) -> None:
    with pytest.raises(SourceError) as caught:
        gs_options(StoreLogin(None, secret), {})
    assert caught.value.reason == "credentials_missing"
    assert secret not in str(caught.value)


def test_options_of_azure() -> None:
    timeouts = {"connection_timeout": 3, "read_timeout": 7}
    assert az_options(OWN, {}, LIMITS) == {"account_name": "name", "account_key": "s3cret"} | timeouts
    chain = az_options(NOBODY, {"AZURE_STORAGE_ACCOUNT_NAME": "a"}, LIMITS)
    assert chain == {"account_name": "a", "anon": False} | timeouts
    keyed = az_options(NOBODY, {"AZURE_STORAGE_CONNECTION_STRING": "c"}, LIMITS)
    assert keyed == {"connection_string": "c"} | timeouts
    with pytest.raises(SourceError):
        az_options(StoreLogin("name", None), {}, LIMITS)
