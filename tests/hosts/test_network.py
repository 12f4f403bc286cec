"""Hosts on this machine; skipped where namespaces are not permitted, as in most containers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.hosts.network import Host, Network, why_not

_SAYS_WHO = 'echo "$(hostname) $$"'


@pytest.fixture(scope="module")
def _permitted() -> None:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def network(_permitted: None) -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


def _said(host: Host, directory: Path, *arguments: str) -> str:
    log = directory / f"{host.name}.log"
    log.unlink(missing_ok=True)
    host.run(arguments, os.environ, directory, log).entering.wait()
    return log.read_text(encoding="utf-8").strip()


def _reaches(host: Host, listener: socket.socket, directory: Path) -> bool:
    """Whether a connection is made from a host within half a second."""
    address, port = listener.getsockname()
    words = f"exec 3<>/dev/tcp/{address}/{port} && echo connected"
    return "connected" in _said(host, directory, "timeout", "0.5", "bash", "-c", words)


def _wait_until_it_reaches(host: Host, listener: socket.socket, directory: Path) -> None:
    while not _reaches(host, listener, directory):
        pass


def test_hosts_have_names_of_their_own_and_equal_process_numbers(network: Network, tmp_path: Path) -> None:
    said = [_said(network.add(name, number), tmp_path, "sh", "-c", _SAYS_WHO) for name, number in (("a", 2), ("b", 3))]
    names, numbers = zip(*(each.split() for each in said), strict=True)
    assert names == ("a", "b")
    assert numbers[0] == numbers[1]


def test_a_link_that_is_cut_lets_nothing_through_until_it_is_mended(network: Network, tmp_path: Path) -> None:
    server, client = network.add("server", 2), network.add("client", 3)
    with ExitStack() as stack:
        listener = server.listen(7000, stack)
        _wait_until_it_reaches(client, listener, tmp_path)
        network.cut(client, "deaf")
        assert not _reaches(client, listener, tmp_path)
        network.mend(client)
        network.cut(server, "unplugged")
        assert not _reaches(client, listener, tmp_path)
        network.mend(server)
        _wait_until_it_reaches(client, listener, tmp_path)


def test_a_host_that_crashes_takes_its_processes_with_it(network: Network, tmp_path: Path) -> None:
    host, other = network.add("host", 2), network.add("other", 3)
    theirs = other.run(["sleep", "600"], os.environ, tmp_path, tmp_path / "theirs")
    process = host.run(["sleep", "600"], os.environ, tmp_path, tmp_path / "ours")
    while not host.processes() or not other.processes():
        pass
    host.crash()
    process.entering.wait()
    assert not host.up
    assert other.up
    assert theirs.alive
    assert network.add("host-again", 2).up


def test_killing_its_processes_leaves_a_host_up(network: Network, tmp_path: Path) -> None:
    host = network.add("host", 2)
    process = host.run(["sleep", "600"], os.environ, tmp_path, tmp_path / "log")
    while not host.processes():
        pass
    assert host.kill_processes() == 1
    process.entering.wait()
    assert host.up
    assert _said(host, tmp_path, "echo", "there") == "there"


def test_nothing_is_left_of_a_network_that_was_closed(_permitted: None, tmp_path: Path) -> None:
    network = Network()
    host = network.add("host", 2)
    host.run(["sleep", "600"], os.environ, tmp_path, tmp_path / "log")
    while not host.processes():
        pass
    namespaces = {host.pid, *(process.pid for process in host.processes())}
    network.close()
    assert not [pid for pid in namespaces if psutil.pid_exists(pid)]
    assert not [name for name in psutil.net_if_addrs() if name.startswith("port")]
