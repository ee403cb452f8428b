"""The page of methods names nothing that is not there, and leaves out no cell, structure, activation or optimizer."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from grucast.core.config import HYBRIDS, OPTIMIZERS, StructureOptions
from grucast.networks import ACTIVATIONS, CELLS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reference" / "methods.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.splitlines()
        if line.startswith("| ") and not line.startswith("| named")]
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
SCRIPTS = sorted(set(re.findall(r"`((?:benchmarks|sample_data)/[\w.]+)`", PAGE)))
CHOICES = [f"--cell {one}" for one in CELLS.names()] + [f"--activation {one}" for one in ACTIVATIONS.names()] + [
    f"--hybrid {one}" for one in HYBRIDS] + [f"--optimizer {one}" for one in OPTIMIZERS]


def test_every_row_has_an_option_a_test_and_a_benchmark_or_says_that_it_has_none():
    assert len(ROWS) >= 28
    assert {len(row) for row in ROWS} == {4}
    named = [row for row in ROWS if "::" not in row[2]]
    assert [row[0] for row in named] == ["speech, translation, text, music, images"]


@pytest.mark.parametrize(("file", "name"), TESTS, ids="::".join)
def test_every_test_that_is_named_exists(file, name):
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_benchmark_and_sample_that_is_named_exists(script):
    assert (ROOT / script).is_file()


@pytest.mark.parametrize("choice", CHOICES)
def test_every_cell_activation_hybrid_and_optimizer_is_on_the_page(choice):
    assert re.search(rf"`{re.escape(choice)}`", PAGE)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(StructureOptions)])
def test_every_structure_is_on_the_page(name):
    assert re.search(rf"`--{name}\b", PAGE)
