"""The door: `grucast` and `python -m grucast` come in here."""

from __future__ import annotations

import os
import sys

_PARALLEL = (["train"], ["tune"])  # backtest has processes instead


def main() -> None:
    """Run the command line and leave with its exit code."""
    if not sys.platform.startswith(("linux", "darwin")):
        sys.stderr.write(f"grucast: error: {sys.platform} is not supported; grucast runs on Linux and macOS\n")
        sys.exit(2)
    try:
        from grucast.cli import boundary

        code = boundary.run(_command, sys.argv[1:])
        boundary.rest()
    except KeyboardInterrupt:  # while the modules were still being imported
        code = 130
    sys.exit(code)


def _command(arguments: list[str]) -> int:
    if arguments[:1] not in _PARALLEL:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy starts threads: a third of a cold run's CPU time
    from grucast.cli.commands import command  # after the signals are heeded: it imports Typer

    return command(arguments)
