"""Where every run ends: whatever happens becomes an exit code and at most one line on standard error."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from grucast.core.errors import Denied, GrucastError, InputMissing, InternalError, IoFailure, UsageError
from grucast.core.registry import did_you_mean

_SYSTEM = {errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
           errno.EROFS, errno.ESTALE, errno.ETIMEDOUT}
_NO_MEMORY = ("failed to map segment", "Cannot allocate memory")  # in what the loader of libraries says
_HEAVY = {"torch": "torch", "sklearn": "scikit-learn", "scipy": "scipy", "pandas": "pandas"}  # not on a score-only box
_NEEDED = 160 << 20  # bytes of address space without which OpenBLAS ends the process by itself
_GRACE = 3.0  # seconds to clean up after a signal
_HEEDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked the run to end; what is open is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


class Hangup(BaseException):
    """Nobody reads standard output any more, as after `| head`: the run ends without a word."""


def run(command: Callable[[list[str]], int], arguments: Sequence[str]) -> int:
    """Call `command` with the words of the command line and return the exit code of the process."""
    _open_streams()
    _heed_signals()
    if not sys.warnoptions:  # what libraries warn of is no line of ours; python -W shows it
        warnings.simplefilter("ignore")
    said = [one for one in arguments if one in ("--debug", "--no-debug")]  # the last one counts, else the environment
    debug = said[-1] == "--debug" if said else os.environ.get("GRUCAST_DEBUG", "").lower() in ("1", "true", "yes", "on")
    try:
        _refuse_small_memory()
        code = command(list(arguments))
        sys.stdout.flush()
    except (Hangup, BrokenPipeError):
        code = 0
    except Stopped as stopped:
        code = stopped.exit_code
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        code = _report(error, arguments, debug)
    _let_go_of_output()
    return code


def say(line: str) -> None:
    """One line on standard error, whatever is in it; where that is closed, nothing."""
    shown = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
    with contextlib.suppress(OSError, ValueError):
        print(shown, file=sys.stderr, flush=True)  # noqa: T201


def translate(error: Exception) -> GrucastError | None:
    """The error of ours that a foreign one means, None for a bug."""
    if isinstance(error, GrucastError):
        return error
    lacking = _HEAVY.get((error.name or "").partition(".")[0]) if isinstance(error, ModuleNotFoundError) else None
    if lacking is not None:
        return UsageError(f"this needs {lacking}, which is not installed here: pip install {lacking}")
    if not isinstance(error, OSError) or error.errno is None:
        return None
    message = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
    message += os.strerror(error.errno).lower()
    if isinstance(error, PermissionError):
        return Denied(message)
    if isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError)):
        return InputMissing(message)
    return IoFailure(message) if error.errno in _SYSTEM else None


def _report(error: Exception, arguments: Sequence[str], debug: bool) -> int:
    if debug:
        import traceback

        with contextlib.suppress(OSError, ValueError):
            traceback.print_exception(error)
    usage = _usage(error)
    ours = translate(error)
    if usage is not None:
        say(f"grucast: error: {usage}")
        return 2
    if ours is not None:
        say(f"grucast: error: {ours}")
        return ours.exit_code
    starved = isinstance(error, MemoryError) or (
        isinstance(error, ImportError) and any(one in str(error) for one in _NO_MEMORY))
    what = "not enough memory" if starved else f"a bug of ours: {type(error).__name__}: {error}"
    where = "" if debug else f"; {_keep(error, arguments)}"
    say(f"grucast: error: {what[:300]}{where}")
    return InternalError.exit_code


def _usage(error: Exception) -> str | None:
    """The words of a usage error of Typer's; it has no public name for the class, which is BadParameter's parent."""
    typer = sys.modules.get("typer")  # where it was not imported it raised nothing
    base = None if typer is None else typer.BadParameter.__base__
    if base is None or not isinstance(error, base):
        return None
    name = getattr(error, "option_name", None)
    if isinstance(name, str) and hasattr(error, "possibilities"):
        return f"no option {name}{did_you_mean(name, _option_names(error))}"
    text = str(getattr(error, "message", "") or error)
    return text[:1].lower() + text[1:].rstrip(".")


def _option_names(error: Any) -> list[str]:
    context = error.ctx
    params = [] if context is None else context.command.get_params(context)
    return [name for one in params for name in (*one.opts, *one.secondary_opts)]


def _keep(error: Exception, arguments: Sequence[str]) -> str:
    """Write a report of a bug to a file and say where it lies."""
    try:
        import platform
        import tempfile
        import traceback

        from grucast import __version__

        text = (f"grucast {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
                f"arguments: {list(arguments)}\n\n" + "".join(traceback.format_exception(error)))
        handle, path = tempfile.mkstemp(prefix="grucast-report-", suffix=".txt", text=True)
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123
            file.write(text)
    except Exception:  # the first error is the one to tell
        return "--debug shows where"
    return f"the report lies in {path}"


def _let_go_of_output() -> None:
    """Flush what is left; where that fails it goes nowhere, or Python would complain again at its end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_streams() -> None:
    """A closed standard stream becomes /dev/null, so that no file of ours gets its number; text is UTF-8 everywhere."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream, errors in ((sys.stdout, "surrogateescape"), (sys.stderr, "backslashreplace")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)


def _refuse_small_memory() -> None:
    """MemoryError where the address space is limited so much that a library would end the process without a word."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if 0 <= limit < _NEEDED:
        raise MemoryError(f"ulimit -v allows {limit >> 20} MB")


def _heed_signals() -> None:
    """Interrupt, terminate and hangup raise Stopped, unless whoever started us wants them ignored (nohup).

    A second signal must not break the cleaning up. But Python swallows what is raised in a destructor, and then
    the run would never end: after `_GRACE` seconds it is raised again. Of what it swallowed nothing is said.
    """
    usual = sys.unraisablehook

    def stop(number: int, _: types.FrameType | None) -> NoReturn:
        rest()
        signal.signal(signal.SIGALRM, lambda *_: again(number))
        signal.setitimer(signal.ITIMER_REAL, _GRACE, _GRACE)
        raise Stopped(number)

    def again(number: int) -> NoReturn:
        raise Stopped(number)

    def swallowed(what: sys.UnraisableHookArgs) -> None:
        if not isinstance(what.exc_value, Stopped):
            usual(what)

    sys.unraisablehook = swallowed

    for number in _HEEDED:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def rest() -> None:
    """Heed no signal any more: the run is over, its exit code stands, and Python is taking itself apart."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in _HEEDED:
        signal.signal(number, signal.SIG_IGN)
