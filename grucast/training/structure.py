"""From options in rows to what stands in and around the cell, in steps; and which options go together."""

from __future__ import annotations

from collections.abc import Sequence

from grucast.core.config import NetworkOptions, Structure, WindowSpec
from grucast.core.errors import UsageError


def plan_cell(options: NetworkOptions) -> str:
    """The cell asked for; where none is, the one that `--delay` belongs to, else a GRU."""
    return options.cell or ("gru" if options.structure.delay is None else "tau-gru")


def plan_structure(options: NetworkOptions, window: WindowSpec, seasons: Sequence[int]) -> Structure:
    """What stands in and around the cell. UsageError where an option could do nothing, or two contradict each other."""
    asked, cell = options.structure, plan_cell(options)
    rows = rows_of_a_step(options, window)
    steps = -(-window.context_length // rows)
    if asked.delay is not None and cell != "tau-gru":
        raise UsageError(f"--delay goes with --cell tau-gru, not with --cell {cell}")
    if asked.dilations and options.layers not in (1, len(asked.dilations)):
        raise UsageError(f"--dilations {','.join(map(str, asked.dilations))} makes {len(asked.dilations)} layers, "
                         f"--layers {options.layers} does not go with it: leave --layers out")
    if asked.attention and options.objective == "reconstruct":
        raise UsageError("--attention goes with --objective forecast or both: what is rebuilt asks nothing")
    for name, values in (("--skip", (asked.skip,)), ("--dilations", asked.dilations), ("--delay", (asked.delay,))):
        most = window.context_length - (rows if name == "--delay" else 0)
        if any(value is not None and value > most for value in values):
            raise UsageError(f"{name} reaches {max(filter(None, values))} rows back, but the context has "
                             f"{window.context_length}; give a larger --context-length")
    return Structure(
        bidirectional=asked.bidirectional,
        attention=asked.attention,
        activation=asked.activation,
        delay=_delay(asked.delay, rows, steps, seasons) if cell == "tau-gru" else 0,
        skip=in_steps(asked.skip, rows, steps) if asked.skip else 0,
        dilations=tuple(in_steps(one, rows, steps) for one in asked.dilations),
        hybrid=asked.hybrid,
        period=_period(window, seasons) if asked.hybrid == "es" else 0,
    )


def rounding_notes(options: NetworkOptions, window: WindowSpec) -> list[str]:
    """A note for each distance that is not a whole number of steps, and is taken as the nearest one."""
    asked, rows = options.structure, rows_of_a_step(options, window)
    steps = -(-window.context_length // rows)
    distances = [("--delay", asked.delay), ("--skip", asked.skip), *(("--dilations", one) for one in asked.dilations)]
    return [f"{name} {distance}: taken as {rows * in_steps(distance, rows, steps)} rows, as a step of this network "
            f"is a segment of {rows}" for name, distance in distances if distance and distance % rows]


def rows_of_a_step(options: NetworkOptions, window: WindowSpec) -> int:
    """The rows that one step of the cell reads."""
    return window.segment if options.network == "segment" else 1


def in_steps(distance: int, rows: int, steps: int) -> int:
    """A distance in rows as whole steps of `rows` rows each, one at least and `steps` at most."""
    return min(max(1, round(distance / rows)), steps)


def _delay(asked: int | None, rows: int, steps: int, seasons: Sequence[int]) -> int:
    """Steps between the present state and the delayed one: as asked, or the longest season that fits, or a quarter.

    One step less than there are, at most: else nothing would ever come back. A context of one step has none.
    """
    fitting = [season for season in seasons if season <= rows * (steps - 1)]
    found = asked or max(fitting, default=rows * steps // 4)
    return min(in_steps(found, rows, steps), steps - 1)


def _period(window: WindowSpec, seasons: Sequence[int]) -> int:
    """The shortest season of which the context holds two; 0 without one."""
    return min((season for season in seasons if 1 < season <= window.context_length // 2), default=0)
