"""The command line, generated from dataclasses.

A command is a function whose parameters are dataclasses; their fields, down to the last nested one, are
its options. `core/config.py` says what `option` may hold; fields that only a command has may also hold

    argument   True: a positional argument, not an option
    required   True: an argument that cannot be left out
    short      a short name such as "-o"
    panel      the section of the help it stands in; that of its class otherwise

Every option may also come from GRUCAST_NAME and, where there is a --config, from a TOML file; the
command line wins over the environment, the environment over the file.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from grucast.cli.shell import Command
from grucast.core.errors import InputMissing, UsageError
from grucast.core.registry import did_you_mean
from grucast.detection.rules import THRESHOLDS
from grucast.networks import ACTIVATIONS, CELLS, NETWORKS

_REGISTRIES = {"activation": ACTIVATIONS, "cell": CELLS, "network": NETWORKS, "rule": THRESHOLDS}
_PANELS = {"ColumnOptions": "Columns", "TimeOptions": "Time", "FormatOptions": "File format", "RowOptions": "Rows",
           "WindowOptions": "Windows and seasons", "NetworkOptions": "Network", "StructureOptions": "Network",
           "FitOptions": "Training",
           "ValueOptions": "Values and intervals", "DetectOptions": "Scores", "AlarmOptions": "Alarms",
           "StateOptions": "From run to run", "ArrivalOptions": "From run to run",
           "MonitorOptions": "Monitoring"}
_METAVARS: Mapping[type, str] = {int: "N", float: "F", str: "TEXT", Path: "FILE"}
_ELSEWHERE = ("Every option may also be given in the environment: GRUCAST_TIME_COL for --time-col.\n"
              "What is switched on elsewhere is switched off by --no-quiet, --header and the like.")
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclasses.dataclass(frozen=True, slots=True)
class Word:
    """One option or argument: the field it stands for and what its text may be."""

    name: str  # of the field
    kind: type  # of one value: str, int, float, bool or Path
    many: bool  # a tuple
    default: Any
    meta: Mapping[str, Any]
    panel: str

    @property
    def flag(self) -> str:
        """`--time-col`, or DATA for an argument."""
        if self.meta.get("argument"):
            return str(self.meta.get("metavar", self.name.upper()))
        return "--" + self.name.replace("_", "-")

    @property
    def undone(self) -> str:
        """`--no-quiet` for `--quiet`, `--header` for `--no-header`: what switches off a switch that is on elsewhere."""
        return f"--{self.flag[5:]}" if self.flag.startswith("--no-") else f"--no-{self.flag[2:]}"

    @property
    def repeatable(self) -> bool:
        """Whether it may stand several times, as opposed to once with a comma list."""
        return self.many and not self.meta.get("comma")

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be chosen, () for no such list."""
        choices = self.meta.get("choices", ())
        return _REGISTRIES[choices.removeprefix("registry:")].names() if isinstance(choices, str) else choices

    @property
    def metavar(self) -> str:
        """What stands for the value in the help."""
        plain = str(self.meta.get("metavar") or "|".join(self.choices) or _METAVARS.get(self.kind, ""))
        return f"{plain},..." if self.meta.get("comma") else plain

    @property
    def help(self) -> str:
        """The help, with bounds and default."""
        low, high = self.meta.get("low"), self.meta.get("high")
        extra = []
        if low is not None or high is not None:
            extra.append(f"{low} to {high}" if high is not None else f"at least {low}")
        if self.default not in (None, (), False):
            many = isinstance(self.default, tuple)
            extra.append(f"default {','.join(map(str, self.default)) if many else self.default}")
        return f"{self.meta['help']}  [{'; '.join(extra)}]" if extra else str(self.meta["help"])


# ---- from dataclasses to words -------------------------------------------------------------------


