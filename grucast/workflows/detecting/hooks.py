"""`--on-event CMD`: tell a command of each event, as JSON on its standard input."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from grucast.core.errors import IoFailure, UsageError

PATIENCE = 60.0  # seconds that a command may take; a job in cron must end


def command_words(command: str) -> list[str]:
    """The words of `command` as a shell would split it. UsageError where it is none, or is not there to be run."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--on-event {command!r}: {str(error).lower()}") from error
    if not words:
        raise UsageError("--on-event: the command is missing")
    if shutil.which(words[0]) is None:
        raise UsageError(f"--on-event: there is no command {words[0]!r} that can be run")
    return words


def run_hooks(words: Sequence[str], events: Sequence[Mapping[str, Any]]) -> list[str]:
    """Run `words`, without a shell, once for each event; what went wrong, a line each.

    The event is one line of JSON. What the command prints goes to standard error, as data are on standard output. All
    events are told, also after one failed.
    """
    wrong = []
    for event in events:
        finite = {key: None if isinstance(value, float) and not math.isfinite(value) else value
                  for key, value in event.items()}
        text = json.dumps(finite, ensure_ascii=False, allow_nan=False) + "\n"
        said = _run(words, text.encode("utf-8", "surrogateescape"))
        if said:
            wrong.append(f"--on-event {words[0]}: event {event['event_id']}: {said}")
    return wrong


def _run(words: Sequence[str], text: bytes) -> str:
    """What went wrong, "" where nothing did."""
    sys.stderr.flush()
    try:
        done = subprocess.run(words, input=text, stdout=sys.stderr.fileno(), timeout=PATIENCE, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return f"ended, as it took longer than {PATIENCE:.0f} s"
    except OSError as error:
        return f"cannot be started: {(error.strerror or str(error)).lower()}"
    return "" if done.returncode == 0 else f"exit code {done.returncode}"


def refuse_failed(wrong: Sequence[str], events: int) -> None:
    """IoFailure where an event was not told: everything else is done, and somebody must know."""
    if wrong:
        raise IoFailure(f"{wrong[0]}; {len(wrong)} of {events} events were not told")
