"""Run the examples of the documentation, compare what they print, and write it anew: `python docs/run_blocks.py PAGE`.

A fenced block is run when a line `<!-- run -->` stands above it. The blocks of a page run one after the other
in one new folder that holds `sample_data`. In a `console` block each line that begins with `$ ` is a command
and what follows is its output, both streams together; `python` and `sh` blocks are run whole; a block that names a
file is written to it. After `run` the comment may hold

    exact        the output is that, to the letter; else numbers may differ
    exit 65      the last command ends with this code
    terminal     what is printed is a table, as on a terminal
    to load.csv  the block is what this file holds

An output line of `…` stands for lines that are left out. Figures that wait for a run are written `?`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^<!-- run(?P<how>[^>]*) -->\n```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])(?:[0-9a-f]{64}|[-+]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|\?)(?=[\s%,;:)]|$)")
VERDICT = re.compile(r"^(no )?skill\b.*|^(grucast: )?note: .*: no skill over .*")
LEFT_OUT = "…"


@dataclass(frozen=True)
class Block:
    """One block of a page: what kind it is, how it is run, and where its text lies in the page."""

    kind: str
    how: tuple[str, ...]
    body: str
    start: int
    stop: int

    @property
    def exact(self) -> bool:
        """Whether the output is compared to the letter."""
        return "exact" in self.how

    @property
    def code(self) -> int:
        """The exit code that the last command should have."""
        return int(self.how[self.how.index("exit") + 1]) if "exit" in self.how else 0


@dataclass(frozen=True)
class Step:
    """A command, what the page says it prints, what it printed, and how it ended."""

    command: str
    shown: tuple[str, ...]
    printed: tuple[str, ...]
    code: int


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a page that are run."""
    for found in BLOCK.finditer(text):
        yield Block(found["kind"], tuple(found["how"].strip(": ").split()), found["body"], found.start("body"),
                    found.end("body"))


def run(block: Block, folder: Path, environ: Mapping[str, str]) -> list[Step]:
    """Run a block in `folder`; a step for each command."""
    if "to" in block.how:
        (folder / block.how[block.how.index("to") + 1]).write_text(block.body, encoding="utf-8")
        return []
    if block.kind == "python":
        return [_step([sys.executable, "-c", block.body], block.body, (), folder, environ)]
    if block.kind == "sh":
        return [_step(["sh", "-ec", block.body], block.body, (), folder, environ)]
    table = {**environ, "GRUCAST_FORMAT": "table"} if "terminal" in block.how else environ
    return [_step(["sh", "-ec", command], command, shown, folder, environ if " -o " in command else table)
            for command, shown in _commands(block.body)]


def _commands(body: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The commands of a console block, each with the output below it; a command goes on after a backslash."""
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        last = next(at for at, line in enumerate(lines) if not line.endswith("\\"))
        yield "\n".join(lines[: last + 1]), tuple(lines[last + 1 :])


def _step(
    words: Sequence[str], command: str, shown: tuple[str, ...], folder: Path, environ: Mapping[str, str]
) -> Step:
    ran = subprocess.run(words, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL,  # noqa: S603
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    printed = ran.stdout.decode("utf-8", "replace").splitlines()
    return Step(command, shown, tuple(line.rstrip() for line in printed), ran.returncode)


def shape(line: str) -> str:
    """A line without its figures: what must be the same in every run."""
    if VERDICT.match(line):
        return "verdict"
    return " ".join(NUMBER.sub("#", line.replace(" epochs ", " epoch ")).split())


def missing(step: Step, *, exact: bool) -> list[str]:
    """The shown lines that were not printed in this order; verdicts depend on the figures and may be absent."""
    key = str if exact else shape
    rest = iter([key(line) for line in step.printed])
    wanted = [key(line) for line in step.shown if line != LEFT_OUT]
    return [line for line in wanted if line != "verdict" and line not in rest]


def page_folder(folder: Path) -> Path:
    """`folder` with what the examples begin from."""
    shutil.copytree(ROOT / "sample_data", folder / "sample_data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return folder


def clean_environment() -> dict[str, str]:
    """The environment without settings of ours; this Python's programs come first, and they run this tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRUCAST_")}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return kept | {"PATH": programs, "PYTHONPATH": str(ROOT)}


def refreshed(text: str, folder: Path) -> str:
    """The page `text` with every shown line as it is printed now."""
    out, at = [], 0
    for block in blocks(text):
        steps = run(block, folder, clean_environment())
        if steps and steps[-1].code != block.code:
            raise SystemExit(f"{steps[-1].command}\nends with {steps[-1].code}:\n" + "\n".join(steps[-1].printed))
        out.append(text[at : block.start])
        at = block.stop if block.kind == "console" else block.start
        if block.kind == "console":
            out += [f"$ {step.command}\n" + "".join(f"{line}\n" for line in _fresh(step)) for step in steps]
    return "".join([*out, text[at:]])


def _fresh(step: Step) -> Iterator[str]:
    """The shown lines with the figures of this run; what has another shape now is said on standard error."""
    at = 0
    for line in step.shown:
        if line == LEFT_OUT:
            yield line
            continue
        found = next((place for place in range(at, len(step.printed)) if shape(step.printed[place]) == shape(line)), -1)
        if found < 0:
            sys.stderr.write(f"{step.command}: no line like {line!r} any more\n")
            continue
        at = found + 1
        yield step.printed[found]


def main(pages: Sequence[str]) -> None:
    """Write the outputs of `pages` anew, with the defaults of grucast."""
    for page in map(Path, pages):
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(refreshed(page.read_text(encoding="utf-8"), page_folder(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
