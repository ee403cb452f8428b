"""No command opens a socket or starts a program, but the one that `--on-event` names.

Each command runs in a process of its own with an audit hook, which Python's own library tells what it does. At the
first event that is not for us the process ends with 99, so that nothing on the way can swallow it. What a library
does in C without Python's knowledge passes unseen. One program is let pass: `fc-list`, which matplotlib asks for the
fonts of the machine where it has no cache of them yet; only `--plot` imports matplotlib.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grucast.cli.commands import MODULES
from tests.command import TINY, clean_environment, hourly, write_lines

CAUGHT = 99
WATCHED = f"""
import os, sys

NOT_FOR_US = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.",
              "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.")

def watch(event, args):
    fonts = event == "subprocess.Popen" and args[0] == "fc-list" and "--plot" in sys.argv
    if event.startswith(NOT_FOR_US) and not fonts:
        os.write(2, f"caught: {{event}} {{args!r}}\\n".encode())
        os._exit({CAUGHT})

sys.addaudithook(watch)
if sys.argv[1].startswith("import "):
    exec(sys.argv.pop(1))
from grucast.cli.app import main
main()
"""
QUICK = (
    ("train", "load.csv", "-q", "-o", "new.grucast", *TINY),
    ("forecast", "-o", "next.csv"),
    ("forecast", "--state", "load.state", "--metrics-file", "load.prom", "--max-age", "36500d"),
    ("detect-anomalies", "--state", "load.state", "--scores", "scores.csv", "--json"),
    ("evaluate", "forecasts", "given.csv", "load.csv"),
    ("explain", "--top", "3"),
    ("inspect", "--json"),
    ("check", "load.csv"),
    ("status", "--max-age", "36500d"),
)  # fmt: skip
SLOW = (
    ("detect-anomalies", "--mode", "offline", "--plot", "events.html"),
    ("update", "more.csv"),
    ("backtest", "more.csv", "--model", "load.grucast"),
    ("tune", "load.csv", "--trials", "1", *TINY),
    ("export", "-o", "load.onnx"),
)


def watched(folder: Path, *words: str, first: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command under the hook; `first` is a statement run before it, which begins with `import`."""
    words = (first, *words) if first else words
    return subprocess.run([sys.executable, "-c", WATCHED, *words], cwd=folder, env=clean_environment(), text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=300, check=False)


@pytest.fixture
def folder(tiny) -> Path:
    write_lines(tiny / "given.csv", ["load,2024-01-02T00:00:00,101.5"], header="unique_id,ds,y_hat")
    write_lines(tiny / "more.csv", hourly(460))
    return tiny


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
def test_a_command_opens_no_socket_and_starts_no_program(folder, words):
    ended = watched(folder, *words)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", SLOW, ids=" ".join)
def test_a_long_command_opens_no_socket_and_starts_no_program(folder, words):
    ended = watched(folder, *words)
    assert ended.returncode in {0, 78}, ended.stderr  # 78: an update that is no better is not taken


def test_every_command_is_watched():
    assert {words[0] for words in (*QUICK, *SLOW)} == set(MODULES)


@pytest.mark.parametrize("first", ["import socket; socket.socket()", "import subprocess; subprocess.run(['true'])",
                                   "import os; os.system('true')", "import os; os.execv('/bin/true', ['true'])"])
def test_the_hook_sees_what_it_should(folder, first):
    ended = watched(folder, "check", "load.csv", first=first)
    assert (ended.returncode, ended.stdout) == (CAUGHT, "")
    assert ended.stderr.startswith("caught: ")


def test_on_event_starts_the_command_it_names_and_no_shell(folder):
    lines = (folder / "load.csv").read_text().splitlines()
    stamp = lines[350].split(",")[0]
    (folder / "load.csv").write_text("\n".join([*lines[:350], f"{stamp},900.0", *lines[351:]]) + "\n")
    ended = watched(folder, "detect-anomalies", "--on-event", "cat ; touch made")
    assert ended.returncode == CAUGHT
    assert ended.stderr.splitlines()[-1].startswith("caught: subprocess.Popen ('cat', ['cat', ';', 'touch', 'made']")
    assert not (folder / "made").exists()
