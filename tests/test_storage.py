"""What the operating system refuses to writers, in words, for every errno by which it does so."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from livedash_pipeline.errors import StorageError
from livedash_pipeline.scratch import scratch_directory
from livedash_pipeline.storage import failed_write, storage_error, writing
from tests.machine_limits import as_nobody, full_device, small_files, unwritable

# Whatever a writer can meet, and whether a setting has to change before it can go on.
REFUSALS = {
    errno.ENOSPC: False,
    errno.EDQUOT: False,
    errno.EFBIG: False,
    errno.EMFILE: False,
    errno.ENFILE: False,
    errno.EIO: False,
    errno.EROFS: True,
    errno.EACCES: True,
    errno.EPERM: True,
    errno.ENAMETOOLONG: True,
    errno.ENOTDIR: True,
    errno.EISDIR: True,
    errno.ELOOP: True,
    errno.ENOENT: True,
}


@pytest.mark.parametrize(("number", "is_setting"), REFUSALS.items(), ids=lambda value: errno.errorcode.get(value, ""))
def test_every_refusal_names_what_where_and_why(number: int, is_setting: bool) -> None:
    failed = storage_error(OSError(number, os.strerror(number)), "A spool", "/tmp/x", setting="TMPDIR")
    assert failed.message.startswith("A spool could not be written to /tmp/x: ")
    assert os.strerror(number) not in failed.message, "the words are ours"
    assert failed.remedy.endswith("(TMPDIR).")
    assert (failed.exit_status, failed.errno) == (2 if is_setting else 1, number)
    assert storage_error(OSError(number, ""), "A spool", "/tmp/x").exit_status == 1


@pytest.mark.parametrize(
    "number", [errno.EACCES, errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE]
)
def test_an_unexplained_error_that_does_not_tell_of_a_write_says_opened(number: int) -> None:
    for named, subject in ((("/etc/secret",), "/etc/secret"), ((), "A file")):
        failed = failed_write(OSError(number, "x", *named))
        assert failed is not None
        assert failed.message.startswith(f"{subject} could not be opened: ")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_an_unexplained_error_that_tells_of_a_write_says_written(number: int) -> None:
    failed = failed_write(OSError(number, "x", "/data/file"))
    assert failed is not None
    assert failed.message.startswith("A file could not be written to /data/file: ")


def test_only_what_tells_of_a_write_is_taken_for_one() -> None:
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENAMETOOLONG, errno.EFBIG):
        assert isinstance(failed_write(OSError(number, "x")), StorageError)
    for other in (ConnectionRefusedError(errno.ECONNREFUSED, "x"), FileNotFoundError(errno.ENOENT, "x"), ValueError()):
        assert failed_write(other) is None


def test_a_reader_that_has_gone_is_no_full_disk() -> None:
    with pytest.raises(BrokenPipeError), writing("The answer", "stdout"):
        raise BrokenPipeError(errno.EPIPE, "gone")


def test_what_really_happens_on_a_disk_is_said(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="no space is left there"),
        writing("A file", "/dev/full"),
        os.fdopen(full_device(), "wb") as full,
    ):
        full.write(b"x")
        full.flush()
    with pytest.raises(StorageError, match="limit for files"), small_files(10), writing("A file", tmp_path):
        (tmp_path / "large").write_bytes(b"x" * 100)
    for words, place in unwritable(tmp_path).items():
        with pytest.raises(StorageError, match=words), scratch_directory("spool", place):
            pass
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.owner() != "root" or parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o755)
    with pytest.raises(StorageError, match="permission is denied"), as_nobody(), writing("A file", locked):
        (locked / "new").write_bytes(b"x")
