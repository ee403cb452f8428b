"""Run a command and write what it cost: `measure.py FACTS LIMIT COMMAND…`, as a small process of its own.

The system counts a child's peak memory from its parent's on, as they are one until the child's program is loaded. So
the parent must be smaller than anything measured, which `compare.py` is not: this imports little, and runs with -I -S.
"""

import json
import os
import signal
import sys
import time


def main() -> None:
    """Run, wait, write; exit with the command's own status, 124 where it ran longer than LIMIT seconds."""
    facts, limit, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    began = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    late = []
    signal.signal(signal.SIGALRM, lambda *_: (late.append(True), os.kill(child, signal.SIGKILL)))
    signal.setitimer(signal.ITIMER_REAL, limit)
    _, status, used = os.wait4(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    wall = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    with open(facts, "w", encoding="utf-8") as file:  # noqa: PTH123, pathlib is not small
        json.dump({"wall": wall, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * unit}, file)
    sys.exit(124 if late else abs(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
