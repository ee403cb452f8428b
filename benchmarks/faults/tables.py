"""Generated tables with faults that are known: each is read as it is, or refused with the row of its fault.

    python benchmarks/faults/tables.py [--tables N] [--bytes N] [--commands N] [--json FILE]

A table (of one to three channels, with one of several steps, delimiters, line ends and ways to write stamps) is made
from a seed, and none, one or two faults are planted in it, on lines that are known. It is read in process. Right is:
without a fault, the values are those that were written; with one, an error of ours (65) of one line, and where it names
a line, that of a fault. *Bytes*: the file of such a table with bytes changed, cut out, doubled, moved, or put in from
elsewhere, or bytes alone; nothing but a table or an error of ours may come. *Commands*: both kinds through `grucast
check`, which must end with 0 or 65 (66, 75) and no traceback. No try may last half a minute, and all of them together
may not take more memory than a gigabyte.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import Report, arguments, environment, grucast_command
from tally import Tally, shown

from grucast.core.config import ReadOptions
from grucast.core.errors import DataError, GrucastError
from grucast.data.reading import Reading, read_panel

MOST_MEMORY = 1 << 30
ALLOWED = (2, 65, 66, 75)
INSERTED = (b'"', b"\n", b"\r", b",", b";", b"\xff\xfe", b"\xef\xbb\xbf", b"\0", b"1e308", b"-9999", b"nan", b"\xc3",
            b"#", b"=1+1", b"2024-01-01")
STEPS = {"h": 3_600, "D": 86_400, "15min": 900, "min": 60}


@dataclass
class Made:
    """A table as lines, what was written into it, and the faults planted."""

    lines: list[str]
    values: list[list[float]]  # of each row, in order of time
    delimiter: str
    end: str
    faults: list[tuple[str, int]]  # what, and the physical line

    def content(self) -> bytes:
        """The bytes of the file."""
        return (self.end.join(self.lines) + self.end).encode()


def make(draw: random.Random) -> Made:
    """A table that can be read."""
    rows, channels = draw.randint(12, 40), draw.randint(1, 3)
    step, start = draw.choice(list(STEPS.values())), np.datetime64("2023-01-02T00:00:00")
    delimiter, end = draw.choice(",,,;\t"), draw.choice(["\n", "\n", "\r\n"])
    stamps = start + np.arange(rows) * np.timedelta64(step, "s")
    scale = 10.0 ** draw.randint(-3, 6)
    values = [[round(scale * (2 + draw.random()), 6) for _ in range(channels)] for _ in range(rows)]
    written = draw.choice([str, lambda one: str(one).replace("T", " "), lambda one: f"{one}Z"])
    lines = [delimiter.join(["ds", *(f"load{at}" for at in range(channels))])]
    lines += [delimiter.join([written(ds), *map(repr, row)]) for ds, row in zip(stamps, values, strict=True)]
    return Made(lines, values, delimiter, end, [])


# ---- faults: each changes a line and says which; the reading must end with an error there -----------


def _cells(made: Made, at: int) -> list[str]:
    return made.lines[at].split(made.delimiter)


def word_for_a_number(made: Made, at: int, draw: random.Random) -> None:
    """A cell that is no number."""
    cells = _cells(made, at)
    cells[draw.randrange(1, len(cells))] = draw.choice(["broken", "1.2.3", "--", "12h", "0x1F", "inf", "1e999", "1 2"])
    made.lines[at] = made.delimiter.join(cells)


def no_stamp(made: Made, at: int, draw: random.Random) -> None:
    """A stamp that is none, or missing."""
    cells = _cells(made, at)
    cells[0] = draw.choice(["", "yesterday", "2023-13-45", "2023-02-30T00:00:00", "12:00"])
    made.lines[at] = made.delimiter.join(cells)


def a_field_more(made: Made, at: int, draw: random.Random) -> None:
    """A line with more fields than the header."""
    made.lines[at] += made.delimiter + draw.choice(["1", "x", "2.5"])


def a_field_less(made: Made, at: int, _: random.Random) -> None:
    """A line with fewer fields."""
    made.lines[at] = made.delimiter.join(_cells(made, at)[:-1])


def a_nul(made: Made, at: int, draw: random.Random) -> None:
    """A NUL byte."""
    place = draw.randint(0, len(made.lines[at]))
    made.lines[at] = made.lines[at][:place] + "\0" + made.lines[at][place:]


def twice(made: Made, at: int, _: random.Random) -> None:
    """The stamp of the line before, with other values."""
    before, cells = _cells(made, at - 1), _cells(made, at)
    made.lines[at] = made.delimiter.join([before[0], *(f"{1e-9 + 7 * float(one)!r}" for one in cells[1:])])


def far_away(made: Made, _at: int, _: random.Random) -> None:
    """The last stamp a century later."""
    cells = _cells(made, len(made.lines) - 1)
    cells[0] = "2" + "1" + cells[0][2:]
    made.lines[-1] = made.delimiter.join(cells)


FAULTS: tuple[Callable[[Made, int, random.Random], None], ...] = (
    word_for_a_number, no_stamp, a_field_more, a_field_less, a_nul, twice, far_away)


def faulty(draw: random.Random) -> Made:
    """A table with none, one or two faults."""
    made = make(draw)
    places = draw.sample(range(2, len(made.lines) - 2), 2)
    for at in places[: draw.choice((0, 1, 1, 2))]:
        fault = draw.choice(FAULTS)
        fault(made, at, draw)
        made.faults.append((fault.__name__, len(made.lines) if fault is far_away else at + 1))
    return made


# ---- judging -------------------------------------------------------------------------------------


def read(path: Path, content: bytes) -> Reading | GrucastError:
    """What reading these bytes gives."""
    path.write_bytes(content)
    try:
        return read_panel([str(path)], ReadOptions(), now=path.stat().st_mtime + 3600)
    except GrucastError as error:
        return error


def judge(path: Path, made: Made) -> None:
    """AssertionError where the table is not read as it was written, or the fault not found."""
    found = read(path, made.content())
    said = f"{made.faults} gave {found}"
    if isinstance(found, GrucastError):
        assert made.faults, f"refused without a fault: {found}"
        assert found.exit_code == 65, said
        assert "\n" not in str(found), said
        if isinstance(found, DataError) and found.line is not None:
            lines = {line for _, line in made.faults} | {line + 1 for what, line in made.faults if what == "twice"}
            assert found.line in lines, said
        return
    assert not made.faults, f"{said}: read"
    y = np.concatenate([one.y for one in found.panel.series])
    assert y.tolist() == made.values, "other values than were written"


def garbled(draw: random.Random) -> bytes:
    """The bytes of a table after an accident, or bytes alone."""
    content = bytearray(faulty(draw).content())
    for _ in range(draw.randint(1, 6)):
        at, size = draw.randrange(len(content) + 1), draw.choice((1, 1, 2, 8, 64))
        kind = draw.choice(("change", "cut", "double", "insert", "move"))
        piece = bytes(content[at : at + size])
        if kind == "change":
            content[at : at + size] = draw.randbytes(len(piece))
        elif kind == "cut":
            del content[at : at + size]
        elif kind == "double":
            content[at:at] = piece
        elif kind == "insert":
            content[at:at] = draw.choice((*INSERTED, draw.randbytes(size)))
        else:
            del content[at : at + size]
            place = draw.randrange(len(content) + 1)
            content[place:place] = piece
    if draw.random() < 0.05:
        return draw.randbytes(draw.randint(0, 3000))
    return bytes(content)


def allowed(found: Reading | GrucastError) -> None:
    """AssertionError for an error that is not one for data."""
    if isinstance(found, GrucastError):
        assert found.exit_code in ALLOWED, f"{found.exit_code}: {found}"
        assert "\n" not in str(found)


def through_check(path: Path, content: bytes) -> None:
    """AssertionError unless `grucast check` ends as it should."""
    path.write_bytes(content)
    done = subprocess.run([*grucast_command(), "check", str(path), "-q"], env=environment(), capture_output=True,
                          check=False)
    assert done.returncode in (0, 65, 66, 75), f"{done.returncode} {done.stderr[-300:]!r}"
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") <= 1, done.stderr[-300:]


def turns(seed: int, count: int) -> Iterator[tuple[str, random.Random]]:
    """A name and a generator of its own for each try."""
    return ((f"seed {seed}:{turn}", random.Random(f"{seed}:{turn}")) for turn in range(count))


def labelled(folder: Path, count: int, seed: int) -> Tally:
    """Tables with known faults."""
    tally = Tally("generated tables with labelled faults")
    for name, draw in turns(seed, count):
        with tally.attempt(name):
            judge(folder / "made.csv", faulty(draw))
    return tally


def fuzzed(folder: Path, count: int, seed: int) -> Tally:
    """Tables after an accident to their bytes."""
    tally = Tally("bytes changed, cut out, doubled, moved, or alone")
    for name, draw in turns(seed + 1, count):
        with tally.attempt(name):
            allowed(read(folder / "garbled.csv", garbled(draw)))
    return tally


def commanded(folder: Path, count: int, seed: int) -> Tally:
    """Both kinds through the installed command."""
    tally = Tally("both kinds through `grucast check`")
    for turn, (name, draw) in enumerate(turns(seed + 2, count)):
        with tally.attempt(name):
            through_check(folder / "made.csv", faulty(draw).content() if turn % 2 else garbled(draw))
    return tally


def measure(folder: Path, options: argparse.Namespace) -> Iterator[Tally]:
    """A tally for each of the three, as they come."""
    yield labelled(folder, options.tables, options.seed)
    yield fuzzed(folder, options.bytes, options.seed)
    yield commanded(folder, options.commands, options.seed)


def main() -> int:
    """Measure and print; 1 when anything went wrong."""
    parser = arguments(__doc__ or "", data=False)
    parser.add_argument("--tables", type=int, default=100_000, help="tables with labelled faults")
    parser.add_argument("--bytes", type=int, default=20_000, help="tables with bytes changed")
    parser.add_argument("--commands", type=int, default=1_000, help="tables through the command")
    options = parser.parse_args()
    report = Report("faults/tables", options)
    with tempfile.TemporaryDirectory() as scratch:
        wrong = shown(report, "Generated tables", measure(Path(scratch), options))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"at most {memory / 1e6:.0f} MB of memory")
    return int(wrong or memory > MOST_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
