"""Manifests and values are what Kubernetes, the chart and Dagster accept, run nothing as root, and hold no secret."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster import DagsterInstance
from dagster_k8s.job import DagsterK8sJobConfig
from sqlalchemy import make_url

from tests.deploy import chart
from tests.deploy.files import DEPLOY, MANIFESTS, ROOT, SECRETS, documents, load, workloads

VALUES = load(DEPLOY / "values.yaml")
# The oldest version that clouds still keep up, and the newest whose schemas are shipped.
VERSIONS = ("1.31", "1.37")


def _check(document: dict[str, Any]) -> None:
    for kubernetes in VERSIONS:
        kubernetes_validate.validate(document, kubernetes, strict=True)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_valid(path: Path) -> None:
    for document in documents(path):
        _check(document)


def test_a_wrong_manifest_is_noticed() -> None:
    (document, _) = documents(DEPLOY / "kubernetes/serve.yaml")
    document["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readinesProbe"):
        _check(document)


def test_the_chart_knows_every_value() -> None:
    assert chart.unknown_keys(VALUES, chart.VALUES) == []
    assert chart.unknown_keys({"dagsterDaemon": {"image": {"name": "x"}}}, chart.VALUES) == [
        ".dagsterDaemon.image.name"
    ]


def test_code_server_and_runs_made_of_the_values_are_valid() -> None:
    _check(chart.code_server(VALUES))
    _check(chart.run_job(VALUES))


def test_runs_have_the_settings_and_the_limits_of_the_code_server() -> None:
    run = chart.run_job(VALUES)["spec"]
    pod = run["template"]["spec"]
    (container,) = pod["containers"]
    sources = [next(iter(source.values()))["name"] for source in container["envFrom"]]
    assert sources == ["livedash-settings", "livedash-secrets"]
    assert (run["backoffLimit"], pod["restartPolicy"]) == (0, "Never"), "Dagster starts a run again, never Kubernetes"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["resources"]["limits"]


def test_the_launcher_takes_its_configuration() -> None:
    known: dict[str, Any] = DagsterK8sJobConfig.config_type_run_launcher()  # type: ignore[no-untyped-call]
    assert [name for name in chart.launcher(VALUES) if name not in known] == []
    inside = known["run_k8s_config"].config_type.fields
    assert [name for name in chart.launcher(VALUES)["run_k8s_config"] if name not in inside] == []


def test_dagster_loads_the_instance_that_the_chart_makes(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(empty_database_url)
    made = chart.instance(VALUES)
    assert not chart.WRITTEN_ALWAYS & VALUES["additionalInstanceConfig"].keys()
    for kind in ("schedule", "run", "event_log"):
        place = made[f"{kind}_storage"]["config"]["postgres_db"]
        # The embedded server listens on a socket, which is a parameter of the address, not its host.
        place |= {"username": url.username, "hostname": "", "db_name": url.database, "params": dict(url.query)}
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "unused")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(made), encoding="utf-8")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.get_runs() == []
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled


def test_blocks_of_the_instance_are_those_of_dagster_yaml() -> None:
    ours = load(ROOT / "dagster.yaml")
    given = chart.instance(VALUES)
    assert {name: given.get(name) for name in ours if name != "storage"} == {
        name: block for name, block in ours.items() if name != "storage"
    }


def test_processes_of_one_deployment_have_one_image() -> None:
    images = {container["image"] for _, pod in workloads() for container in pod["containers"]}
    (server,) = VALUES["dagster-user-deployments"]["deployments"]
    for image in (server["image"], VALUES["dagsterDaemon"]["image"]):
        images.add(f"{image['repository']}:{image['tag']}")
    assert images == {f"registry.example.com/livedash-pipeline:{version('livedash-pipeline')}"}


@pytest.mark.parametrize(("name", "pod"), list(workloads()), ids=lambda value: value if isinstance(value, str) else "")
def test_pods_run_as_nobody_within_limits(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"requests", "limits"} <= container["resources"].keys()
        if name != "livedash-migrate":
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()


def test_secrets_are_references() -> None:
    for path in MANIFESTS:
        for document in documents(path):
            assert document["kind"] != "Secret", "secrets are made outside of the repository"
            assert not SECRETS & document.get("data", {}).keys()
    for _, pod in workloads():
        for container in pod["containers"]:
            for variable in container.get("env", ()):
                assert variable["name"] not in SECRETS or "secretKeyRef" in variable["valueFrom"]
    assert VALUES["generatePostgresqlPasswordSecret"] is False
    assert "postgresqlPassword" not in VALUES["postgresql"]


def test_names_that_the_manifests_share_with_the_chart_are_the_same() -> None:
    pods = dict(workloads())
    volumes = {each["name"]: each["configMap"]["name"] for each in pods["livedash-webserver"]["volumes"]}
    assert volumes == {"instance": chart.launcher(VALUES)["instance_config_map"], "workspace": "dagster-workspace-yaml"}
    (server,) = VALUES["dagster-user-deployments"]["deployments"]
    (known,) = VALUES["dagsterWebserver"]["workspace"]["servers"]
    assert (known["host"], known["port"]) == (server["name"], server["port"])
    assert known["name"] == load(ROOT / "workspace.yaml")["load_from"][0]["python_module"]["location_name"]
    password = pods["livedash-webserver"]["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]
    assert password["name"] == VALUES["global"]["postgresqlSecretName"]
