"""Write `docs/reference/cli.md` from the commands themselves: `python docs/generate_cli.py`.

A test fails while the page and the commands differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from grucast.cli.commands import MODULES, build

PAGE = Path(__file__).parent / "reference" / "cli.md"

INTRODUCTION = """\
# The command line

This page is written by `docs/generate_cli.py` from the commands; do not edit it.

Every option may also be given in the environment: `GRUCAST_TIME_COL` for `--time-col`, several values as a line of
CSV. `train` reads settings from a TOML file too (`--config`), by the names of its options. The command line wins over
the environment, the environment over the file. What is switched on in one of these is switched off on the command line
by the opposite name: `--no-quiet` for `--quiet`, `--header` for `--no-header`.
"""

EXIT_CODES = """\
## Exit codes

| code | meaning |
|---|---|
| 0 | done, anomalies or not |
| 2 | the command line is wrong |
| 10 | done, and there are events, with `detect-anomalies --fail-on-anomaly` only |
| 65 | the data are bad |
| 66 | the input is not there or cannot be read |
| 70 | a bug of ours; the line says where the report lies |
| 73 | the output cannot be created |
| 74 | an input/output error, a full disk; a command of `--on-event` that failed, after all else is done |
| 75 | busy, or the input is changing: try later |
| 77 | permission |
| 78 | the model cannot be used |
| 130, 143 | interrupted, terminated; cleaned up |

An error is one line on standard error and nothing on standard output. `--debug` adds the traceback.
"""


def page() -> str:
    """The whole page."""
    commands = typer.main.get_command(build()).commands  # type: ignore[attr-defined]
    built = [text for name in MODULES for text in sections(name, commands[name])]
    return "\n".join([INTRODUCTION, *built, EXIT_CODES])


def sections(name: str, command: Any) -> Iterator[str]:
    """A command, or the commands that are gathered under its name."""
    for one, inner in getattr(command, "commands", {}).items():
        yield from sections(f"{name} {one}", inner)
    if not hasattr(command, "commands"):
        yield section(name, command)


def section(name: str, command: Any) -> str:
    """One command: what it does, its arguments and options, an example."""
    usage = " ".join(command.collect_usage_pieces(typer.Context(command)))
    example = command.epilog.partition("Example:\n  ")[2]
    tables = "\n".join(table(title, rows) for title, rows in panels(command.params))
    text = "\n".join(line.strip() for line in command.help.splitlines())
    return f"## grucast {name}\n\n{text.strip()}\n\n    grucast {name} {usage}\n    {example}\n\n{tables}"


def panels(params: list[Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The title of each panel with its names and meanings."""
    titles: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for one in params:
        if one.param_type_name == "argument":
            titles["Arguments"].append((one.metavar, one.help))
        else:
            shown = ", ".join(one.opts) + (f" {one.metavar}" if not one.is_flag else "")
            titles.setdefault(one.rich_help_panel or "Options", []).append((shown, one.help))
    yield from ((title, rows) for title, rows in titles.items() if rows)


def table(title: str, rows: list[tuple[str, str]]) -> str:
    """A table of names and meanings."""
    lines = "".join(f"| `{escaped(name)}` | {escaped(meaning)} |\n" for name, meaning in rows)
    return f"| {title} | |\n|---|---|\n{lines}"


def escaped(text: str) -> str:
    """`text` inside a table of Markdown."""
    return text.replace("|", "\\|").replace("*.", "\\*.").replace("  [", " [")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
