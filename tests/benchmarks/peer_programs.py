"""Peers in processes and virtual environments of their own: what they are, how they are installed and run.

Add a peer to `PEERS`, with a module of its name in `peers/` and the versions that it was tried with in `peers/<name>.lock`
(`make lock-peers`). Environments are made on first use and kept below `.bench-peers/` until `make clean`; what a peer needs
contradicts what we need, and every two peers contradict each other.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(__file__).parents[2] / ".bench-peers"
_LONGEST_NOTE = 120


@dataclass(frozen=True)
class Peer:
    """A program that does the same.

    Attributes:
        name: Of its module in `peers/`.
        requirement: What its lock is made of; empty for the bare script, which runs in our environment.
        checks: What it looks at in every line that it collects.
    """

    name: str
    requirement: str
    checks: str


SCRIPT = Peer("script", "", "checks nothing")
PEERS = (
    Peer("airflow", "apache-airflow-providers-common-ai openai", "checks custom_id and schema"),
    Peer("instructor", "instructor", "checks the schema"),
    Peer("batchwizard", "batchwizard", "checks nothing"),
)


class NotInstalledError(Exception):
    """The environment of a peer could not be made; the text says why."""


class MoveError(Exception):
    """A peer did not make its move; the text is the end of what it wrote."""


@dataclass(frozen=True)
class Move:
    """What a move took.

    Attributes:
        seconds: Of the move itself.
        start_up: Seconds until it began, and of what its process did after its end.
        peak_mb: Resident memory at most.
        answers: Collected; 0 for a preparation.
    """

    seconds: float
    start_up: float
    peak_mb: float
    answers: int


def python_of(
    peer: Peer, environments: Path = ENVIRONMENTS, locks: Path = FOLDER, pip_options: Sequence[str] = ()
) -> Path:
    """The interpreter of the peer's environment, which is made unless it is there; pip is configured as everywhere else.

    Raises:
        NotInstalledError: It could not be made, as without a network.
    """
    if not peer.requirement:
        return Path(sys.executable)
    lock = locks / f"{peer.name}.lock"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = environments / f"{peer.name}-{version}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python, done = place / "bin" / "python", place / "installed"
    if not done.exists():
        venv.create(place, clear=True, symlinks=True)
        options = [
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
            "--requirement",
            str(lock),
            *pip_options,
        ]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install", *options]
        installed = subprocess.run(pip, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if installed.returncode:
            raise NotInstalledError(_end_of(installed.stderr))
        done.touch()
    return python


def make_move(peer: Peer, python: Path, move: str, directory: Path, url: str) -> Move:
    """Runs one move of a peer, which finds its requests in the directory and leaves there what it collects.

    Raises:
        MoveError: It failed.
    """
    figures = directory / "figures.json"
    figures.unlink(missing_ok=True)
    command = [str(python), "-I", str(FOLDER / "run.py"), peer.name, move, str(directory)]
    begun = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=directory,
        env=_environ(directory, url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    whole = time.perf_counter() - begun
    if done.returncode or not figures.exists():
        raise MoveError(f"{move} failed: {_end_of(done.stdout)}")
    told = json.loads(figures.read_text())
    seconds = told["seconds"]
    return Move(seconds, whole - seconds - told["aside"], told["peak_mb"], told["answers"])


def _environ(directory: Path, url: str) -> dict[str, str]:
    """Nothing of ours: where the service is, by the names that each peer knows, and a home of its own."""
    connection = {"conn_type": "pydanticai", "password": "bench", "host": url}
    return {
        "PATH": os.defpath,
        "HOME": str(directory),
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": "bench",
        "AIRFLOW_HOME": str(directory / "airflow"),
        "AIRFLOW_CONN_LLM": json.dumps(connection),
    }


def _end_of(said: str) -> str:
    lines = [line for line in said.splitlines() if line.strip()]
    return lines[-1][:_LONGEST_NOTE] if lines else "it said nothing"


if __name__ == "__main__":
    # For `make lock-peers`.
    sys.stdout.writelines(f"{peer.name} {peer.requirement}\n" for peer in PEERS)
