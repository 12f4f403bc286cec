"""One move of a peer: `python -I run.py PEER MOVE DIRECTORY`, in the peer's own environment; writes `figures.json` there.

Imported by nobody and importing nothing of ours, since the environment of a peer has nothing of ours. What counts is the move
itself; start-up, reading the requests and counting the answers are told apart. Peers are the other modules of this folder.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def main() -> None:
    """Loads the peer, makes its move, and counts what it has collected."""
    name, move, given = sys.argv[1:]
    directory = Path(given)
    peer = load(Path(__file__).with_name(f"{name}.py"))
    loaded = time.perf_counter()
    arguments = read(directory) if move == "prepare" else ()
    begun = time.perf_counter()
    getattr(peer, move)(directory, *arguments)
    ended = time.perf_counter()
    peak = peak_mb()
    answers = peer.count(directory) if move == "collect" else 0
    counted = time.perf_counter()
    figures = {
        "seconds": ended - begun,
        "aside": begun - loaded + counted - ended,
        "peak_mb": peak,
        "answers": answers,
    }
    (directory / "figures.json").write_text(json.dumps(figures))


def peak_mb() -> float:
    """Resident memory of this program at most so far; on Linux, `getrusage` still counts the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def load(path: Path) -> ModuleType:
    """The peer's module, which has the name of the package that it uses; helpers of this folder come after all packages."""
    sys.path.append(str(path.parent))
    spec = spec_from_file_location("peer", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = module_from_spec(spec)
    sys.modules["peer"] = module
    spec.loader.exec_module(module)
    return module


def read(directory: Path) -> tuple[dict[str, object], list[dict[str, str]]]:
    """What every request has in common, and the requests."""
    question = json.loads((directory / "question.json").read_text(encoding="utf-8"))
    with (directory / "requests.jsonl").open(encoding="utf-8") as file:
        return question, [json.loads(line) for line in file]


if __name__ == "__main__":
    main()
