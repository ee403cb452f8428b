"""Typer as grucast uses it: words stay words, help is plain text in sections, names are guessed at.

Typer turns every word into a value with pydantic, which costs a cold run 0.1 s; here the callback of an
option does that (`cli/options.py`), and its messages are ours. Typer has no seam for a class of
parameters, so theirs are given a subclass once they are made.
"""

from __future__ import annotations

import csv
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from grucast.core.errors import UsageError
from grucast.core.registry import did_you_mean


def _process_value(self: Any, ctx: Any, value: Any) -> Any:
    """What the callback makes of `value`, the words as they are."""
    if (self.multiple or self.nargs != 1) and value is not None and not isinstance(value, (list, tuple)):
        value = [value]  # one word in a configuration file
    return value if self.callback is None else self.callback(ctx, self, value)


def _value_from_envvar(self: Any, ctx: Any) -> Any:
    """The words in the environment; several are written as a line of CSV."""
    text: str | None = self.resolve_envvar_value(ctx)
    if text is None or not (self.multiple or self.nargs != 1):
        return text
    return next(csv.reader([text], skipinitialspace=True))


class _Option(TyperOption):  # no mixin: a change of class needs the layout of Typer's own
    process_value = _process_value
    value_from_envvar = _value_from_envvar

    def get_help_record(self, ctx: Any) -> tuple[str, str] | None:
        """The names and the help, without the name that switches the option off."""
        record = super().get_help_record(ctx)
        return record and (record[0].partition(" / ")[0], record[1])


class _Argument(TyperArgument):
    process_value = _process_value
    value_from_envvar = _value_from_envvar

    def get_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is Typer's
        name = f"{self.metavar}{'...' * (self.nargs != 1)}"
        return [name if self.required else f"[{name}]"]


class _Plain:
    """A command whose parameters are as typed and whose help has a section for each kind of option."""

    params: list[Any]

    def get_params(self, ctx: Any) -> list[Any]:
        """All parameters, those that Typer adds included."""
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in params:
            if type(one) is TyperOption:
                one.__class__ = _Option
            elif type(one) is TyperArgument:
                one.__class__ = _Argument
        return params

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section of help for each panel."""
        sections: dict[str, list[Any]] = {"Arguments": [], "Options": []}
        for one in self.get_params(ctx):
            record = one.get_help_record(ctx)
            if record is not None and one.param_type_name == "argument":
                sections["Arguments"].append((one.metavar, record[1]))
            elif record is not None:
                panel = getattr(one, "rich_help_panel", None) or "Options"  # the help option has none
                sections.setdefault(panel, []).append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is Typer's
        """Write the example, line by line as it stands."""
        epilog: str | None = getattr(self, "epilog", None)
        if epilog:
            formatter.write_paragraph()
            formatter.write("".join(f"{line}\n" for line in epilog.splitlines()))


class Command(_Plain, TyperCommand):
    """One command."""


class Group(_Plain, TyperGroup):
    """All commands."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, then the options."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, or a UsageError that guesses which was meant."""
        command = super().get_command(ctx, cmd_name)
        if command is None and not ctx.resilient_parsing:
            raise UsageError(f"no command {cmd_name!r}{did_you_mean(cmd_name, self.commands)}")
        return command
