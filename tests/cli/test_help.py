"""Help is complete, quick, and has an example everywhere."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from grucast.cli import commands

NAMES = tuple(commands.MODULES)
HEAVY = ("numpy", "pandas", "torch", "sklearn", "scipy", "matplotlib", "rich", "pydantic", "safetensors")

IMPORTED = """
import sys
from grucast.cli import boundary
from grucast.cli.app import _command
boundary.run(_command, sys.argv[2:])
print(",".join(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["forecast", "-h"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    command = [sys.executable, "-c", IMPORTED, ",".join(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout
    assert done.stderr.strip() == ""


def test_inspecting_a_model_imports_no_pydantic_no_pandas_and_no_torch(model):
    command = [sys.executable, "-c", IMPORTED, ",".join(HEAVY), "inspect", str(model), "--json"]
    assert subprocess.run(command, capture_output=True, check=True, text=True).stderr.strip() == "numpy"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_has_help_with_an_example(grucast, name, flag):
    ran = grucast(name, flag)
    assert (ran.code, ran.err) == (0, "")
    assert f"Example:\n  grucast {name}" in ran.out


@pytest.mark.parametrize("words", [*((name,) for name in NAMES), ("evaluate", "anomalies")])
def test_every_option_stands_in_the_help_with_a_meaning(grucast, words):
    text = grucast(*words, "--help").out
    command = typer.main.get_command(commands.build())
    for word in words:
        command = command.commands[word]
    for one in command.params:
        assert one.help
        assert all(flag in text for flag in one.opts if flag.startswith("--"))


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--help", "--help"]])  # the last one makes all options
def test_the_help_lists_every_command(grucast, words):
    text = grucast(*words).out
    assert text == grucast("-h").out
    for name in NAMES:
        assert f"  {name} " in text


def complete(line: str) -> set[str]:
    """What bash would offer at the end of `line`."""
    words = line.split(" ")
    environment = {"_GRUCAST_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run([sys.executable, "-m", "grucast"], env={**os.environ, **environment}, capture_output=True,
                          check=True, text=True)
    return set(done.stdout.split())


def test_the_shell_completes_commands_options_and_choices():
    assert complete("grucast for") == {"forecast"}
    assert complete("grucast train --hor") == {"--horizon"}
    assert complete("grucast train --cell ") == {"gru", "gru-v1", "gru-simple", "lstm", "rnn", "mingru", "tau-gru"}
