"""Model files that were damaged or forged: none is accepted, none costs anything, none runs anything.

A small model (60 KB) is trained and then damaged in process: single flipped bits, every length it could be cut to,
bytes after its end, blocks zeroed or exchanged. Then it is forged, its digest made to fit: one value of its manifest,
one array, or its table of arrays is replaced by something hostile; it must be refused, or forecast finite numbers. All
of it under an audit hook that counts code, files, sockets and processes as wrong. Last, what is no regular file, and
headers that ask for 10^9 dimensions, through the installed command: 78 within a second of the processor and 100 MB
above a plain refusal.

    python benchmarks/faults/damage.py [--flips N] [--forged N] [--every N] [--json FILE]
"""

from __future__ import annotations

import copy
import importlib
import os
import pkgutil
import random
import subprocess
import sys
import tempfile
import warnings
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import Report, arguments, environment, grucast_command
from forging import forged, parts, sealed
from tally import Tally, shown, small_model

import grucast.inference
from grucast.artifacts.store import decode
from grucast.core.config import ReadOptions
from grucast.core.errors import GrucastError, ModelError
from grucast.data.reading import read_panel
from grucast.workflows.drift import check_frequency, check_level
from grucast.workflows.forecast import forecast_panel
from grucast.workflows.learning.model_file import unpack
from grucast.workflows.serving import first_row

FORBIDDEN = ("exec", "compile", "import", "open", "socket.", "subprocess.", "os.", "shutil.", "ctypes.", "pickle.",
             "marshal.", "urllib.", "http.", "tempfile.", "code.__new__")
LIMIT_SECONDS, LIMIT_BYTES = 1.0, 100 << 20


class Watch:
    """An audit hook, on only while something is judged."""

    def __init__(self) -> None:
        self.on, self.seen = False, []  # type: tuple[bool, list[str]]
        sys.addaudithook(self._hear)

    def _hear(self, event: str, detail: tuple[Any, ...]) -> None:
        if self.on and event.startswith(FORBIDDEN):
            self.seen.append(f"{event} {str(detail)[:100]}")

    def judged(self, work: Any, *what: Any) -> None:
        """Call `work`; AssertionError for anything that it did beside computing."""
        self.seen.clear()
        self.on = True
        try:
            work(*what)
        finally:
            self.on = False
        assert not self.seen, f"it did {self.seen[0]}"


def refused(content: bytes) -> None:
    """AssertionError unless `content` is refused."""
    try:
        decode(content)
    except ModelError:
        return
    raise AssertionError("accepted")


# ---- accidents -----------------------------------------------------------------------------------


