"""The manifest as JSON, and back with every key, type, choice and bound checked.

What is allowed is read from the dataclasses: their fields are the keys (all of them, no others), their
types the types. Bounds and choices come from the option of the same name in `core/config.py`; `_RULES`
adds those that no option has. Names in a registry ("gru") are only checked to be names: the registry
itself refuses what it does not hold. A new field is a new format: see `migrations.py`. Those of `_SELDOM` stand there
only where they say something, so that files of models that do not use them are what they were before there were any.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from grucast.core import config
from grucast.core.errors import ModelError
from grucast.core.results import Manifest

_TEXT_LIMIT = 100_000  # characters
_DEPTH_LIMIT = 8
_LARGEST = 2**53  # whole numbers up to here survive every JSON reader
_MANY = 1_000_000
_FOUND: dict[type[Any], dict[str, Any]] = {}  # by dataclass, see `_hints`

# (class, field) or field -> choices, or (low, high) inclusive
_RULES: Mapping[str, Mapping[str, Any]] = {
    "Columns.shape": {"choices": ("wide", "long")},
    "Clock.kind": {"choices": ("stamp", "epoch_s", "epoch_ms", "elapsed", "index", "row")},
    "WindowSpec.segment": {"low": 1, "high": 100_000},
    "WindowSpec.seasons": {"low": 1, "high": _MANY},
    "WindowSpec.fill": {"low": 1, "high": 100_000},
    "ModelConfig.channels": {"low": 1, "high": _MANY},
    "ModelConfig.objective": {"choices": config.OBJECTIVES},
    "ModelConfig.narrow": {"low": 0, "high": 4096},
    "ModelConfig.linear_rank": {"low": -1, "high": _MANY},
    "ModelConfig.seasonal": {"low": 1, "high": _MANY},
    "ModelConfig.effects": {"low": 0, "high": _MANY},
    "ModelConfig.quantile_levels": {"low": 0.0, "high": 1.0},
    "Structure.delay": {"low": 0, "high": 100_000},
    "Structure.skip": {"low": 0, "high": 100_000},
    "Structure.period": {"low": 0, "high": _MANY},
    "TrainingConfig.members": {"low": 1, "high": 1000},
    "TrainingConfig.weight_decay": {"low": 0.0, "high": 1e6},
    "DataFacts.path": {"relative": True},
    "Holidays.days": {"low": -_MANY, "high": 10 * _MANY},  # days from 1970 on
    "Holidays.first": {"low": -_MANY, "high": 10 * _MANY},
    "Holidays.last": {"low": -_MANY, "high": 10 * _MANY},
    "Manifest.members": {"low": 1, "high": 1000},
    "Manifest.format_version": {"low": 1},
}
_SELDOM = {"DataFacts.excluded", "DataFacts.excluded_labelled"}
_NO_BOUND = {"Clock.step", "ValueOptions.min", "ValueOptions.max"}  # numbers in the units of the data


def to_json(manifest: Manifest) -> dict[str, Any]:
    """`manifest` as JSON values; a number that is not finite becomes null."""
    return {field.name: _plain(getattr(manifest, field.name)) for field in dataclasses.fields(manifest)}


def from_json(value: Mapping[str, Any]) -> Manifest:
    """The manifest that `value` is, or a ModelError that names the first thing wrong with it."""
    return typing.cast(Manifest, _record(Manifest, value, ""))


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
                if not (_seldom(type(value), field.name) and getattr(value, field.name) == field.default)}
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _seldom(kind: type[Any], key: str) -> bool:
    """Whether the field may be absent."""
    return f"{kind.__name__}.{key}" in _SELDOM


def _wrong(where: str, what: str) -> ModelError:
    return ModelError(f"damaged: manifest: {where or 'it'} {what}")


def _record(kind: type[Any], value: Any, where: str) -> Any:
    """A `kind` (a dataclass) whose keys are all there, but for `_SELDOM`, and no others."""
    if not isinstance(value, Mapping):
        raise _wrong(where, "is not an object")
    hints = _hints(kind)
    for key in value:
        if key not in hints:
            raise _wrong(where, f"has a key that is not known: {str(key)[:40]!r}")
    fields = {}
    for key, hint in hints.items():
        if key not in value and _seldom(kind, key):
            continue
        if key not in value:
            raise _wrong(where, f"lacks {key!r}")
        inner = f"{where}.{key}" if where else key
        if inner == "values":
            fields[key] = _some_of(config.ValueOptions, value[key], inner)
        else:
            fields[key] = _typed(hint, value[key], inner, _rule(kind, key))
    return kind(**fields)


def _some_of(kind: type[Any], value: Any, where: str) -> dict[str, Any]:
    """A mapping whose keys are fields of `kind`, not necessarily all."""
    hints = _hints(kind)
    if not isinstance(value, Mapping) or not value.keys() <= hints.keys():
        raise _wrong(where, f"is not an object of {', '.join(hints)}")
    return {key: _typed(hints[key], one, f"{where}.{key}", _rule(kind, key)) for key, one in value.items()}


def _typed(hint: Any, value: Any, where: str, rule: Mapping[str, Any]) -> Any:
    arguments = typing.get_args(hint)
    if type(None) in arguments:
        return None if value is None else _typed(arguments[0], value, where, rule)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "is not a list")
        return tuple(_typed(arguments[0], one, where, rule) for one in value)
    if dataclasses.is_dataclass(hint):
        return _record(typing.cast(type[Any], hint), value, where)
    if arguments:  # Mapping[str, ...]
        if not isinstance(value, dict):
            raise _wrong(where, "is not an object")
        return _free(value, where) if arguments[1] is Any else {
            _text(key, where): _typed(arguments[1], one, where, rule) for key, one in value.items()}
    return _scalar(hint, value, where, rule)


def _scalar(hint: type, value: Any, where: str, rule: Mapping[str, Any]) -> Any:
    if hint is str:
        value = _text(value, where)
        choices = rule.get("choices", ())
        if isinstance(choices, str):  # "registry:NAME"
            if not (value.replace("-", "_").isidentifier() and value.isascii() and len(value) <= 40):
                raise _wrong(where, "is not a name")
        elif choices and value not in choices:
            raise _wrong(where, f"is {value[:40]!r}, not one of {', '.join(choices)}")
        if rule.get("relative") and (value.startswith("/") or "\0" in value):
            raise _wrong(where, "is not a relative path")
        return value
    if hint is bool:
        if not isinstance(value, bool):
            raise _wrong(where, "is not true or false")
        return value
    return _number(hint, value, where, rule)


def _number(hint: type, value: Any, where: str, rule: Mapping[str, Any]) -> int | float:
    allowed = (int,) if hint is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        raise _wrong(where, "is not a whole number" if hint is int else "is not a number")
    low, high = rule.get("low", 0), rule.get("high", _LARGEST)
    if not low <= value <= high:  # also what is not finite
        raise _wrong(where, "is out of bounds")
    return float(value) if hint is float else value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT:
        raise _wrong(where, "is not a text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _wrong(where, "is not Unicode") from error
    return value


def _free(value: Any, where: str, depth: int = 0) -> Any:
    """JSON of no fixed form, but of bounded depth and finite numbers."""
    if depth > _DEPTH_LIMIT:
        raise _wrong(where, "is nested too deep")
    if isinstance(value, dict):
        return {_text(key, where): _free(one, where, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_free(one, where, depth + 1) for one in value]
    if isinstance(value, str):
        return _text(value, where)
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise _wrong(where, "is not finite JSON")


def _hints(kind: type[Any]) -> dict[str, Any]:
    """Field names and types of a dataclass; found once, for the types are compiled from text."""
    if kind not in _FOUND:
        hints = typing.get_type_hints(kind)
        _FOUND[kind] = {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    return _FOUND[kind]


@cache
def _options() -> dict[str, Mapping[str, Any]]:
    """What `core/config.py` says about each option: its choices and bounds, by name."""
    groups = [one for one in vars(config).values() if isinstance(one, type) and one.__name__.endswith("Options")]
    return {field.name: field.metadata for group in groups for field in dataclasses.fields(group) if field.metadata}


def _rule(kind: type[Any], key: str) -> Mapping[str, Any]:
    name = f"{kind.__name__}.{key}"
    if name in _NO_BOUND:
        return {"low": -np.finfo(np.float64).max, "high": np.finfo(np.float64).max}
    return _RULES.get(name) or _options().get(key, {})
