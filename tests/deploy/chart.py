"""Facts about Dagster's Helm chart 1.13, and what it makes of values: no package ships the chart, its schema or its templates.

What stands here was read in the chart's schema and templates and is written down as keys, nothing more. Extend it where
deploy/values.yaml begins to use another part of the chart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster_k8s.job import DagsterK8sJobConfig, UserDefinedDagsterK8sConfig, construct_dagster_k8s_job
from kubernetes.client import ApiClient

# A block and the keys that the chart's schema allows in it; None where the block is passed on as it is.
Allowed = Mapping[str, Any] | None

_POD: Mapping[str, Allowed] = dict.fromkeys(
    (
        *(
            "annotations",
            "nodeSelector",
            "affinity",
            "tolerations",
            "podSecurityContext",
            "securityContext",
            "resources",
        ),
        *("labels", "schedulerName", "volumeMounts", "volumes", "env", "envConfigMaps", "envSecrets"),
        *("livenessProbe", "readinessProbe", "startupProbe"),
    )
)
_IMAGE: Mapping[str, Allowed] = dict.fromkeys(("repository", "tag", "pullPolicy"))
VALUES: Mapping[str, Allowed] = {
    "global": dict.fromkeys(("postgresqlSecretName", "dagsterHome", "serviceAccountName", "celeryConfigSecretName")),
    "generatePostgresqlPasswordSecret": None,
    "postgresql": {
        **dict.fromkeys(("image", "enabled", "postgresqlHost", "postgresqlUsername", "postgresqlPassword")),
        **dict.fromkeys(("postgresqlDatabase", "postgresqlParams", "postgresqlScheme")),
        "service": {"port": None},
    },
    "dagsterWebserver": {
        **_POD,
        **dict.fromkeys(
            ("replicaCount", "nameOverride", "pathPrefix", "service", "deploymentLabels", "enableReadOnly")
        ),
        **dict.fromkeys(("dbStatementTimeout", "dbPoolRecycle", "logLevel", "initContainerResources")),
        "image": _IMAGE,
        "workspace": {"enabled": None, "servers": None, "externalConfigmap": None},
    },
    "dagsterDaemon": {
        **_POD,
        **dict.fromkeys(("enabled", "heartbeatTolerance", "deploymentLabels", "initContainerResources")),
        "image": _IMAGE,
        "runCoordinator": {"enabled": None, "type": None, "config": None},
        "runMonitoring": None,
        "runRetries": None,
        "sensors": {"useThreads": None, "numWorkers": None, "numSubmitWorkers": None},
        "schedules": {"useThreads": None, "numWorkers": None, "numSubmitWorkers": None},
    },
    "additionalInstanceConfig": None,
    "telemetry": {"enabled": None},
    "runLauncher": {
        "type": None,
        "config": {
            "k8sRunLauncher": {
                **dict.fromkeys(("image", "imagePullPolicy", "jobNamespace", "loadInclusterConfig", "kubeconfigFile")),
                **dict.fromkeys(("envConfigMaps", "envSecrets", "envVars", "volumeMounts", "volumes", "labels")),
                **dict.fromkeys(("failPodOnRunFailure", "resources", "schedulerName", "securityContext")),
                "runK8sConfig": dict.fromkeys(
                    ("containerConfig", "podSpecConfig", "podTemplateSpecMetadata", "jobSpecConfig", "jobMetadata")
                ),
            }
        },
    },
    "dagster-user-deployments": {
        **dict.fromkeys(("enabled", "enableSubchart", "imagePullSecrets")),
        "deployments": [
            {
                **_POD,
                "image": _IMAGE,
                **dict.fromkeys(("name", "dagsterApiGrpcArgs", "codeServerArgs", "port", "initContainers")),
                **dict.fromkeys(("deploymentNamespace", "sidecarContainers")),
                "includeConfigInLaunchedRuns": {"enabled": None},
            }
        ],
    },
    "redis": {"enabled": None, "internal": None, "host": None, "port": None},
    "rabbitmq": {"enabled": None},
}

# Blocks of dagster.yaml that the chart writes whatever its values; given once more, one of the two would be lost.
WRITTEN_ALWAYS = {
    *("scheduler", "schedule_storage", "run_launcher", "run_storage", "event_log_storage", "compute_logs", "telemetry"),
    *("sensors", "schedules"),
}


def unknown_keys(values: Any, allowed: Any, path: str = "") -> list[str]:
    """Paths of keys that the chart does not know."""
    if allowed is None or not isinstance(values, dict | list):
        return []
    if isinstance(values, list):
        return [found for each in values for found in unknown_keys(each, allowed[0], f"{path}[]")]
    unknown = [f"{path}.{key}" for key in values if key not in allowed]
    return unknown + [
        found
        for key, each in values.items()
        if key in allowed
        for found in unknown_keys(each, allowed[key], f"{path}.{key}")
    ]


def instance(values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of dagster.yaml that the chart makes of these values and that a process outside a cluster can load."""
    postgres = values["postgresql"]
    storage = {
        "postgres_db": {
            "username": postgres["postgresqlUsername"],
            "password": {"env": "DAGSTER_PG_PASSWORD"},
            "hostname": postgres["postgresqlHost"],
            "db_name": postgres["postgresqlDatabase"],
            "port": postgres["service"]["port"],
            "params": postgres.get("postgresqlParams", {}),
            "scheme": postgres["postgresqlScheme"],
        }
    }
    threads = values["dagsterDaemon"]["sensors"]
    return {
        **{
            f"{kind}_storage": {
                "module": f"dagster_postgres.{module}",
                "class": f"Postgres{name}Storage",
                "config": storage,
            }
            for kind, module, name in (
                ("schedule", "schedule_storage", "Schedule"),
                ("run", "run_storage", "Run"),
                ("event_log", "event_log", "EventLog"),
            )
        },
        "sensors": {"use_threads": threads["useThreads"], "num_workers": threads["numWorkers"]},
        "telemetry": values["telemetry"],
        **values["additionalInstanceConfig"],
    }


