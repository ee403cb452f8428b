"""Settings as TOML that `train --config` takes: the names of the options, nothing that is a default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

NOT_OF_A_MODEL = ("max_seconds", "threads", "device")  # how tune ran, not what it found


def set_by(options: Any) -> Iterator[tuple[str, Any]]:
    """The settings of `options`, down to the last nested group, that are not the default."""
    plain = type(options)()
    for one in fields(options):
        value = getattr(options, one.name)
        if is_dataclass(value):
            yield from set_by(value)
        elif value != getattr(plain, one.name):
            yield one.name, value


def as_toml(groups: Sequence[Any], comments: Sequence[str]) -> str:
    """A line for each setting of groups of options (how to read, how to train), under what is said of them."""
    said = "".join(f"# {line}\n" for comment in comments for line in comment.splitlines())
    lines = [f"{name} = {_value(value)}\n" for options in groups for name, value in set_by(options)
             if name not in NOT_OF_A_MODEL]
    return said + "".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML knows no pairs of surrogates
    return repr(value)


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON values: seasons as a list."""
    return {name: [int(word) for word in value.split(",")] if name == "season" else value
            for name, value in settings.items()}
