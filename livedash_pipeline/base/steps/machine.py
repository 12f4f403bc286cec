"""Names this process and its machine, and finds out whether another process of the same machine still exists.

Add how another system names what its process ids are ids of. Hosts are not told apart by their names: two containers may share
one, and a container that was started again has another.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

import psutil

from livedash_pipeline.base.store.run_heartbeats import RunProcess

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESS_IDS = Path("/proc/self/ns/pid")


def this_process() -> RunProcess:
    """This process, as `process_is_gone` looks for it."""
    me = psutil.Process(os.getpid())
    return RunProcess(socket.gethostname(), this_machine(), me.pid, _started(me))


def this_machine() -> str:
    """Names what process ids are ids of here.

    On Linux the kernel's start and the namespace of process ids: containers on one host have one of their own each. Elsewhere the
    host's name and its hardware address.
    """
    try:
        return f"{_BOOT.read_text(encoding='ascii').strip()}/{_PROCESS_IDS.stat().st_ino}"
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode():012x}"


def process_is_gone(process: RunProcess | None) -> bool:
    """True where a process of this machine does not exist any more; of other machines nothing is known."""
    if process is None or process.machine != this_machine():
        return False
    try:
        found = psutil.Process(process.pid)
        return _started(found) != process.started or found.status() == psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        # Another user's process, about which the system tells nothing.
        return False
    except (psutil.NoSuchProcess, ValueError):
        return True


def _started(process: psutil.Process) -> float:
    # Seconds since boot, since every correction of the clock changes the time of day at which a process began.
    return round(process.create_time() - psutil.boot_time(), 2)
