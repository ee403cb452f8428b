"""The tables of a state file.

To change them: a new VERSION, and in STEPS the statements that bring an older file there. Everything is kept by
`job`, so that several jobs may share a file; the empty name is that of a job without one. Times of the data are values
of their axis: microseconds since 1970 (UTC where a zone is known), or the number. Times of the clock on the wall are
ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping

VERSION = 2
APPLICATION = 0x67727563  # "gruc": tells a state from anybody else's database

JOBS = """
CREATE TABLE jobs (
    job TEXT PRIMARY KEY,
    digest TEXT NOT NULL,    -- of the model
    judging TEXT NOT NULL,   -- JSON: how rows are judged
    mark TEXT NOT NULL,      -- JSON: where reading stopped, in which file
    runs INTEGER NOT NULL,
    last_run TEXT NOT NULL
)"""

SERIES = """
CREATE TABLE series (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    unique_id TEXT NOT NULL,
    begin NUMERIC NOT NULL,      -- the first row there was
    watermark NUMERIC NOT NULL,  -- the newest row scored
    current BLOB NOT NULL,       -- what scoring goes on with after the watermark, see workflows/detecting/
    earlier BLOB,                -- the same some rows before it, for rows that come late
    settled BLOB,                -- and before the time that late rows may take
    UNIQUE (job, unique_id)
)"""

KEPT = """
CREATE TABLE kept (  -- the last rows of each series, and what was said of them
    series INTEGER NOT NULL REFERENCES series ON DELETE CASCADE,
    ds NUMERIC NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (series, ds)
) WITHOUT ROWID"""

EVENTS = """
CREATE TABLE events (
    event_id TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    unique_id TEXT NOT NULL,
    begin NUMERIC NOT NULL,     -- its first row
    stop NUMERIC NOT NULL,      -- its last row so far
    open INTEGER NOT NULL,      -- 1 while it may go on
    document TEXT NOT NULL,     -- JSON: the event as it is printed
    digest TEXT NOT NULL,       -- of the model that found it
    raised TEXT NOT NULL,       -- when, by the clock on the wall
    to_print INTEGER NOT NULL,  -- 1 until it was printed
    to_tell INTEGER NOT NULL,   -- 1 until --on-event has had it
    acknowledged TEXT NOT NULL DEFAULT '',  -- when
    muted INTEGER NOT NULL DEFAULT 0
)"""

DETECTION = (JOBS, SERIES, KEPT, EVENTS, "CREATE INDEX events_of_series ON events (job, unique_id, stop)")

# ---- the ledger, see ledger.py -------------------------------------------------------------------

FORECASTS = """
CREATE TABLE forecasts (  -- as issued, and what came true
    job TEXT NOT NULL,
    unique_id TEXT NOT NULL,    -- as it is printed: the column of a wide file
    cutoff NUMERIC NOT NULL,
    until NUMERIC NOT NULL,     -- when the last step is
    digest TEXT NOT NULL,       -- of the model
    levels BLOB NOT NULL,       -- (Q,) float64, little endian, as all arrays here
    due BLOB NOT NULL,          -- (H,) when each step is; NaN once its truth was there
    said BLOB,                  -- (H, Q) quantiles; NULL once no truth is awaited
    naive BLOB,                 -- (H,) the seasonal naive forecast; NULL likewise
    truths INTEGER NOT NULL DEFAULT 0,
    bounded INTEGER NOT NULL DEFAULT 0,   -- truths whose interval has a width
    inside_80 INTEGER NOT NULL DEFAULT 0,
    inside_95 INTEGER NOT NULL DEFAULT 0,
    error REAL DEFAULT 0.0,               -- sum of absolute errors
    naive_error REAL DEFAULT 0.0,
    PRIMARY KEY (job, unique_id, cutoff)
)"""

WIDTHS = """
CREATE TABLE widths (  -- how far intervals are stretched, see forecasting/adaptive.py
    job TEXT NOT NULL,
    unique_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    widths BLOB NOT NULL,
    PRIMARY KEY (job, unique_id)
) WITHOUT ROWID"""

VISITS = """
CREATE TABLE visits (  -- when jobs ran
    job TEXT NOT NULL,
    command TEXT NOT NULL,
    at REAL NOT NULL,           -- seconds since 1970, by the clock on the wall
    last_row NUMERIC NOT NULL,  -- the newest row of the data
    axis TEXT NOT NULL,         -- what that is: utc, local or number
    reach REAL NOT NULL,        -- seconds that forecasts look ahead
    PRIMARY KEY (job, command, at)
) WITHOUT ROWID"""

AWAITING = "CREATE INDEX forecasts_awaiting ON forecasts (job, unique_id, cutoff) WHERE said IS NOT NULL"

LEDGER = (FORECASTS, WIDTHS, VISITS, AWAITING)

# ---- what forecasts are made from, see tails.py --------------------------------------------------

READINGS = """
CREATE TABLE readings (  -- how far the data of a job were read
    job TEXT PRIMARY KEY,
    about TEXT NOT NULL,  -- sha256 of all that the tails hang on: model, options
    mark TEXT NOT NULL    -- JSON: where reading stopped, in which file
) WITHOUT ROWID"""

TAILS = """
CREATE TABLE tails (  -- the last rows of each series
    job TEXT NOT NULL REFERENCES readings ON DELETE CASCADE,
    number INTEGER NOT NULL,  -- in the order of the file
    unique_id TEXT NOT NULL,
    content BLOB NOT NULL,    -- named arrays
    PRIMARY KEY (job, number)
) WITHOUT ROWID"""

TABLES = (*DETECTION, *LEDGER, READINGS, TAILS)

STEPS: Mapping[int, tuple[str, ...]] = {1: (READINGS, TAILS)}  # version n -> the statements that make it n + 1
