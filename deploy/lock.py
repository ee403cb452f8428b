"""Write a locked requirements file with hashes: `python deploy/lock.py score > deploy/score.lock`.

What is locked is what pip, asked on this machine and this Python, would install today; nothing is installed. `train` is
all that grucast depends on, `test` also the extra `test`, `score` what is left without torch, scikit-learn and pandas.
The file names versions and hashes and no place to fetch them from: that stays with the settings of pip. A hash is that
of the one file for this platform, so a lock belongs to a Python and a platform; both stand in its first line.

    python -m venv box
    box/bin/pip install --require-hashes -r deploy/score.lock
    box/bin/pip install --no-deps .
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
HEAVY = {"torch", "scikit-learn", "pandas"}  # only training, some baselines and local stamps with a zone need these
KINDS = ("score", "train", "test")


def requirements(kind: str, project: Mapping[str, Any]) -> list[str]:
    """What is asked of pip for `kind`, from the table `project` of pyproject.toml."""
    asked = list(project["dependencies"])
    if kind == "score":  # tzdata: slim containers have no database of zones
        return [one for one in asked if bare_name(one) not in HEAVY] + ["tzdata"]
    return asked + (project["optional-dependencies"]["test"] if kind == "test" else [])


def bare_name(requirement: str) -> str:
    """`Scikit_Learn>=1.5` is `scikit-learn`."""
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def locked_lines(report: Mapping[str, Any]) -> Iterable[str]:
    """A requirement with its hash for each package of a report of pip, by name. ValueError for one without a hash."""
    packages = [(bare_name(one["metadata"]["name"]), one) for one in report["install"]]
    for name, one in sorted(packages, key=lambda pair: pair[0]):
        sha = one["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if sha is None:
            raise ValueError(f"{name} has no hash; it does not come from an index")
        yield f"{name}=={one['metadata']['version']} \\\n    --hash=sha256:{sha}"


def ask_pip(asked: Iterable[str]) -> dict[str, Any]:
    """What pip would install, as its report."""
    words = ["install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", "-"]
    done = subprocess.run([sys.executable, "-m", "pip", *words, *asked], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


def main(words: list[str]) -> int:
    """Print the lock that the one word names."""
    if len(words) != 1 or words[0] not in KINDS:
        print(f"usage: python deploy/lock.py {'|'.join(KINDS)}", file=sys.stderr)
        return 2
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    lines = list(locked_lines(ask_pip(requirements(words[0], project))))
    where = f"Python {'.'.join(platform.python_version_tuple()[:2])}, {platform.system()}, {platform.machine()}"
    print(f"# {words[0]}: {where}; written by deploy/lock.py", *lines, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
