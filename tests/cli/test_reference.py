"""The reference of the command line is what the commands say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_as_the_commands_are():
    spec = importlib.util.spec_from_file_location("generate_cli", DOCS / "generate_cli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    assert written == module.page(), "run python docs/generate_cli.py"


def documented(command: str) -> set[str]:
    """The keys that the page on JSON explains for a command."""
    text = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    section = text.partition(f"## grucast {command} --json\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall("`([^`]+)`", row)}


def test_every_key_of_inspect_is_explained(grucast, model):
    assert json.loads(grucast("inspect", "--json").out).keys() == documented("inspect")


def test_every_key_of_check_is_explained(grucast, tmp_path):
    (tmp_path / "load.csv").write_text("ds,y\n2024-01-01,1\n2024-01-02,3\n2024-01-03,2\n")
    assert json.loads(grucast("check", "load.csv", "--json").out).keys() == documented("check")


def test_every_key_of_train_and_forecast_is_explained(grucast, model, trained, forecasted):
    assert json.loads(grucast("train", "load.csv", "--json").out).keys() == documented("train")
    ledger = {"ledger", "flags"}  # with a state only, and where there is one, as their rows say
    assert json.loads(grucast("forecast", "--json").out).keys() == documented("forecast") - ledger
