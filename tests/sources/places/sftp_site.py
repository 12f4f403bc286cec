"""An SFTP server on 127.0.0.1 with a folder of its own, a user with a password and a key, and what goes wrong on request."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "acme", "s3cret-pw"


@dataclass
class SftpSite:
    """Where it is, and what it does: `cut_after` bytes of any file it answers as if the file ended there."""

    folder: Path
    known_hosts: Path
    port: int = 0
    user_key: str = ""
    cut_after: int | None = None
    logins: list[str] = field(default_factory=list)
    before_reading: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        return f"sftp://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        return {"LIVEDASH_SFTP_KNOWN_HOSTS": str(self.known_hosts), "SFTP_USER": USER, "SFTP_PASSWORD": PASSWORD}


class _Server(asyncssh.SSHServer):
    def __init__(self, site: SftpSite) -> None:
        self._site = site

    def begin_auth(self, username: str) -> bool:
        self._site.logins.append(username)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


def _files_of(site: SftpSite) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=os.fsencode(site.folder))

        def read(self, file_obj: object, offset: int, size: int) -> bytes:
            if site.before_reading is not None:
                meddle, site.before_reading = site.before_reading, None
                meddle()
            if site.cut_after is not None:
                size = max(min(size, site.cut_after - offset), 0)
            data: bytes = super().read(file_obj, offset, size)  # type: ignore[assignment]
            return data

    return Files


@contextmanager
def running_sftp(folder: Path, known_hosts: Path) -> Iterator[SftpSite]:
    """Serves `folder`, and writes its host key into `known_hosts`."""
    site = SftpSite(folder, known_hosts)
    host_key, user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    site.user_key = user_key.export_private_key().decode()
    authorized = known_hosts.with_name("authorized_keys")
    authorized.write_bytes(user_key.export_public_key())
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            server_factory=lambda: _Server(site),
            authorized_client_keys=str(authorized),
            sftp_factory=_files_of(site),
        )

    async def stop(acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()
        await acceptor.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    acceptor = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        site.port = acceptor.get_port()
        known_hosts.write_bytes(f"[127.0.0.1]:{site.port} ".encode() + host_key.export_public_key())
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(stop(acceptor), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
