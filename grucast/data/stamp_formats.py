"""Find the format of stamps: every reading that a cell allows, then those that all cells allow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from grucast.core.arrays import Ints
from grucast.data.stamps import ISO, OFFSET, parse_cells

CLOCK = re.compile(rf"(?P<gap>[T ,]+)?(?P<H>[0-9]{{1,2}})(?P<s>[:.h])(?P<M>[0-9]{{2}})(?:(?P=s)(?P<S>[0-9]{{2}})"
                   r"(?:(?P<fs>[.,])(?P<f>[0-9]{1,9}))?)?(?:(?P<ps> ?)(?P<p>[AaPp][Mm]))?"
                   rf"(?:(?P<zs> ?)(?P<z>{OFFSET}))?")
DATE = re.compile(r"([0-9]{1,4})([-/. ])([0-9]{1,2})\2([0-9]{1,4})")
PAIR = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,4})")
QUARTER = re.compile(r"([0-9]{4})([- /]?)[Qq][1-4]|[Qq][1-4]([- /]?)([0-9]{4})")
WEEK = re.compile(r"[0-9]{4}(-?)W[0-9]{2}(-[1-7])?")
NAMED = re.compile(r"(?:(?P<d>[0-9]{1,2})(?P<a>[- ./]+))?(?P<b>[A-Za-z]{3,9})(?P<c>[- ./,]+)(?P<y>[0-9]{4}|[0-9]{2})")
AMERICAN = re.compile(r"(?P<b>[A-Za-z]{3,9})(?P<a>[- .]+)(?P<d>[0-9]{1,2})(?P<c>,? +)(?P<y>[0-9]{4})")
COMPACT = re.compile(r"[0-9]{8}T[0-9]{6}(Z?)")
SAMPLE = 2000


def describe(cell: str) -> tuple[str, ...]:
    """Every format that `cell` alone could have; none when it is no stamp.

    >>> describe("03/04/2024 9:00")
    ('%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M')
    """
    text = cell.strip()
    if ISO.fullmatch(text):
        return ("",)
    if compact := COMPACT.fullmatch(text):
        return ("%Y%m%dT%H%M%S" + ("%z" if compact[1] else ""),)
    for pattern, read in ((DATE, _dates), (AMERICAN, _american), (NAMED, _named), (QUARTER, _quarters),
                          (WEEK, _weeks), (PAIR, _pairs)):
        match = pattern.match(text)
        if match is None:
            continue
        rest = text[match.end():]
        clock = CLOCK.fullmatch(rest) if rest else None
        if not rest or (clock is not None and clock["gap"]):
            return tuple(date + (_clock(clock) if clock else "") for date in read(match))
    return ()


def describe_clock(cell: str) -> str:
    """The format of a time of day such as 18.00.00, "" when it is none."""
    match = CLOCK.fullmatch(cell.strip())
    return _clock(match) if match and not match["gap"] and not match["z"] else ""


def _clock(match: re.Match[str]) -> str:
    hour = "%I" if match["p"] else "%H"
    text = f"{match['gap'] or ''}{hour}{match['s']}%M"
    if match["S"]:
        text += f"{match['s']}%S" + (f"{match['fs']}%f" if match["f"] else "")
    return text + (f"{match['ps']}%p" if match["p"] else "") + (f"{match['zs']}%z" if match["z"] else "")


def _dates(match: re.Match[str]) -> tuple[str, ...]:
    first, sign, _, last = match.groups()
    if len(first) == 4 and len(last) <= 2:
        return (f"%Y{sign}%m{sign}%d",)
    if len(first) > 2 or len(last) not in (2, 4):
        return ()
    year = "%Y" if len(last) == 4 else "%y"
    return f"%d{sign}%m{sign}{year}", f"%m{sign}%d{sign}{year}"


def _american(match: re.Match[str]) -> tuple[str, ...]:
    return (f"%b{match['a']}%d{match['c']}%Y",)


def _named(match: re.Match[str]) -> tuple[str, ...]:
    year = "%Y" if len(match["y"]) == 4 else "%y"
    return ((f"%d{match['a']}" if match["d"] else "") + f"%b{match['c']}{year}",)


def _quarters(match: re.Match[str]) -> tuple[str, ...]:
    letter = "Q" if "Q" in match[0] else "q"
    return (f"%Y{match[2]}{letter}%q",) if match[1] else (f"{letter}%q{match[3]}%Y",)


def _weeks(match: re.Match[str]) -> tuple[str, ...]:
    return (f"%G{match[1]}W%V" + ("-%u" if match[2] else ""),)


def _pairs(match: re.Match[str]) -> tuple[str, ...]:
    """Year and month; "1-01" is month 1 of year 1."""
    first, sign, second = match.groups()
    if len(second) <= 2 and (len(first) == 4 or (sign == "-" and len(second) == 2)):
        return (f"%Y{sign}%m",)
    return (f"%m{sign}%Y",) if len(second) == 4 and len(first) <= 2 else ()


def find_formats(words: Sequence[str]) -> list[str]:
    """The formats that at least half of the distinct `words` have, those that most of them have.

    Two formats are left only when they cannot be told apart by what is a date: both orders of day
    and month are possible everywhere.
    """
    step = max(1, len(words) // SAMPLE)
    counts = Counter(form for word in words[::step] for form in describe(word))
    if not counts:
        return []
    scores = {}
    for form in sorted(counts, key=lambda one: -counts[one])[:6]:
        scores[form] = int(parse_cells(words, form).ok.sum())
    best = max(scores.values())
    if 2 * best < len(words) or best == 0:
        return []
    return [form for form, score in scores.items() if score == best]


def find_clock(words: Sequence[str]) -> str:
    """The format of a column of times of day, "" when it is none."""
    forms = {describe_clock(word) for word in words[:SAMPLE]}
    return forms.pop() if len(forms) == 1 else ""


def choose_regular(words: Sequence[str], formats: Sequence[str]) -> list[str]:
    """Of formats that are all possible, those under which the stamps are evenly spaced, if only some are."""
    if all("." in form[:4] for form in formats):
        return [form for form in formats if form.startswith("%d")]  # dots between numbers are day first
    even = [form for form in formats if _even(parse_cells(words, form).us)]
    return even if len(even) == 1 else list(formats)


def _even(us: Ints) -> bool:
    """One step from first to last, in time or in months."""
    stamps = np.unique(us)
    if len(stamps) < 3:
        return True
    months = stamps.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return bool(np.ptp(np.diff(stamps)) == 0 or (np.ptp(np.diff(months)) == 0 and months[1] > months[0]))
