"""An SFTP server as a store: one connection, made to an address that was checked, to a server whose key is known.

Host keys are looked up in a file that people keep, and are never added to it. The files `~/.ssh/config` and its like are not
read: a proxy or another host name in them would lead past the check of addresses. Add what a server may need to log in here.
"""

from __future__ import annotations

import getpass
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import Any, TypeVar

from livedash_pipeline.base.rules.places.stores import Place, StoreRoot
from livedash_pipeline.base.rules.urls import Origin, SourceRules, address_problem
from livedash_pipeline.deadline import Deadline
from livedash_pipeline.errors import LivedashError, SourceError
from livedash_pipeline.sources.addresses import Resolver, address_remedy
from livedash_pipeline.sources.credentials import StoreLogin
from livedash_pipeline.sources.places.store import Entry, load_library, not_found, not_permitted, too_slow, wait_for

KNOWN_HOSTS_VARIABLE = "LIVEDASH_SFTP_KNOWN_HOSTS"
_PIECE = 1 << 20
_KEY_BEGINNING = "-----BEGIN "
# Kinds of the library's errors, told apart by name: it is loaded only where a server is connected to.
_NOT_FOUND = frozenset({"SFTPNoSuchFile", "SFTPNoSuchPath", "SFTPNotADirectory"})
_REFUSED = frozenset({"PermissionDenied", "SFTPPermissionDenied", "PasswordChangeRequired", "IllegalUserName"})
_UNREADABLE_KEYS = frozenset({"KeyImportError", "KeyEncryptionError"})
_Result = TypeVar("_Result")


class SftpStore:
    """One server. It may be used by several threads, and is connected to when it is first asked, and again after a break.

    Args:
        root: Host and port.
        login: User name, and password or private key; without them the user of this process with the keys of its agent and of
            `~/.ssh`.
        rules: Which addresses may be connected to.
        environ: Where the file of known hosts is named.
        resolver: Addresses of a host.
        connect_seconds: How long one address may take to answer.
    """

    shows_unfinished = True

    def __init__(
        self,
        root: StoreRoot,
        login: StoreLogin,
        rules: SourceRules,
        environ: Mapping[str, str],
        resolver: Resolver,
        connect_seconds: float,
    ) -> None:
        self._library: Any = load_library("asyncssh", "sftp")
        self._root, self._login, self._rules = root, login, rules
        self._known_hosts = _known_hosts(environ)
        self._resolver = resolver
        self._connect_seconds = connect_seconds
        self._lock = threading.Lock()
        self._connection: Any = None
        self._client: Any = None

    def entries(self, folder: str, *, most: int, deadline: Deadline) -> list[Entry]:
        """Names in a folder; links are followed, and what is neither a file nor a folder is left out."""
        path = folder or "/"

        async def read(client: Any) -> list[Entry]:
            found, seen = [], 0
            async for name in client.scandir(path):
                seen += 1
                if name.filename not in {".", ".."}:
                    found.append(await _entry_of(client, folder, name))
                if seen > most + 2:
                    break
            return [entry for entry in found if entry is not None]

        return self._ask(read, deadline, self._address(path))

    def look(self, path: str, *, deadline: Deadline) -> Entry:
        """One file as it is now."""

        async def read(client: Any) -> Entry | None:
            return _entry(path.rpartition("/")[2], await client.stat(path))

        entry = self._ask(read, deadline, self._address(path))
        if entry is None or entry.is_folder:
            raise not_found(self._address(path))
        return entry

    def pieces(self, path: str, size: int, *, deadline: Deadline) -> Iterator[bytes]:
        """Its content."""
        address = self._address(path)

        async def opened(client: Any) -> Any:
            return await client.open(path, "rb")

        file = self._ask(opened, deadline, address)
        try:
            for start in range(0, size, _PIECE):
                wanted = min(_PIECE, size - start)

                async def read(_: Any, wanted: int = wanted, start: int = start) -> bytes:
                    piece: bytes = await file.read(wanted, start)
                    return piece

                piece = self._ask(read, deadline, address)
                yield piece
                if len(piece) < wanted:
                    return
        finally:
            self._forget(file.close)

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:

            async def end() -> None:
                connection.close()
                await connection.wait_closed()

            self._forget(end)

    def _ask(self, call: Callable[[Any], Awaitable[_Result]], deadline: Deadline, address: str) -> _Result:
        try:
            client = self._connected(deadline, address)
            return wait_for(lambda: call(client), deadline, address)
        except LivedashError as error:
            if isinstance(error, SourceError) and error.reason == "timeout":
                self._break_off()
            raise
        except Exception as error:  # noqa: BLE001 - the library has errors of several trees
            found = _explained(error, address, self._root, self._known_hosts)
            if found.reason == "connection_lost":
                self._break_off()
            raise found from None

    def _connected(self, deadline: Deadline, address: str) -> Any:
        with self._lock:
            if self._client is None:
                options = self._options()
                sock = self._socket(deadline, address)
                self._connection = wait_for(lambda: self._logged_in(sock, options), deadline, address)
                self._client = wait_for(self._connection.start_sftp_client, deadline, address)
            return self._client

    def _options(self) -> dict[str, Any]:
        secret = self._login.secret
        if secret is None:
            return {}
        if secret.lstrip().startswith(_KEY_BEGINNING):
            return {"client_keys": [self._library.import_private_key(secret)], "agent_path": None}
        return {"password": secret, "client_keys": None, "agent_path": None}

    async def _logged_in(self, sock: socket.socket, options: Mapping[str, Any]) -> Any:
        try:
            return await self._library.connect(
                self._root.name,
                self._root.port,
                sock=sock,
                config=None,
                known_hosts=str(self._known_hosts),
                username=self._login.name or getpass.getuser(),
                login_timeout=self._connect_seconds,
                keepalive_interval=15,
                **options,
            )
        except BaseException:
            sock.close()
            raise

    def _socket(self, deadline: Deadline, address: str) -> socket.socket:
        """Connected to an address that is allowed: the very one that was checked."""
        failure: OSError | None = None
        for ip in self._addresses(address):
            try:
                seconds = min(self._connect_seconds, max(deadline.left, 0.001))
                sock = socket.create_connection((ip, self._root.port), timeout=seconds)
            except OSError as error:
                failure = error
                continue
            sock.setblocking(False)
            return sock
        if deadline.passed or isinstance(failure, TimeoutError):
            raise too_slow(address)
        refused = isinstance(failure, ConnectionRefusedError)
        raise SourceError(
            f"{address} refused the connection." if refused else f"{address} cannot be connected to.",
            reason="connection_refused" if refused else "connection_lost",
            retryable=True,
        )

    def _addresses(self, address: str) -> list[str]:
        origin = Origin(self._root.scheme, self._root.name, self._root.port)
        try:
            found = list(self._resolver(origin.host, origin.port))
        except OSError:
            found = []
        if not found:
            raise SourceError(
                f"{address} has a host name that cannot be resolved.", reason="domain_not_found", retryable=True
            )
        problems = {ip: address_problem(ip, origin, self._rules) for ip in found}
        allowed = [ip for ip, problem in problems.items() if problem is None]
        if not allowed:
            ip, problem = next(iter(problems.items()))
            raise SourceError(
                f"{address} leads to {ip}, {problem}; it was not connected to.",
                reason="private_address",
                retryable=False,
                remedy=address_remedy(ip.partition("%")[0], self._rules),
            )
        return allowed

    def _break_off(self) -> None:
        with self._lock:
            connection, self._connection, self._client = self._connection, None, None
        if connection is not None:

            async def abort() -> None:
                connection.abort()

            self._forget(abort)

    def _forget(self, call: Callable[[], Awaitable[object]]) -> None:
        """Closes something; what cannot be closed is gone already."""
        with Deadline(5) as deadline:
            try:
                wait_for(call, deadline, self._root.address)
            except Exception:  # noqa: BLE001 - nothing depends on it
                return

    def _address(self, path: str) -> str:
        return Place(self._root, path).address