def flips(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """The file with one bit turned, everywhere alike."""
    for bit in random.Random(seed).choices(range(8 * len(content)), k=count):
        turned = bytearray(content)
        turned[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit}", bytes(turned)


def cuts(content: bytes, every: int) -> Iterator[tuple[str, bytes]]:
    """The file cut to each `every`-th length."""
    return ((f"length {length}", content[:length]) for length in range(0, len(content), every))


def blocks(content: bytes, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """What a disk does: a block zeroed, two exchanged, one written twice, bytes after the end."""
    draw = random.Random(seed)
    for _ in range(count):
        size = draw.choice((512, 4096))
        one, other = (draw.randrange(0, len(content) - size) // size * size for _ in range(2))
        changed = bytearray(content)
        kind = draw.choice(("zeroed", "exchanged", "twice", "longer"))
        if kind == "zeroed":
            changed[one : one + size] = bytes(size)
        elif kind == "longer":
            changed += draw.randbytes(draw.randint(1, size))
        else:
            changed[one : one + size] = content[other : other + size]
            if kind == "exchanged":
                changed[other : other + size] = content[one : one + size]
        if changed != content:
            yield f"{kind} {one} {other}", bytes(changed)


# ---- on purpose ----------------------------------------------------------------------------------


class Judge:
    """What a forged file does when it is used: refused, or a forecast of finite numbers (or of none, 65)."""

    def __init__(self, data: Path):
        self.data, self.used = str(data), 0
        self.panels: dict[Any, Any] = {}

    def __call__(self, content: bytes) -> None:
        try:
            artifact = decode(content)
            model = unpack(artifact)
            manifest = artifact.manifest
            if manifest.model.objective == "reconstruct" or manifest.window.horizon > 10_000:
                return
            panel = self._panel(manifest.layout)
            check_frequency(panel, self.data)
            check_level(panel, artifact, self.data)
            found = forecast_panel(panel, model, manifest.window.horizon, first_row(manifest))
        except GrucastError:
            return
        self.used += 1
        assert all(np.isfinite(one.quantiles).all() or np.isnan(one.quantiles).all() for one in found), "not finite"

    def _panel(self, layout: Any) -> Any:
        if layout not in self.panels:  # reading opens a file, which is not what is judged here
            WATCH.on = False
            try:
                self.panels[layout] = read_panel([self.data], ReadOptions(), layout=layout).panel
            finally:
                WATCH.on = True
        return self.panels[layout]


# ---- through the command -------------------------------------------------------------------------


def special(folder: Path, content: bytes) -> dict[str, Path]:
    """Things that are no model file, some of them large."""
    header, arrays = parts(content)
    first = next(name for name in header if name != "__metadata__")
    found = {name: folder / f"{name}.grucast" for name in (
        "link", "pipe", "folder", "terabyte", "zeros", "dimensions", "deep", "empty", "text")}
    found |= {"device": Path("/dev/zero"), "null": Path("/dev/null")}
    found["link"].symlink_to(folder / "load.grucast")
    os.mkfifo(found["pipe"])
    found["folder"].mkdir()
    with found["terabyte"].open("wb") as file:
        file.truncate(1 << 40)
    found["zeros"].write_bytes(bytes(1 << 20))
    many = copy.deepcopy(header)
    many[first]["shape"] = [10**9] * 1000
    found["dimensions"].write_bytes(sealed(many, arrays))
    text = b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000
    found["deep"].write_bytes(len(text).to_bytes(8, "little") + text)
    found["empty"].touch()
    found["text"].write_text("ds,y\n2024-01-01,1\n" * 1000)
    return found


def cost(words: list[str], folder: Path) -> tuple[int, str, float, int]:
    """Exit code, standard error, seconds of the processor and bytes of memory of a command."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([*grucast_command(), *words], cwd=folder, env=environment(), stderr=said,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        return process.returncode, said.read().decode(), used.ru_utime + used.ru_stime, used.ru_maxrss * unit


def through_the_command(folder: Path, content: bytes) -> Tally:
    """Each special file given to three commands: 78, one line, and no more than a plain refusal costs."""
    tally = Tally("no regular file, or a hostile one, through the command")
    (folder / "cut.grucast").write_bytes(content[:-1])
    files = special(folder, content)
    before = sorted(one.name for one in folder.iterdir())
    for command in (["inspect"], ["forecast", "load.csv", "-q"], ["detect-anomalies", "load.csv", "-q"]):
        model = ["cut.grucast"] if command == ["inspect"] else ["-m", "cut.grucast"]
        _, _, plain_seconds, plain_bytes = cost([*command, *model], folder)
        for name, path in files.items():
            with tally.attempt(f"{command[0]} {name}"):
                code, said, seconds, size = cost([*command, *model[:-1], str(path)], folder)
                assert (code, said.count("\n")) == (78, 1), f"{code} {said}"
                assert seconds - plain_seconds < LIMIT_SECONDS, f"{seconds:.2f} s"
                assert size - plain_bytes < LIMIT_BYTES, f"{size >> 20} MB"
    assert sorted(one.name for one in folder.iterdir()) == before
    return tally


WATCH = Watch()


def warm_up() -> None:
    """Import what a registry may ask for, and silence warnings as the command does: both open files of ours."""
    warnings.simplefilter("ignore")
    zoneinfo.available_timezones()
    for one in pkgutil.walk_packages(grucast.inference.__path__, "grucast.inference."):
        importlib.import_module(one.name)


def in_process(what: str, files: Iterator[tuple[str, bytes]], judge: Any = refused) -> Tally:
    """Judge each of `files` under the audit hook."""
    tally = Tally(what)
    for name, content in files:
        with tally.attempt(name):
            WATCH.judged(judge, content)
    return tally


def measure(folder: Path, counts: tuple[int, int, int], seed: int) -> Iterator[Tally]:
    """A tally for flips, every n-th length, blocks, forged files and hostile ones, as they come."""
    content = small_model(folder).read_bytes()
    judge = Judge(folder / "load.csv")
    judge(content)  # what is imported once is imported now
    judge.used = 0
    warm_up()
    flipped, forgeries, every = counts
    yield in_process("one bit flipped", flips(content, flipped, seed))
    yield in_process(f"cut to {'every' if every == 1 else f'each {every}th'} length", cuts(content, every))
    yield in_process("a block zeroed, exchanged or twice, bytes after the end", blocks(content, flipped // 5, seed))
    yield in_process("forged, the digest made to fit", forged(content, forgeries, seed), judge)
    print(f"{judge.used} of the forged files could be used and forecast finite numbers; the others were refused")
    yield through_the_command(folder, content)


def main() -> int:
    """Measure and print; 1 when anything went wrong."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--flips", type=int, default=10_000, help="bits flipped")
    parser.add_argument("--forged", type=int, default=5_000, help="forged files")
    parser.add_argument("--every", type=int, default=1, help="try each N-th length")
    options = parser.parse_args()
    report = Report("faults/damage", options)
    with tempfile.TemporaryDirectory() as scratch:
        counts = (options.flips, options.forged, options.every)
        return shown(report, "Damaged and forged model files", measure(Path(scratch), counts, options.seed))


if __name__ == "__main__":
    sys.exit(main())
