"""An electrocardiogram from the dynamical model of McSharry and others, with labelled ventricular ectopic beats.

P. E. McSharry, G. D. Clifford, L. Tarassenko, L. A. Smith: A dynamical model for generating synthetic
electrocardiogram signals. IEEE Transactions on Biomedical Engineering 50(3):289-294, 2003. Equation (1):

    x' = alpha x - omega y,   y' = alpha y + omega x,   alpha = 1 - sqrt(x^2 + y^2)
    z' = - sum over i in {P, Q, R, S, T} of a_i dtheta_i exp(-dtheta_i^2 / (2 b_i^2)) - (z - z0)

with dtheta_i = (theta - theta_i) mod 2 pi, theta = atan2(y, x), z0(t) = A sin(2 pi f2 t), eq. (2).

Solved here without a general solver. From (x, y) on the unit circle the path stays on it, alpha = 0, and theta is
the integral of omega: the "phase" below. The z equation is then linear with a known drive, and over one small step

    z(t + h) = exp(-h) z(t) + h exp(-h / 2) drive(t + h / 2)

to second order in h. A test compares it with the three equations in a general solver.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sample_data.table import (
    SEED,
    Fault,
    Floats,
    Ints,
    Sample,
    labels,
    recursion,
    rounded,
    scattered,
    sizes_for,
    stream,
)

RATE = 125  # rows a second
SUBSTEPS = 8  # solver steps a row: 1 ms
SECONDS = 600
ECTOPICS = 24
FAULT_SIZES = (7.0, 8.5, 10.0)

TURN = 2.0 * np.pi
# Table I of the paper: events P, Q, R, S, T.
ANGLES = np.array([-np.pi / 3, -np.pi / 12, 0.0, np.pi / 12, np.pi / 2])
AMPLITUDES = np.array([1.2, -5.0, 30.0, -7.5, 0.75])
WIDTHS = np.array([0.25, 0.1, 0.1, 0.1, 0.4])
MILLIVOLTS = 25.0  # the paper scales z to -0.4 to 1.2 mV afterwards; this factor on a_i does it
WANDER = 0.15  # mV, A of equation (2)
LOW, HIGH = 0.1, 0.25  # Hz: Mayer waves f1, breathing f2

# An ectopic beat starts in the ventricle: no P, one broad main wave for Q, R and S, a broad T the other way.
ECTOPIC_WIDTHS = np.array([0.25, 0.1, 0.28, 0.1, 0.5])
ECTOPIC_SHAPE = np.array([0.0, 0.0, 1.0, 0.0, -0.35])  # heights, the main wave 1
ECTOPIC_SPAN = (-0.8, 2.8)  # radians about its main wave: the rows that are labelled
# Where the heart rests. A beat that comes early or late shortens or stretches this part of the turn, not the waves.
REST_FROM, REST_TO, REST_TO_ECTOPIC = 2.6, TURN - 1.7, TURN - 0.8


@dataclass(frozen=True)
class Beats:
    """The heart's turns: knots of the phase over time, and the events of each turn."""

    times: Floats  # (K,) seconds
    phases: Floats  # (K,) radians; 2 pi n at the main wave of beat n
    amplitudes: Floats  # (N, 5), in mV a second, as a_i times MILLIVOLTS
    widths: Floats  # (N, 5) radians