def launcher(values: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of K8sRunLauncher that the chart makes of these values, for a release named `dagster`."""
    given = values["runLauncher"]["config"]["k8sRunLauncher"]
    config = given["runK8sConfig"]
    return {
        "load_incluster_config": given["loadInclusterConfig"],
        "job_namespace": "livedash",
        "image_pull_policy": given["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": values["global"]["dagsterHome"],
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "run_k8s_config": {
            "container_config": config["containerConfig"],
            "pod_spec_config": config["podSpecConfig"],
            "job_spec_config": config["jobSpecConfig"],
        },
    }


def run_job(values: Mapping[str, Any]) -> dict[str, Any]:
    """The Job of a run, made by dagster-k8s itself of the chart's launcher and of the code server's settings."""
    (server,) = values["dagster-user-deployments"]["deployments"]
    given = launcher(values)
    job = construct_dagster_k8s_job(
        DagsterK8sJobConfig(
            job_image=f"{server['image']['repository']}:{server['image']['tag']}",
            env_config_maps=[each["name"] for each in server["envConfigMaps"]],
            env_secrets=[each["name"] for each in server["envSecrets"]],
            **{
                name: given[name]
                for name in (
                    *("dagster_home", "image_pull_policy", "service_account_name"),
                    *("instance_config_map", "postgres_password_secret"),
                )
            },
        ),
        args=["dagster", "api", "execute_run"],
        job_name="dagster-run-1",
        user_defined_k8s_config=UserDefinedDagsterK8sConfig(**given["run_k8s_config"]),
    )
    made: dict[str, Any] = ApiClient().sanitize_for_serialization(job)
    return made


def code_server(values: Mapping[str, Any]) -> dict[str, Any]:
    """The Deployment of the code server, with what these values put into it."""
    (server,) = values["dagster-user-deployments"]["deployments"]
    probe = {"exec": {"command": ["dagster", "api", "grpc-health-check", "-p", str(server["port"])]}}
    probes = {
        name: probe | {key: value for key, value in server[name].items() if key != "enabled"}
        for name in ("livenessProbe", "readinessProbe", "startupProbe")
    }
    container = {
        "name": "dagster-user-deployments",
        "image": f"{server['image']['repository']}:{server['image']['tag']}",
        "imagePullPolicy": server["image"]["pullPolicy"],
        "args": [
            "dagster",
            "code-server",
            "start",
            "-h",
            "0.0.0.0",
            "-p",
            str(server["port"]),
            *server["codeServerArgs"],
        ],
        "envFrom": [
            *({"configMapRef": each} for each in server["envConfigMaps"]),
            *({"secretRef": each} for each in server["envSecrets"]),
        ],
        "securityContext": server["securityContext"],
        "resources": server["resources"],
        **probes,
    }
    labels = {"deployment": server["name"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"dagster-dagster-user-deployments-{server['name']}", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"securityContext": server["podSecurityContext"], "containers": [container]},
            },
        },
    }
