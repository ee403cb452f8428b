"""All commands, in the order of the help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module

import typer

from grucast import __version__
from grucast.cli.options import Listing
from grucast.cli.shell import Group

MODULES: Mapping[str, str] = {  # of this package, by the command that each registers
    "train": "training",
    "forecast": "forecasting",
    "detect-anomalies": "detecting",
    "backtest": "backtesting",
    "evaluate": "evaluating",
    "explain": "explaining",
    "update": "updating",
    "tune": "tuning",
    "export": "exporting",
    "inspect": "models",
    "check": "doctor",
    "status": "monitoring",
}
_LISTED = (["--help"], ["-h"], ["--version"])  # no option of any command; no word at all may be a shell completing one


def command(arguments: list[str]) -> int:
    """Run what the words of the command line say and return its exit code."""
    named = arguments[:1] if arguments[:1] and arguments[0] in MODULES else MODULES
    app = build(named, kind=Listing if arguments in _LISTED else typer.Typer)
    code = typer.main.get_command(app).main(args=arguments, prog_name="grucast", standalone_mode=False)
    return code if isinstance(code, int) else 0


def build(names: Iterable[str] = MODULES, *, kind: type[typer.Typer] = typer.Typer) -> typer.Typer:
    """The command line with the commands `names`: a cold run imports and makes only its own, which saves 50 ms."""
    app = kind(cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False,
               context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
    app.callback(invoke_without_command=True, epilog="Example:\n  grucast train data.csv\n  grucast forecast")(_root)
    for name in names:
        import_module(f"grucast.cli.{MODULES[name]}").register(app)
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