async def _entry_of(client: Any, folder: str, name: Any) -> Entry | None:
    attributes = name.attrs
    if S_ISLNK(attributes.permissions or 0):
        try:
            attributes = await client.stat(f"{folder}/{name.filename}")
        except Exception as error:
            if type(error).__name__ in _NOT_FOUND:  # A link to nothing.
                return None
            raise
    return _entry(name.filename, attributes)


def _entry(name: str, attributes: Any) -> Entry | None:
    mode = attributes.permissions or 0
    if not (S_ISREG(mode) or S_ISDIR(mode)):
        return None
    moment = None if attributes.mtime is None else datetime.fromtimestamp(attributes.mtime, UTC)
    return Entry(name, S_ISDIR(mode), attributes.size or 0, None, moment)


def _known_hosts(environ: Mapping[str, str]) -> Path:
    named = environ.get(KNOWN_HOSTS_VARIABLE)
    path = Path(named) if named else Path(environ.get("HOME") or "~").expanduser() / ".ssh" / "known_hosts"
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise SourceError(
            f"There is no file of known hosts at {path}, and servers whose keys are unknown are not connected to.",
            reason="host_key_unknown",
            retryable=False,
            remedy=f"Put the server's key there, or name another file in {KNOWN_HOSTS_VARIABLE}.",
        )
    return path


def _explained(error: Exception, address: str, root: StoreRoot, known_hosts: Path) -> SourceError:
    kind = type(error).__name__
    if kind in _NOT_FOUND:
        return not_found(address)
    if kind in _REFUSED:
        return not_permitted(address)
    if kind == "HostKeyNotVerifiable":
        return SourceError(
            f"{root.address} showed a host key that is not the one in {known_hosts}, or is unknown there; nothing was sent.",
            reason="host_key_unknown",
            retryable=False,
            remedy=f"Compare it with what the server's people say, then add it: `ssh-keyscan -p {root.port} {root.name}`.",
        )
    if kind in _UNREADABLE_KEYS:
        return SourceError(
            f"The private key for {root.address} cannot be read, or is encrypted.",
            reason="credentials_missing",
            retryable=False,
            remedy="Put an unencrypted private key in OpenSSH's or PEM form into the variable.",
        )
    # The text of an error may quote what a server says; its kind is enough.
    return SourceError(f"{address} closed the connection ({kind}).", reason="connection_lost", retryable=True)
