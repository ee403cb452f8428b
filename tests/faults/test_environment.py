"""Cron's environment: no HOME, no terminal, any umask, other users; and a quiet success leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.command import COMMAND, contents

QUIET = (("forecast", "-q", "-o", "next.csv"), ("detect-anomalies", "-q", "-o", "next.csv"))
BARE = {"PATH": "/usr/bin:/bin"} | ({"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {})


def run(words, folder: Path, environment, **more) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *words], cwd=folder, env=environment, capture_output=True, check=False, **more)


@pytest.mark.parametrize("more", [{}, {"LANG": "C", "LC_ALL": "C"}, {"HOME": "/nonexistent"}, {"TERM": "dumb"},
                                  {"TZ": "Asia/Kolkata"}, {"PYTHONWARNINGS": "error"}], ids=str)
def test_a_bare_environment_changes_nothing_and_a_quiet_success_says_nothing(tiny, more):
    usual = run(["forecast", "-q"], tiny, {**os.environ}, stdin=subprocess.DEVNULL).stdout
    before = contents(tiny)
    for words in QUIET:
        done = run(words, tiny, BARE | more, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        after = contents(tiny)
        written = after.pop("next.csv")
        assert after == before
        if words[0] == "forecast":
            assert written == usual
        (tiny / "next.csv").unlink()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_umask_alone_says_who_may_read_what_is_written(tiny, umask):
    done = run(["forecast", "-q", "-o", "next.csv", "--append", "history.csv"], tiny, BARE, umask=umask)
    assert done.returncode == 0
    for name in ("next.csv", "history.csv"):
        assert stat.S_IMODE((tiny / name).stat().st_mode) == 0o666 & ~umask


@pytest.fixture
def nobody():
    """Run the command as a user who owns nothing, in a folder of which all may read all."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        become = [shutil.which("setpriv") or "setpriv", "--reuid", "65534", "--inh-caps=-all", "--bounding-set=-all"]
        yield folder, lambda *words: subprocess.run([*become, *COMMAND, *words], cwd=folder, env=BARE, check=False,
                                                    capture_output=True, text=True)


def test_another_user_may_forecast_from_a_folder_that_is_not_theirs(nobody, trained_once):
    folder, run_as_nobody = nobody
    for name in ("load.csv", "load.grucast"):
        shutil.copyfile(trained_once / name, folder / name)
    if run_as_nobody("--version").returncode:
        pytest.skip("the Python of this machine is not for others to run")
    before = contents(folder)
    done = run_as_nobody("forecast", "-q")
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 25, "")
    done = run_as_nobody("forecast", "-q", "-o", "next.csv")
    assert (done.returncode, done.stdout) == (77, "")
    assert done.stderr == "grucast: error: cannot write next.csv: permission denied\n"
    (folder / "load.grucast").chmod(0o600)
    done = run_as_nobody("forecast", "-q")
    assert (done.returncode, done.stderr) == (77, "grucast: error: load.grucast: permission denied\n")
    assert contents(folder) == before
