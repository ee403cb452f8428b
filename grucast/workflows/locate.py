"""Which files are meant when none is named: the model, its data, the model to write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from grucast.core.errors import InputMissing, UsageError
from grucast.core.files import check_writable
from grucast.core.results import Manifest

_ENDINGS = (".csv", ".tsv", ".txt", ".parquet")
_STREAMS = {"/dev/stdout", "/dev/stderr"}  # whatever they are sent to


def find_model(named: Path | None, environ: Mapping[str, str], folder: Path) -> Path:
    """The model named, else that of $GRUCAST_MODEL, else the one *.grucast in `folder`.

    Errors: UsageError when several lie there, InputMissing when none does.
    """
    if named is not None:
        return named
    if environ.get("GRUCAST_MODEL"):
        return Path(environ["GRUCAST_MODEL"])
    models = sorted(one for one in folder.glob("*.grucast") if not one.name.startswith("."))
    if not models:
        raise InputMissing("there is no *.grucast here; name the model with -m, or make one with grucast train DATA")
    if len(models) > 1:
        names = ", ".join(one.name for one in models[:10]) + (", ..." if len(models) > 10 else "")
        raise UsageError(f"there are {len(models)} models here ({names}); name one with -m")
    return models[0]


def find_data(named: str | None, manifest: Manifest, model: Path) -> str:
    """The data named, else the file that the model remembers, beside the model wherever it lies now.

    Errors: InputMissing when it remembers none or that file is gone.
    """
    if named is not None:
        return named
    if not manifest.data.path:
        raise InputMissing(f"{model} does not remember its data; name the file")
    data = Path(os.path.normpath(model.parent / manifest.data.path))
    if not data.exists():
        raise InputMissing(f"{data}: the data that {model} remembers are not there; name the file")
    return str(data)


def remembered_path(data: Path, model: Path, cwd: Path) -> str:
    """`data` relative to the folder of `model` when it lies in or below that folder or `cwd`, else ""."""
    # as written, links not followed: a link in the folder is the name that stays when the data move
    there, home = Path(os.path.abspath(cwd / data)), Path(os.path.abspath(cwd / model)).parent  # noqa: PTH100
    if not (there.is_relative_to(home) or there.is_relative_to(cwd)):
        return ""
    path = Path(os.path.relpath(there, home)).as_posix()
    return path if path.isprintable() else ""


def default_output(sources: Sequence[str]) -> Path:
    """`data.grucast` in the current folder for `data.csv`, `data.csv.gz` and `elsewhere/data.csv`.

    Errors: UsageError for standard input, which has no name.
    """
    if not sources or sources[0] == "-":
        raise UsageError("standard input has no name; name the model file with -o")
    name = Path(sources[0]).name.removesuffix(".gz")
    for ending in _ENDINGS:
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
            break
    return Path(f"{name or 'model'}.grucast")


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path | None]) -> None:
    """Refuse, before any work is done, what would cost a file or cannot be written; `outputs` by their options.

    Errors: those of `check_apart`; CannotCreate and Denied of a place where no file can be.
    """
    check_apart(outputs, inputs)
    for output in outputs.values():
        if output is not None:
            check_writable(output)


def check_apart(outputs: Mapping[str, Path | None], inputs: Iterable[str | Path | None]) -> None:
    """UsageError where a file that will be written is one that is read, or is written twice, under any of its names.

    `outputs` are the files by the options that name them; of two alike the later one is to be changed. Standard output,
    devices and pipes may be named as often as one likes.
    """
    read = [Path(one) for one in inputs if one is not None and str(one) != "-"]
    written: list[Path] = []
    for option, output in outputs.items():
        if output is None or _goes_by(output):
            continue
        if any(_same(output, one) for one in read):
            raise UsageError(f"{output} is read by this very command; name another file to write to")
        if any(_same(output, one) for one in written):
            raise UsageError(f"{output} would be written twice; name another file with {option}")
        written.append(output)


def _goes_by(path: Path) -> bool:
    """Whether nothing that was written to `path` before can be lost: a device, a pipe, standard output."""
    return str(path) in _STREAMS or (path.exists() and not path.is_file() and not path.is_dir())


def _same(one: Path, other: Path) -> bool:
    """Whether both name one file, be it there or not: links are followed, hard links are the file itself."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return one.exists() and other.exists() and one.samefile(other)
