"""The compose file is one that Compose reads, starts things in their order, and takes every secret from outside."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest
import yaml
from compose_spec import PyCompose

from livedash_pipeline.cli import cli
from tests.deploy.files import DEPLOY, ROOT, SECRETS, interpolated, load

TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
ENVIRON = {"POSTGRES_PASSWORD": "p", "OPENAI_API_KEY": "k", "LIVEDASH_TOKEN_KEY_FILE": "./token_key"}


def _services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(interpolated(TEXT, ENVIRON))["services"]
    return services


def _read(document: dict[str, Any]) -> PyCompose:
    # Merge keys and anchors are YAML's, and are resolved before; the reader knows Compose alone.
    return PyCompose.from_yaml(yaml.safe_dump(document))


def test_compose_reads_the_file() -> None:
    read = _read(yaml.safe_load(interpolated(TEXT, ENVIRON)))
    assert set(read.service_names()) == set(_services())


def test_a_wrong_file_is_noticed() -> None:
    wrong = yaml.safe_load(interpolated(TEXT, ENVIRON))
    wrong["services"]["daemon"]["healthchek"] = {}
    with pytest.raises(ValueError, match="healthchek"):
        _read(wrong)


@pytest.mark.parametrize("name", ENVIRON)
def test_what_has_to_be_set_is_asked_for(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        interpolated(TEXT, {known: value for known, value in ENVIRON.items() if known != name})


def test_secrets_are_references() -> None:
    uninterpolated = yaml.safe_load(TEXT)
    for service in uninterpolated["services"].values():
        for name, value in service.get("environment", {}).items():
            assert name not in SECRETS or re.search(r"\$\{[A-Z_]+:\?", value), name
    assert uninterpolated["secrets"]["token_key"]["file"].startswith("${")


def test_migrations_come_first_and_there_is_one_daemon() -> None:
    services = _services()
    for name in ("code", "daemon", "webserver", "serve", "worker"):
        waits = services[name]["depends_on"]
        after_code = waits.get("code", {}).get("condition") == "service_healthy"
        assert after_code or waits["migrate"]["condition"] == "service_completed_successfully"
    daemons = [name for name, service in services.items() if "dagster-daemon" in service.get("command", ())]
    assert daemons == ["daemon"]
    assert "deploy" not in services["daemon"], "no replicas"


def test_processes_of_dagster_read_one_instance_and_one_workspace() -> None:
    services = _services()
    for name in ("code", "daemon", "webserver", "worker"):
        (instance,) = (each for each in services[name]["volumes"] if each.endswith("/dagster.yaml:ro"))
        assert (DEPLOY / instance.partition(":")[0]).resolve() == ROOT / "dagster.yaml"
    (location,) = load(DEPLOY / "workspace.yaml")["load_from"]
    server = location["grpc_server"]
    command = services[server["host"]]["command"]
    assert command[command.index("--port") + 1] == str(server["port"])
    (known,) = load(ROOT / "workspace.yaml")["load_from"]
    assert server["location_name"] == known["python_module"]["location_name"]


def test_ports_are_published_to_this_host_alone() -> None:
    published = [port for service in _services().values() for port in service.get("ports", ())]
    assert len(published) == 2
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_commands_of_livedash_exist() -> None:
    for service in _services().values():
        program, *arguments = service.get("command", [""])
        if program == "livedash":
            _parse(cli, arguments)


def _parse(command: click.Command, arguments: list[str]) -> None:
    """Follows the names of commands, and reads the options of the last."""
    if not isinstance(command, click.Group):
        command.make_context(command.name, arguments)
        return
    name, *rest = arguments
    found = command.get_command(click.Context(command), name)
    assert found is not None, f"{name} is no command"
    _parse(found, rest)
