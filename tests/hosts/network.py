"""Hosts on one machine: each has a network, a host name and process numbers of its own, and all are joined by a bridge.

A host is a set of Linux namespaces that live as long as its first process. That one reads a pipe whose other end this process
holds, so hosts, their processes, links and the bridge are gone when this process is, however it ends. Nothing is made outside
the namespaces. Add what happens to a host or to its link. Not here: what hosts run.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import psutil

from livedash_pipeline.sockets import listening

Cut = Literal["unplugged", "deaf"]
"""How a link is cut: the host sees that its cable is out, or it sees nothing and every packet is lost."""

NETWORK = "10.77.0"
_NAMESPACES = ("--net", "--uts", "--ipc", "--pid", "--mount")
_TOOLS = ("unshare", "nsenter", "ip", "bridge")
_CLONE_NEWNET = 0x40000000
# pid 1 of a host: collects orphans, and ends with the pipe.
_FIRST_PROCESS = 'hostname "$0"; echo ready; sleep infinity & read -r _'
_T = TypeVar("_T")


class NotPermittedError(Exception):
    """This machine does not let us make hosts; the message says what refused."""


@dataclass
class HostProcess:
    """A program on a host."""

    entering: subprocess.Popen[bytes]
    log: Path

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.entering.poll() is None

    def kill(self) -> None:
        """SIGKILL to it, not to what it has started; the one that entered the host ends with it."""
        for child in _children(self.entering.pid):
            with suppress(psutil.Error):
                child.kill()
        self.entering.wait()


@dataclass
class Host:
    """A host that runs until `crash`; made by `Network.add`."""

    name: str
    address: str
    link: str
    pid: int
    _first: subprocess.Popen[bytes] = field(repr=False)
    _programs: list[HostProcess] = field(default_factory=list, repr=False)

    @property
    def up(self) -> bool:
        """Whether it has not been ended."""
        return self._first.poll() is None

    def run(self, arguments: Sequence[str], environ: Mapping[str, str], directory: Path, log: Path) -> HostProcess:
        """Starts a program there; what it writes is added to a file."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*_enter(self.pid), "--wd=" + str(directory), "--", *arguments],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the harness alone, which ends the rest.
                start_new_session=True,
            )
        self._programs.append(HostProcess(process, log))
        return self._programs[-1]

    def processes(self) -> list[psutil.Process]:
        """Everything that runs there but its first process and that one's own."""
        keep = {self.pid, *(child.pid for child in _children(self.pid, recursive=False) if _is_idle(child))}
        wanted = _namespace(self.pid)
        return [found for found in psutil.process_iter() if found.pid not in keep and _namespace(found.pid) == wanted]

    def kill_processes(self) -> int:
        """SIGKILL to all that it runs; the host stays. Returns how many there were."""
        found = self.processes()
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        return len(found)

    def crash(self) -> None:
        """Ends it with everything that it runs; the kernel still says good-bye on its connections, if the link is there."""
        _end(self._first, self.pid)
        for program in self._programs:
            program.entering.wait()

    def listen(self, port: int, stack: ExitStack) -> socket.socket:
        """A socket that listens on this host, for a server in this process; closed with the stack."""
        return _inside(self.pid, lambda: stack.enter_context(listening(self.address, port)))


class Network:
    """A bridge and the hosts on it."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self._switch = _start("switch")
        self._names = 0
        self._on_switch("ip", "link", "set", "lo", "up")
        self._on_switch("ip", "link", "add", "bridge0", "type", "bridge")
        self._on_switch("ip", "link", "set", "bridge0", "up")

    def add(self, name: str, number: int) -> Host:
        """A host with a name, at address 10.77.0.NUMBER, on the bridge."""
        first, pid = _start(name)
        self._names += 1
        host = Host(name, f"{NETWORK}.{number}", f"port{self._names}", pid, first)
        self.hosts.append(host)
        try:
            self._on_switch(
                *("ip", "link", "add", host.link, "type", "veth"), *("peer", "name", "eth0", "netns", str(pid))
            )
            self._on_switch("ip", "link", "set", host.link, "master", "bridge0", "up")
            for words in (
                ("link", "set", "lo", "up"),
                ("addr", "add", f"{host.address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
            ):
                _call(pid, "ip", *words)
        except NotPermittedError:
            host.crash()
            raise
        return host

    def cut(self, host: Host, how: Cut) -> None:
        """From now on nothing comes through to a host or from it."""
        with suppress(NotPermittedError):  # the host may have ended, and its link with it
            if how == "unplugged":
                self._on_switch("ip", "link", "set", host.link, "down")
            else:
                self._on_switch("bridge", "link", "set", "dev", host.link, "state", "0")

    def mend(self, host: Host) -> None:
        """Packets come through again."""
        with suppress(NotPermittedError):
            self._on_switch("ip", "link", "set", host.link, "up")
            self._on_switch("bridge", "link", "set", "dev", host.link, "state", "3")

    def close(self) -> None:
        """Ends all hosts."""
        for host in self.hosts:
            host.crash()
        _end(*self._switch)

    def _on_switch(self, *arguments: str) -> None:
        _call(self._switch[1], *arguments)


def why_not() -> str | None:
    """Why hosts cannot be made here, in a few words; None where they can, which is tried and not guessed."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    try:
        network = Network()
    except NotPermittedError as error:
        return str(error)
    try:
        one = network.add("probe", 2)
        network.cut(one, "deaf")
        network.mend(one)
    except NotPermittedError as error:
        return str(error)
    finally:
        network.close()
    return None


def _start(name: str) -> tuple[subprocess.Popen[bytes], int]:
    """The first process of a host, and its number as seen from outside."""
    first = subprocess.Popen(
        ["unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc", "sh", "-c", _FIRST_PROCESS, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    if first.stdout is None or first.stdout.readline() != b"ready\n":
        # By then it has ended; communicate closes its pipes.
        said = first.communicate()[1].decode(errors="replace").strip()
        raise NotPermittedError(f"namespaces are not permitted ({said or 'no reason given'})")
    return first, _children(first.pid, recursive=False)[0].pid


def _end(first: subprocess.Popen[bytes], pid: int) -> None:
    if first.poll() is None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    first.wait()
    for stream in (first.stdin, first.stdout, first.stderr):
        if stream is not None:
            stream.close()


def _enter(pid: int) -> list[str]:
    return ["nsenter", f"--target={pid}", *_NAMESPACES]


def _call(pid: int, *arguments: str) -> None:
    """Runs a command in a host's network alone: the numbers of other hosts' processes mean nothing inside the host."""
    whole = ["nsenter", f"--target={pid}", "--net", "--", *arguments]
    done = subprocess.run(whole, capture_output=True, stdin=subprocess.DEVNULL, text=True, check=False)
    if done.returncode != 0:
        raise NotPermittedError(f"{' '.join(arguments)}: {done.stderr.strip()}")


def _children(pid: int, *, recursive: bool = False) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=recursive)
    except psutil.Error:
        return []


def _is_idle(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.name() == "sleep"
    return False


def _namespace(pid: int) -> str:
    with suppress(OSError):
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    return ""


def _inside(pid: int, work: Callable[[], _T]) -> _T:
    """Does something in a host's network, in a thread of its own: a socket stays in the network in which it was made."""
    results: list[_T] = []
    errors: list[OSError] = []

    def enter() -> None:
        try:
            with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            results.append(work())
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=enter, name="inside")
    thread.start()
    thread.join()
    for error in errors:
        raise error
    return results[0]
