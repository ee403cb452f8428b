"""What scores and judges the rows of one series one after the other, and its bytes, with which a later run goes on.

Everything that a row leaves behind for the next ones is in a machine: the forecasts that are not yet past, the running
averages, the repeats of a value, the peaks that a rule has learned from. The last rows themselves are not; they are
kept beside it (`kept.py`), so that a value that was corrected is right for whoever looks back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grucast.artifacts.state_arrays import pack, unpack
from grucast.core.arrays import Array
from grucast.core.errors import InternalError, ModelError
from grucast.core.series import Clock, Columns, Series
from grucast.detection.pareto import Tail
from grucast.detection.thresholds.dynamic import DynamicStream
from grucast.detection.thresholds.pot import LARGEST, PeakStream
from grucast.detection.thresholds.stream import Stream
from grucast.detection.verdict import CAUSES, Alarms, RowVerdicts
from grucast.forecasting.errors import Told, stride_of
from grucast.workflows.detect import Watchman
from grucast.workflows.detecting.follower import Beside, Follower, Model, rows_remembered
from grucast.workflows.serving import first_row

PEAK_NUMBERS = ("rows", "threshold", "fitted", "peak", "limit", "quiet")
WHOLE = ("rows", "fitted", "quiet")  # those that are counts


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What is said of a row: score, threshold, how rare that is, who called it, shares (C,), expected (C, 3).

    `doubted`: it comes after errors far beyond the usual ones.
    """

    score: float
    threshold: float
    p_value: float
    cause: int
    share: Array
    expected: Array
    doubted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """One series that is followed, and its judges."""

    follower: Follower
    verdicts: RowVerdicts

    @property
    def row(self) -> int:
        """The number of the next row."""
        return self.follower.row

    def push(self, ds: Any, y: Array, past: Array) -> Verdict:
        """What is said of the next row of the grid: values y (C,), NaN where missing, past covariates (P,)."""
        said = self.follower.push(ds, y, past)
        threshold, score, cause, p_value = self.verdicts.push(
            {"score": said.score, "sudden": said.sudden, "stuck": said.stuck})
        share = said.share
        if cause:
            share = np.zeros(len(share))
            share[said.leads[cause - 1]] = 1.0
        return Verdict(score, threshold, p_value, cause, share, said.expected, said.doubted)

    def learn(self, scores: Mapping[str, Sequence[float]]) -> None:
        """Let the rules take in rows that were judged elsewhere: what the judges named in `CAUSES` saw of them."""
        for name, stream in _streams(self.verdicts).items():
            for value in scores[name]:
                stream.push(value)

    def look_back(self, ds: npt.NDArray[Any], y: Array, past: Array) -> None:
        """Take for granted the rows before the next one (T,), (T, C), (T, P): as many as a context has, or all."""
        one = self.follower
        rows = min(one.length, len(ds))
        one.end = rows
        if rows:
            one.ds[:rows], one.y[:rows], one.past[:rows] = ds[-rows:], y[-rows:], past[-rows:]


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """Makes the machines of a job: a model, how rows are judged, and the clock of the data."""

    watchman: Watchman
    alarms: Alarms
    clock: Clock

    @property
    def context(self) -> int:
        """Rows of a context."""
        return self.watchman.model[0].window.context_length

    @property
    def stride(self) -> int:
        """Rows between the windows that judge."""
        return stride_of(self.watchman.model[0])

    def rows_kept(self, lateness: int) -> int:
        """The last rows of a series that are kept: as many as no average has forgotten, and those that may change."""
        own = rows_remembered(self.watchman.model[0], self.watchman.watch, self.watchman.scoring)
        return own + 2 * lateness + self.stride

    def knows(self, unique_id: str) -> bool:
        """Whether the model was trained on that series."""
        return unique_id in self.watchman.model[1].rows

    def scale_of(self, series: Series) -> Array:
        """The scale (C,) of a series, from its own rows where it is new."""
        return self.watchman.model[1].of(series)

    @property
    def columns(self) -> Columns:
        """The columns that rows are made of."""
        return self.watchman.artifact.manifest.layout.columns

    def fresh(self, unique_id: str, scale: Array, static: Array, *, row: int = 0) -> Machine:
        """The machine of a series of that scale (C,) and those covariates (S,), before row number `row`."""
        forecaster, scales = self.watchman.model
        if unique_id not in scales.rows:
            scales = scales.joined_by(unique_id, scale)
        first = first_row(self.watchman.artifact.manifest)
        model = Model(forecaster, scales, self.watchman.watch, self.watchman.scoring, self.clock, first)
        beside = Beside(len(self.columns.past), len(self.columns.known), static)
        follower = Follower(model, unique_id, scales.scale.shape[1], beside)
        follower.row = follower.started = row
        follower.scale = scale
        return Machine(follower, RowVerdicts(self.watchman.laws, self.alarms))


# ---- as bytes ------------------------------------------------------------------------------------


