"""What lies in `deploy`: locks, the bill of materials, and examples whose command lines are those of the commands."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from email.message import Message
from pathlib import Path

import pytest

from tests.command import run_installed

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def load(name):
    spec = importlib.util.spec_from_file_location(f"deploy_{name}", DEPLOY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lock, sbom = load("lock"), load("sbom")


class Installed:
    """A package as its metadata tell of it."""

    def __init__(self, name, version, requires=(), **more):
        self.version, self.requires, self.metadata = version, list(requires), Message()
        self.metadata["Name"] = name
        for key, value in more.items():
            self.metadata[key.replace("_", "-")] = value


# ---- locks ---------------------------------------------------------------------------------------


def packaged(name, version, **info):
    return {"metadata": {"name": name, "version": version}, "download_info": info}


def test_a_lock_names_version_and_hash_by_name_and_no_place():
    one = packaged("Typing_Extensions", "4.1", url="https://somewhere/x.whl", archive_info={"hashes": {"sha256": "ab"}})
    two = packaged("numpy", "2.0", url="https://somewhere/y.whl", archive_info={"hashes": {"sha256": "cd"}})
    assert list(lock.locked_lines({"install": [one, two]})) == [
        "numpy==2.0 \\\n    --hash=sha256:cd", "typing-extensions==4.1 \\\n    --hash=sha256:ab"]


def test_a_package_without_a_hash_is_not_locked():
    with pytest.raises(ValueError, match="here has no hash"):
        list(lock.locked_lines({"install": [packaged("here", "1", url="file:///here", dir_info={})]}))


def test_a_box_for_scoring_has_all_but_the_heavy_ones():
    names = [lock.bare_name(one) for one in lock.requirements("score", PROJECT)]
    assert names == ["numpy", "rich", "safetensors", "typer", "tzdata"]


def test_the_lock_for_scoring_has_what_is_asked_for_and_hashes_only():
    text = (DEPLOY / "score.lock").read_text()
    locked = re.findall(r"^([a-z0-9-]+)==\S+ \\\n    --hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert {"numpy", "rich", "safetensors", "typer", "tzdata"} <= set(locked)
    assert not lock.HEAVY & set(locked)
    assert text.count("\n") == 1 + 2 * len(locked)


# ---- the bill of materials -----------------------------------------------------------------------


def test_a_bill_says_what_there_is_and_what_needs_what():
    made = sbom.bill([
        Installed("Small_Part", "2.1+cpu", Classifier="License :: OSI Approved :: MIT License"),
        Installed("grucast", "0.9", ["small.part>=2", "absent", "plot-thing; extra == 'plot'"],
                  License_Expression="MIT"),
        Installed("plot-thing", "7"),
    ])
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.5", 1)
    assert made["metadata"]["component"] == {
        "type": "application", "bom-ref": "pkg:pypi/grucast@0.9", "name": "grucast", "version": "0.9",
        "purl": "pkg:pypi/grucast@0.9", "licenses": [{"expression": "MIT"}]}
    assert [(one["name"], one["purl"], one.get("licenses")) for one in made["components"]] == [
        ("plot-thing", "pkg:pypi/plot-thing@7", None),
        ("small-part", "pkg:pypi/small-part@2.1%2Bcpu", [{"license": {"name": "MIT License"}}])]
    assert {one["ref"]: one["dependsOn"] for one in made["dependencies"]} == {
        "pkg:pypi/grucast@0.9": ["pkg:pypi/small-part@2.1%2Bcpu"], "pkg:pypi/plot-thing@7": [],
        "pkg:pypi/small-part@2.1%2Bcpu": []}


def test_the_same_environment_gives_the_same_bill_and_another_one_another_number():
    parts = [Installed("grucast", "1"), Installed("other", "2")]
    assert sbom.bill(parts) == sbom.bill(reversed(parts))
    assert sbom.bill(parts)["serialNumber"] != sbom.bill([parts[0], Installed("other", "3")])["serialNumber"]


def test_without_grucast_there_is_no_bill():
    with pytest.raises(LookupError, match="grucast is not installed"):
        sbom.bill([Installed("other", "2")])


# ---- examples ------------------------------------------------------------------------------------


UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def started(unit):
    return shlex.split(re.search(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)[1])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_what_a_unit_starts_runs_and_says_nothing_where_nothing_is_new(unit, tiny):
    words = [word if word != "35d" else "36500d" for word in started(unit)[1:]]  # the rows of the test are old
    first, second = (run_installed(*words, folder=tiny) for _ in range(2))
    assert (first.code, first.err) == (0, "")
    assert (second.code, second.out, second.err) == (0, "", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_a_unit_and_its_timer(unit, tmp_path):
    text = unit.read_text().replace(started(unit)[0], sys.executable)  # what is started must be there
    timer = unit.with_suffix(".timer")
    (tmp_path / unit.name).write_text(text)
    shutil.copyfile(timer, tmp_path / timer.name)
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / unit.name, tmp_path / timer.name],
                          capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if unit.stem in line]  # not what this machine lacks elsewhere
    assert (done.returncode, said) == (0, [])


@pytest.mark.parametrize("name", ["Dockerfile.score", "Dockerfile.train"])
def test_what_a_dockerfile_copies_is_here(name):
    text = (DEPLOY / name).read_text()
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert copied
    assert all((ROOT / word).exists() for word in copied)
