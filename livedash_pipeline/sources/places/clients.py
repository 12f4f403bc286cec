"""With which options the file systems of S3, Google Cloud Storage and Azure are opened.

A company's own credentials go before the provider's own chain. Of that chain, variables that name what to use are handed on from
here, since they may stand in `.env`; the rest (profiles, metadata of a machine, workload identities) the libraries find by
themselves. An endpoint of the environment is the operator's word, and no address is checked for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from livedash_pipeline.base.rules.places.stores import Scheme
from livedash_pipeline.errors import SourceError
from livedash_pipeline.sources.credentials import StoreLogin
from livedash_pipeline.sources.http import FetchLimits
from livedash_pipeline.sources.places.store import load_library

# Every listing is asked for anew, and no connection is shared with another company's credentials.
_UNCACHED = {"use_listings_cache": False, "skip_instance_cache": True}
_AZURE_VARIABLES = {
    "account_name": "AZURE_STORAGE_ACCOUNT_NAME",
    "account_key": "AZURE_STORAGE_ACCOUNT_KEY",
    "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
    "sas_token": "AZURE_STORAGE_SAS_TOKEN",
    "client_id": "AZURE_STORAGE_CLIENT_ID",
    "client_secret": "AZURE_STORAGE_CLIENT_SECRET",
    "tenant_id": "AZURE_STORAGE_TENANT_ID",
}


def open_files(scheme: Scheme, login: StoreLogin, environ: Mapping[str, str], limits: FetchLimits) -> Any:
    """The fsspec file system of a kind of bucket; nothing is connected to.

    Raises:
        SettingsError: Its library is not installed.
        SourceError: The company's credentials are not those that it takes.
    """
    if scheme is Scheme.S3:
        return load_library("s3fs", "s3").S3FileSystem(**s3_options(login, environ, limits), **_UNCACHED)
    if scheme is Scheme.GS:
        return load_library("gcsfs", "gs").GCSFileSystem(**gs_options(login, environ), **_UNCACHED)
    return load_library("adlfs", "az").AzureBlobFileSystem(**az_options(login, environ, limits), **_UNCACHED)


def s3_options(login: StoreLogin, environ: Mapping[str, str], limits: FetchLimits) -> dict[str, Any]:
    """Options of `s3fs.S3FileSystem`: user name and password are id and secret of an access key."""
    _require_both(login)
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    key, secret, token = login.name, login.secret, None
    if key is None:
        key, secret, token = (
            environ.get(name) or None for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        )
    given = {"endpoint_url": endpoint or None, "key": key, "secret": secret, "token": token}
    options: dict[str, Any] = {name: value for name, value in given.items() if value}
    if environ.get("AWS_PROFILE") and key is None:
        options["profile"] = environ["AWS_PROFILE"]
    if region:
        options["client_kwargs"] = {"region_name": region}
    options["config_kwargs"] = {"connect_timeout": limits.connect_seconds, "read_timeout": limits.read_seconds}
    return options


def gs_options(login: StoreLogin, environ: Mapping[str, str]) -> dict[str, Any]:
    """Options of `gcsfs.GCSFileSystem`: the password is the JSON of a service account's key."""
    options: dict[str, Any] = {"access": "read_only"}
    if login.secret is not None:
        options["token"] = _service_account(login.secret)
    elif environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        options["token"] = environ["GOOGLE_APPLICATION_CREDENTIALS"]
    if environ.get("GOOGLE_CLOUD_PROJECT"):
        options["project"] = environ["GOOGLE_CLOUD_PROJECT"]
    if environ.get("STORAGE_EMULATOR_HOST"):
        options["endpoint_url"] = environ["STORAGE_EMULATOR_HOST"]
    return options


def az_options(login: StoreLogin, environ: Mapping[str, str], limits: FetchLimits) -> dict[str, Any]:
    """Options of `adlfs.AzureBlobFileSystem`: user name and password are name and key of an account."""
    _require_both(login)
    options: dict[str, Any] = {"connection_timeout": limits.connect_seconds, "read_timeout": limits.read_seconds}
    if login.name is not None:
        return options | {"account_name": login.name, "account_key": login.secret}
    found = {option: environ[name] for option, name in _AZURE_VARIABLES.items() if environ.get(name)}
    # Without a key of any kind: the chain of Azure's own identities.
    chain = {} if found.keys() & {"account_key", "connection_string", "sas_token", "client_secret"} else {"anon": False}
    return options | found | chain


def _service_account(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise SourceError(
            "The variable with the password holds no JSON of a service account's key.",
            reason="credentials_missing",
            retryable=False,
            remedy="Put the content of the key's JSON file into it.",
        )
    return read


def _require_both(login: StoreLogin) -> None:
    if (login.name is None) != (login.secret is None):
        raise SourceError(
            "Of the two variables for this store one is named, and it takes both or none.",
            reason="credentials_missing",
            retryable=False,
            remedy="Name both with `livedash company set SLUG --csv-username-env --csv-password-env`, or clear the one.",
        )