def pack_machine(machine: Machine) -> bytes:
    """What `unpack_machine` reads."""
    one = machine.follower
    told = list(one.errors.told)
    origin = 0 if one.origin is None else one.origin
    out: dict[str, npt.NDArray[Any]] = {
        "rows": np.array([one.row, one.started, origin, one.origin is not None], dtype=np.int64),
        "scale": np.zeros(one.channels) if one.scale is None else one.scale,
        "cutoff": np.array([cutoff for cutoff, _ in told], dtype=np.int64),
        "held": one.errors.held,
        "average": one.scores.average, "begun": one.scores.begun,
        "before": np.stack(one.sudden.before), "calm": one.sudden.calm,
        "last": one.stuck.last, "count": one.stuck.count,
        "static": one.beside.static,
        "doubt": np.array(one.doubt.recent, dtype=np.float64),
    }
    if told:
        out |= {name: np.stack([getattr(one, name) for _, one in told]) for name in ("median", "width", "expected")}
    for name, stream in _streams(machine.verdicts).items():
        out |= {f"{name}.{key}": value for key, value in _memory(stream).items()}
    return pack(out)


def rows_passed(content: bytes) -> int:
    """The number of the row that a packed machine waits for."""
    return int(unpack(content)["rows"][0])


def static_of(content: bytes) -> Array:
    """The covariates (S,) of the series whose machine was packed; none in a state of an older grucast."""
    return np.array(unpack(content).get("static", np.zeros(0)))


def unpack_machine(content: bytes, maker: Maker, unique_id: str) -> Machine:
    """The machine that was packed, which has to `look_back` before it goes on. ModelError where it is damaged."""
    found = unpack(content)
    try:
        machine = maker.fresh(unique_id, np.array(found["scale"]), np.array(found.get("static", np.zeros(0))))
        one = machine.follower
        one.row, one.started, origin, known = found["rows"].tolist()
        one.origin = origin if known else None
        one.errors.told = deque(_told(found))
        one.errors.held = found["held"]
        one.scores.average, one.scores.begun = found["average"], np.array(found["begun"])
        one.sudden.before.extendleft(found["before"][::-1])
        one.sudden.calm = found["calm"]
        one.stuck.last, one.stuck.count = found["last"], found["count"]
        for error in found.get("doubt", np.zeros(0)).tolist():  # a state of an older grucast has none
            one.doubt.take(error)
        for name, stream in _streams(machine.verdicts).items():
            mine = f"{name}."
            _remember(stream, {key.removeprefix(mine): found[key] for key in found if key.startswith(mine)})
    except (KeyError, ValueError) as error:
        raise ModelError(f"the state is damaged: {error}; move it away, and the next run begins a new one") from error
    return machine


def _told(found: Mapping[str, npt.NDArray[Any]]) -> Iterator[tuple[int, Told]]:
    """What the network said at windows whose horizon is not past; the rest of it has been used."""
    unseen = np.zeros((0, 0), dtype=np.float32)
    for at, cutoff in enumerate(found["cutoff"].tolist()):
        yield cutoff, Told(found["median"][at], found["width"][at], found["expected"][at], None, unseen, None, None)


def _streams(verdicts: RowVerdicts) -> dict[str, Stream]:
    """The judges that learn, by name."""
    return {name: stream for name, stream in ((CAUSES[0], verdicts.score), *verdicts.others.items())
            if isinstance(stream, (PeakStream, DynamicStream))}


def _memory(stream: Stream) -> dict[str, npt.NDArray[Any]]:
    if isinstance(stream, PeakStream):
        return {"peaks": np.array(stream.peaks[-LARGEST - 1:]), "count": np.array(len(stream.peaks), dtype=np.int64),
                "alarms": np.array(stream.alarms, dtype=np.float64), "law": np.array(astuple(stream.law)),
                "numbers": np.array([getattr(stream, name) for name in PEAK_NUMBERS], dtype=np.float64)}
    if isinstance(stream, DynamicStream):
        return {"window": np.array(stream.window),
                "numbers": np.array([stream.threshold, stream.row], dtype=np.float64)}
    raise InternalError(f"how {type(stream).__name__} is kept is not known")


def _remember(stream: Stream, found: Mapping[str, npt.NDArray[Any]]) -> None:
    """Put a stream where `_memory` found it."""
    if isinstance(stream, PeakStream):
        highest, stream.alarms = found["peaks"].tolist(), found["alarms"].tolist()
        stream.peaks = [-math.inf] * (int(found["count"]) - len(highest)) + highest  # the lower ones only count
        stream.law = Tail(*found["law"].tolist())
        for name, value in zip(PEAK_NUMBERS, found["numbers"].tolist(), strict=True):
            setattr(stream, name, int(value) if name in WHOLE else value)
    elif isinstance(stream, DynamicStream):
        stream.window = deque(found["window"].tolist(), maxlen=stream.window.maxlen)
        stream.threshold, stream.row = found["numbers"][0].item(), int(found["numbers"][1])
