"""Dagster's daemon as a module: `python -m livedash_pipeline.defs.daemon run --workspace FILE`.

`livedash demo` and `livedash dev` start it so. Only its command, `dagster-daemon`, is public, and the installer decides where
the command's file is; the installed metadata names the function behind it. Add nothing here: `local.processes` starts and stops
the daemon.
"""

from importlib.metadata import entry_points


def main() -> None:
    """Runs `dagster-daemon` with the arguments of this process."""
    (command,) = set(entry_points(group="console_scripts", name="dagster-daemon"))
    command.load()()


if __name__ == "__main__":
    main()