def ecg(seed: int = SEED, *, seconds: int = SECONDS, fault_sizes: Sequence[float] = FAULT_SIZES) -> Sample:
    """Give `time_s,mV,label` at 125 Hz for that many seconds.

    Faults are ventricular ectopic beats, about one in 30: early by a third of a beat, broad, tall, without a P wave,
    and followed by a pause that brings the next beat to where it would have been. Their main wave is a size of
    `fault_sizes` high, in turn, above where it starts (to a twentieth); one deviation is that of the whole signal
    without them (about 0.2 mV).
    No sizes: a healthy heart, and every sinus beat where it was.
    """
    rng = stream(seed, "ecg")
    regular = beat_times(rng, seconds)
    time = np.arange(seconds * RATE) / RATE
    hiss = 0.008 * rng.standard_normal(len(time))
    healthy = Beats(regular, TURN * np.arange(len(regular), dtype=np.float64), *_sinus_events(len(regular)))
    signal = voltage(healthy, seconds)
    faults: tuple[Fault, ...] = ()
    if fault_sizes:
        chance = stream(seed, "ecg faults")
        early = _chosen(chance, max(1, seconds * ECTOPICS // SECONDS), regular, seconds)
        sizes = np.abs(sizes_for(chance, len(early), fault_sizes))
        beats = with_ectopics(regular, early, sizes * np.std(signal), chance)
        signal = voltage(beats, seconds)
        faults = _faults(beats, early, sizes)
    columns = {"time_s": rounded(time, 3), "mV": rounded(signal + hiss, 3), "label": labels(len(time), faults)}
    return Sample(columns, {"time_s": ".3f", "mV": ".3f"}, faults)


def beat_times(rng: np.random.Generator, seconds: int) -> Floats:
    """Give when the sinus beats fall (N,), from before 0 until after the end, at 68 a minute.

    The time between beats varies with the two-humped spectrum of the paper's eq. (3),
    S(f) = 0.5 g(f; 0.1 Hz) + g(f; 0.25 Hz), g a Gaussian of 0.01 Hz, random phases, 0.04 s deviation in all.
    """
    rate = 4.0  # Hz, of the tachogram
    samples = int(rate * seconds * 1.25) + 64
    frequency = np.fft.rfftfreq(samples, 1.0 / rate)
    power = sum(w * np.exp(-0.5 * ((frequency - f) / 0.01) ** 2) for w, f in ((0.5, LOW), (1.0, HIGH)))
    wave = np.fft.irfft(np.sqrt(power) * np.exp(1j * TURN * rng.random(len(frequency))), samples)
    between: Floats = 60.0 / 68.0 + 0.04 * wave / np.std(wave)  # (S,) seconds
    times = [-1.5]
    while times[-1] < seconds + 3.0:
        times.append(times[-1] + float(between[int(rate * (times[-1] + 1.5))]))
    return np.array(times)


def voltage(beats: Beats, seconds: int) -> Floats:
    """Give z (seconds * 125,) in mV: the linear equation of the module's docstring, in steps of 1 ms."""
    step = 1.0 / (RATE * SUBSTEPS)
    middle = (np.arange(seconds * RATE * SUBSTEPS) - 0.5) * step
    phase = np.interp(middle, beats.times, beats.phases)
    drive = WANDER * np.sin(TURN * HIGH * middle)
    for event, angle in enumerate(ANGLES):
        turn = np.floor((phase - angle) / TURN + 0.5).astype(np.int64)  # the beat whose event is nearest
        off = phase - angle - TURN * turn  # dtheta, in -pi to pi
        width = beats.widths[turn, event]
        drive -= beats.amplitudes[turn, event] * off * np.exp(-0.5 * (off / width) ** 2)
    drive[0] = 0.0  # z(0) = 0
    return recursion(drive * step * np.exp(-step / 2.0), float(np.exp(-step)))[::SUBSTEPS]


def _sinus_events(count: int) -> tuple[Floats, Floats]:
    return np.tile(MILLIVOLTS * AMPLITUDES, (count, 1)), np.tile(WIDTHS, (count, 1))


def with_ectopics(regular: Floats, early: Ints, heights: Floats, rng: np.random.Generator) -> Beats:
    """Give the beats when those numbered `early` (E,) come from the ventricle, `heights` (E,) mV high."""
    cycle = np.diff(regular)  # (N - 1,)
    times = regular.copy()
    times[early] = regular[early - 1] + cycle[early - 1] * rng.uniform(0.62, 0.70, len(early))
    amplitudes, widths = _sinus_events(len(regular))
    # Event i lifts z by a_i b_i^2 / omega: z' integrated over half its Gaussian. The main one rises in the turn before,
    # and z loses about sqrt(pi / 2) b_i / omega of it meanwhile (first order; a twentieth), which is made up for here.
    omega = TURN / cycle[early - 1]
    heights = heights * (1.0 + np.sqrt(np.pi / 2.0) * ECTOPIC_WIDTHS[2] / omega)
    widths[early] = ECTOPIC_WIDTHS
    amplitudes[early] = heights[:, None] * ECTOPIC_SHAPE * omega[:, None] / ECTOPIC_WIDTHS**2
    rest_to = np.where(np.isin(np.arange(1, len(regular)), early), REST_TO_ECTOPIC, REST_TO)
    begin = times[:-1] + REST_FROM / TURN * cycle
    end = times[1:] - (1.0 - rest_to / TURN) * cycle
    start_phase = TURN * np.arange(len(cycle))
    knots = np.stack([times[:-1], begin, end], axis=1)
    phases = np.stack([start_phase, start_phase + REST_FROM, start_phase + rest_to], axis=1)
    return Beats(knots.ravel(), phases.ravel(), amplitudes, widths)


def _chosen(rng: np.random.Generator, count: int, regular: Floats, seconds: int) -> Ints:
    """Give the numbers (count,) of the ectopic beats, none in the first eighth, none beside another."""
    first, last = (int(np.searchsorted(regular, edge)) for edge in (seconds / 8.0, seconds - 3.0))
    return scattered(rng, count, (first, last), room=3)


def _faults(beats: Beats, early: Ints, sizes: Floats) -> tuple[Fault, ...]:
    edges = [np.interp(TURN * early + edge, beats.phases, beats.times) for edge in ECTOPIC_SPAN]
    rows = np.ceil(np.stack(edges, axis=1) * RATE).astype(np.int64)  # (E, 2)
    return tuple(
        Fault("ectopic", "mV", start, stop, size)
        for (start, stop), size in zip(rows.tolist(), sizes.tolist(), strict=True)
    )
