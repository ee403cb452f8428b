"""A box without torch, scikit-learn, scipy and pandas forecasts and detects, and says what the rest needs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from grucast.cli.boundary import translate
from tests.command import clean_environment

LACKING = """
import sys
for one in ("torch", "sklearn", "scipy", "pandas"):
    sys.modules[one] = None  # importing it is a ModuleNotFoundError
from grucast.cli.app import main
main()
"""


def run(folder, *words):
    return subprocess.run([sys.executable, "-c", LACKING, *words], cwd=folder, env=clean_environment(), text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=300, check=False)


@pytest.mark.parametrize("words", [("forecast", "--state", "load.state"), ("detect-anomalies", "--state", "load.state"),
                                   ("inspect",), ("check", "load.csv"), ("status",), ("explain",)], ids=" ".join)
def test_what_scores_needs_none_of_them(tiny, words):
    ended = run(tiny, *words, "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)


def test_training_says_what_it_lacks(tiny):
    ended = run(tiny, "train", "load.csv", "-o", "new.grucast")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1] in {
        f"grucast: error: this needs {one}, which is not installed here: pip install {one}"
        for one in ("torch", "scikit-learn")}


def test_local_stamps_with_a_zone_say_that_they_need_pandas(tiny):
    ended = run(tiny, "check", "load.csv", "--tz", "Europe/Berlin")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "grucast: error: this needs pandas, which is not installed here: pip install pandas\n"


def test_another_module_that_is_not_there_is_a_bug():
    assert translate(ModuleNotFoundError("No module named 'grucast.nowhere'", name="grucast.nowhere")) is None
    assert translate(ImportError("torch is broken", name="torch")) is None