def words(kind: type[Any]) -> Iterator[Word]:
    """The words of a dataclass and of those nested in it, in the order of the fields."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from words(typing.cast(type[Any], hint))
            continue
        arguments = typing.get_args(hint)
        many = typing.get_origin(hint) is tuple
        panel = field.metadata.get("panel", _PANELS.get(kind.__name__, ""))
        one = arguments[0] if many or isinstance(hint, types.UnionType) else hint
        yield Word(field.name, one, many, field.default, field.metadata, panel)


def build(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """A `kind` with the fields that `values` gives, those of nested dataclasses included."""
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: _built(hints[field.name], field.name, values) for field in dataclasses.fields(kind)})


def _built(hint: Any, name: str, values: Mapping[str, Any]) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type[Any], hint), values)
    value = values[name]  # Typer gives several as a list, and none as None
    return tuple(value or ()) if typing.get_origin(hint) is tuple else value


class Listing(typer.Typer):
    """A command line that is asked for its commands only: their options, 500 of them, are not made."""


def offer(app: typer.Typer, name: str, *, example: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of dataclasses the command `name` of `app`; `example` ends its help."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        parts = typing.get_type_hints(function)
        parts.pop("return")

        def command(**values: Any) -> Any:
            return function(*(build(kind, values) for kind in parts.values()))

        kinds = () if isinstance(app, Listing) else parts.values()
        parameters = [_parameter(word) for kind in kinds for word in words(kind)]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {}
        app.command(name, cls=Command, help=function.__doc__, epilog=f"{_ELSEWHERE}\n\nExample:\n  {example}")(command)
        return function

    return register


def _parameter(word: Word) -> inspect.Parameter:
    annotation = bool if word.kind is bool else list[str] if word.repeatable else str
    common: dict[str, Any] = {
        "help": word.help, "metavar": word.metavar or None, "show_default": False, "show_envvar": False,
        "callback": _callback(word), "autocompletion": _completion(word) if word.choices else None,
        "rich_help_panel": word.panel or None}
    if word.meta.get("argument"):
        default = typer.Argument(... if word.meta.get("required") else None, **common)
    else:
        short = [word.meta["short"]] if "short" in word.meta else []
        flag = f"{word.flag}/{word.undone}" if word.kind is bool else word.flag
        default = typer.Option(None, *short, flag, envvar=f"GRUCAST_{word.name.upper()}",
                               is_eager=word.name == "config", **common)
    return inspect.Parameter(word.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _callback(word: Word) -> Callable[..., Any]:
    def convert(ctx: typer.Context, value: Any) -> Any:
        if ctx.resilient_parsing:  # while a shell completes a line that is not finished
            return value
        if value is None:
            if word.meta.get("required"):
                raise UsageError(f"{word.flag} is missing; see {ctx.command_path} --help")
            return word.default
        source = ctx.get_parameter_source(word.name)
        origin = source.name if source is not None else ""
        name = {"ENVIRONMENT": f"GRUCAST_{word.name.upper()}",
                "DEFAULT_MAP": f"{ctx.meta.get('config', '--config')}: {word.name}"}.get(origin, word.flag)
        found = parse(word, value, name)
        if word.name == "config":
            ctx.meta["config"] = str(found)
            ctx.default_map = read_config(found, [one.name for one in ctx.command.params if one.name])
        return found

    return convert


def _completion(word: Word) -> Callable[..., list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [one for one in word.choices if one.startswith(incomplete)]

    return complete


# ---- from words to values ------------------------------------------------------------------------


def parse(word: Word, value: Any, name: str) -> Any:
    """The value that `value` means: a text, several of them, or what a TOML file held; `name` is for errors."""
    if word.kind is bool:
        return _truth(value, name)
    if not word.many:
        if isinstance(value, list):
            raise UsageError(f"{name}: takes one value")
        return _one(word, _text(value, name), name)
    if word.repeatable or isinstance(value, list):
        texts = [_text(one, name) for one in (value if isinstance(value, list) else [value])]
    else:
        texts = [one.strip() for one in _text(value, name).split(",")]
    return tuple(_one(word, text, name) for text in texts)


def _text(value: Any, name: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise UsageError(f"{name}: {value!r} is not a text or a number")
    return str(value)


def _truth(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if text not in _YES + _NO:
        raise UsageError(f"{name}: {value!r} is not true or false")
    return text in _YES


def _one(word: Word, text: str, name: str) -> Any:
    """One value of the kind of `word`, inside its bounds and choices."""
    if word.choices and text not in word.choices:
        raise UsageError(f"{name}: {text!r} is not one of {', '.join(word.choices)}{did_you_mean(text, word.choices)}")
    if word.kind is Path:
        if not text or "\0" in text:
            raise UsageError(f"{name}: the name of a file is missing")
        return Path(text)
    if word.kind is str:
        return text
    value = _number(word.kind, text, name)
    low, high = word.meta.get("low", -math.inf), word.meta.get("high", math.inf)
    if not low <= value <= high:
        bounds = f"at least {low}" if high == math.inf else f"between {low} and {high}"
        raise UsageError(f"{name}: {text} is not {bounds}")
    return value


def _number(kind: type, text: str, name: str) -> int | float:
    if kind is int:
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text):
            raise UsageError(f"{name}: {text!r} is not a whole number")
        return int(text)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{name}: {text!r} is not a number")
    return value


def read_config(path: Path, known: list[str]) -> dict[str, Any]:
    """The settings of a TOML file: the names of the options, `-` and `_` alike.

    Errors: InputMissing; UsageError for what is no TOML and for a name that this command does not have.
    """
    import tomllib  # only here: 5 ms that no other run should pay

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputMissing(f"--config {path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:  # also what is not UTF-8
        raise UsageError(f"--config {path}: not TOML: {error}") from error
    settings = {key.replace("-", "_"): value for key, value in table.items()}
    for key, value in settings.items():
        if key not in known or key == "config":
            raise UsageError(f"{path}: no option {key!r}{did_you_mean(key, known)}")
        if isinstance(value, dict):
            raise UsageError(f"{path}: {key} is a table; the options stand at the top, as {key} = ...")
    return settings
