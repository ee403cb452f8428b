"""Old model files become new ones: one function for each step from format n to n + 1.

Recipe, when the manifest or the arrays change their form:

1. Keep a small model of the present format: `tests/artifacts/fixtures/make_format_N.py` stays as it is.
2. Raise `FORMAT_VERSION` here and the default of `Manifest.format_version`.
3. Write `_from_N(manifest, tensors)`, which returns both in the new form (a new setting gets the value
   that means what the old program did), and add it to `MIGRATIONS`.
4. Add a fixture of the new format beside the old ones; all of them must load for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from grucast.core.errors import ModelError

FORMAT_VERSION = 2

Json: TypeAlias = dict[str, Any]
Tensors: TypeAlias = dict[str, npt.NDArray[Any]]
Migration: TypeAlias = Callable[[Json, Tensors], tuple[Json, Tensors]]


def _from_1(manifest: Json, tensors: Tensors) -> tuple[Json, Tensors]:
    """The same: format 2 may hold weights in half precision and ranks by those absent; format 1 never did."""
    return manifest, tensors


MIGRATIONS: Mapping[int, Migration] = {1: _from_1}

# formats 1 and 2 grew before the first release: settings that came later, and the value that is what was done before
LATER: Mapping[str, Json] = {
    "window": {"fill": []},
    "model": {"effects": [],
              "structure": {"bidirectional": False, "attention": False, "activation": None, "delay": 0, "skip": 0,
                            "dilations": [], "hybrid": None, "period": 0}},
}
LATER_SECTIONS: Mapping[str, Json] = {"holidays": {"codes": {}, "days": {}, "first": 0, "last": 0}}


def check_version(manifest: Json) -> int:
    """The format of `manifest`, when this grucast can read it; else a ModelError that says what to do."""
    version = manifest.get("format_version")
    if type(version) is not int or version < 1:
        raise ModelError("damaged: the format version is not a number")
    if version > FORMAT_VERSION:
        raise ModelError(f"made by a newer grucast (format {version}, this one reads {FORMAT_VERSION}); "
                         "upgrade grucast")
    return version


def upgrade(manifest: Json, tensors: Tensors) -> tuple[Json, Tensors]:
    """`manifest` and `tensors` in the present format."""
    manifest = {**LATER_SECTIONS, **manifest}
    for section, added in LATER.items():
        if isinstance(manifest.get(section), dict):
            manifest = {**manifest, section: {**added, **manifest[section]}}
    if "scale.series" in tensors:  # a model that knows of no repeating repeats nothing
        shape = tensors["scale.series"].shape
        tensors = {"repeat.lag": np.zeros(shape, dtype=np.int64), "repeat.share": np.zeros(shape), **tensors}
    for version in range(check_version(manifest), FORMAT_VERSION):
        manifest, tensors = MIGRATIONS[version](manifest, tensors)
        manifest["format_version"] = version + 1
    return manifest, tensors
