"""All commands, in the order of the help."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import typer

from grucast import __version__
from grucast.cli import (
    backtesting,
    detecting,
    doctor,
    evaluating,
    explaining,
    exporting,
    forecasting,
    models,
    monitoring,
    training,
    tuning,
    updating,
)
from grucast.cli.shell import Command, Group
from grucast.core.errors import UsageError

BUILT: Mapping[str, Callable[[typer.Typer], None]] = {
    "train": training.register,
    "forecast": forecasting.register,
    "detect-anomalies": detecting.register,
    "backtest": backtesting.register,
    "evaluate": evaluating.register,
    "explain": explaining.register,
    "update": updating.register,
    "tune": tuning.register,
    "export": exporting.register,
    "inspect": models.register,
    "check": doctor.register,
    "status": monitoring.register,
}
UNBUILT: Mapping[str, str] = {}  # names of commands that are still to come, and what they will give


def command(arguments: list[str]) -> int:
    """Run what the words of the command line say and return its exit code."""
    named = arguments[:1] if arguments[:1] and arguments[0] in (*BUILT, *UNBUILT) else (*BUILT, *UNBUILT)
    code = typer.main.get_command(build(named)).main(args=arguments, prog_name="grucast", standalone_mode=False)
    return code if isinstance(code, int) else 0


def build(names: Iterable[str] = (*BUILT, *UNBUILT)) -> typer.Typer:
    """The command line with the commands `names`: a cold run saves 25 ms by making only its own."""
    app = typer.Typer(cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False,
                      context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
    app.callback(invoke_without_command=True, epilog="Example:\n  grucast train data.csv\n  grucast forecast")(_root)
    for name in names:
        if name in BUILT:
            BUILT[name](app)
        else:
            app.command(name, cls=Command, help=f"Not built yet: {UNBUILT[name]}.", add_help_option=False,
                        context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(_unbuilt)
    return app


def _root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", is_eager=True, help="Print the version.",
                                 callback=lambda value: _print_version(value)),
) -> None:
    """Forecast and watch time series with a small GRU."""
    del version
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help(), err=True)
        raise typer.Exit(2)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"grucast {__version__}")
        raise typer.Exit


def _unbuilt(ctx: typer.Context) -> None:
    raise UsageError(f"{ctx.info_name!r} is not built yet")
