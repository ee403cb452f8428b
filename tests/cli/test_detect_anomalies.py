"""`grucast detect-anomalies` by its words: what is written where, and the exit codes."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import sys

import pytest

from tests.command import COMMAND, Ended, clean_environment, contents, hourly, run_installed, write_lines

COLUMNS = ("event_id,unique_id,start,end,peak,rows,severity,score,p_value,y,y_hat,channels,flags,reason")
HEAVY = ("torch", "sklearn", "scipy", "pandas", "matplotlib", "rich", "pydantic", "safetensors")
LOADED = """
import sys
from grucast.cli.app import main
sys.argv = ["grucast", "detect-anomalies", "-q", "--scores", "scores.csv"]
try:
    main()
except SystemExit as end:
    print(end.code, *sorted({name.partition(".")[0] for name in sys.modules} & set(HEAVY)), file=sys.stderr)
"""
NEVER = ("--threshold", "1e9")  # nothing scores as high as this
OFTEN = ("--threshold", "0.01", "--min-gap", "400")


@pytest.fixture
def detect(installed, tiny):
    """Run `grucast detect-anomalies` in a folder with a model and its data."""
    return lambda *words, **more: installed("detect-anomalies", *words, **more)


def test_nothing_heavy_is_imported(tiny):
    source = f"HEAVY = {HEAVY!r}\n{LOADED}"
    ran = subprocess.run([sys.executable, "-c", source], cwd=tiny, env=clean_environment(), capture_output=True,
                         text=True, check=True)
    assert ran.stderr == "0\n"
    assert (tiny / "scores.csv").exists()


def test_without_a_word_the_model_here_looks_at_the_data_it_remembers(detect, tiny):
    ended = detect("--scores", "scores.csv")
    assert ended.code == 0
    assert ended.out.splitlines()[0] == COLUMNS
    assert len((tiny / "scores.csv").read_text().splitlines()) == 401


@pytest.mark.parametrize("policy", ["first", "last", "mean"])
def test_scores_have_a_line_for_each_row_of_a_file_with_duplicates(detect, tiny, policy):
    header, *lines = (tiny / "load.csv").read_text().splitlines()
    lines.insert(301, lines[300].split(",")[0] + ",55.5")
    lines.append(lines[390])  # the same again, at the end
    write_lines(tiny / "load.csv", lines, header)
    assert detect("--duplicates", policy, "--scores", "scores.csv").code == 0
    with (tiny / "scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    assert [line["ds"] for line in scores] == [line.split(",")[0] for line in lines]
    dropped = [at for at, line in enumerate(scores) if line["flags"] == "duplicate"]
    assert dropped == {"first": [301, 401], "last": [300, 390], "mean": [301, 401]}[policy]
    assert [scores[at]["score"] for at in dropped] == ["", ""]


def test_no_events_are_a_header_and_no_bytes_where_it_is_quiet(detect, tiny):
    before = contents(tiny)
    assert detect(*NEVER).out == COLUMNS + "\n"
    assert detect(*NEVER, "-q") == Ended(0, "", "")
    assert contents(tiny) == before
    assert detect(*NEVER, "-q", "-o", "events.csv") == Ended(0, "", "")
    assert (tiny / "events.csv").read_text() == COLUMNS + "\n"


def test_the_same_events_are_written_everywhere_alike(detect, tiny):
    printed = detect(*OFTEN, "-q").out
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert rows
    assert detect(*OFTEN, "-q", "-o", "events.csv") == Ended(0, "", "")
    assert (tiny / "events.csv").read_text() == printed
    document = json.loads(detect(*OFTEN, "--json", "-q").out)
    assert list(document) == ["model", "digest", "rows_scored", "threshold", "events", "notes"]
    assert document["threshold"] == 0.01
    for event, row in zip(document["events"], rows, strict=True):
        assert ",".join(event) == COLUMNS
        assert {key: "" if value is None else ";".join(value) if isinstance(value, list) else str(value)
                for key, value in event.items()} == row
    lines = [json.loads(line) for line in detect(*OFTEN, "--format", "jsonl", "-q").out.splitlines()]
    assert [line["event_id"] for line in lines] == [row["event_id"] for row in rows]


def test_json_is_a_document_also_where_there_is_no_event(detect):
    assert json.loads(detect(*NEVER, "--json", "-q").out)["events"] == []


def test_a_terminal_gets_a_table_that_fits(tiny):
    reader, writer = pty.openpty()
    ran = subprocess.run([*COMMAND, "detect-anomalies", *OFTEN, "-q"], cwd=tiny, env=clean_environment(NO_COLOR="1"),
                         stdout=writer, stderr=subprocess.PIPE, check=True)
    os.close(writer)
    text = os.read(reader, 65536).decode()
    os.close(reader)
    assert ran.stderr == b""
    assert text.split()[:7] == ["start", "end", "rows", "severity", "p_value", "reason", "flags"]


def test_events_set_the_exit_code_only_where_that_is_asked_for(detect):
    assert detect(*OFTEN, "-q").code == 0
    assert detect(*OFTEN, "-q", "--fail-on-anomaly").code == 10
    assert detect(*NEVER, "-q", "--fail-on-anomaly").code == 0


def test_a_command_hears_of_each_event(detect, tiny):
    (tiny / "hear.py").write_text("import sys; open('heard', 'a').write(sys.stdin.read())")
    ended = detect(*OFTEN, "-q", "--on-event", f"{sys.executable} hear.py")
    heard = [json.loads(line)["event_id"] for line in (tiny / "heard").read_text().splitlines()]
    assert heard == [row["event_id"] for row in csv.DictReader(io.StringIO(ended.out))]


def test_events_are_written_before_a_command_that_fails_makes_it_74(detect, tiny):
    ended = detect(*OFTEN, "-q", "-o", "events.csv", "--on-event", "false", "--fail-on-anomaly")
    assert ended.code == 74
    assert "exit code 1" in ended.error
    assert len((tiny / "events.csv").read_text().splitlines()) > 1
    assert detect(*NEVER, "-q", "--on-event", "false").code == 0


@pytest.mark.parametrize(("words", "code", "said"), [
    (("--on-event", "no-such-command"), 2, "there is no command 'no-such-command'"),
    (("--rule", "pott"), 2, "conformal, quantile, mad, dynamic, did you mean 'pot'?"),
    (("--scorer", "best"), 2, "is not one of auto, forecast, reconstruction, combined"),
    (("--false-alarms", "many"), 2, "write '1 per 30d'"),
    (("--threshold", "1", "--rule", "pot"), 2, "do not go together"),
    (("--per-channel",), 2, "would change nothing without --scores"),
    (("--scores", "load.csv"), 2, "load.csv is read by this very command"),
    (("--scores", "a.csv", "-o", "a.csv"), 2, "would be written twice"),
    (("--scores", "no/where.csv"), 73, "no/where.csv"),
    (("--plot", "events.gif"), 2, ".png, .svg, .html"),
    (("--json", "--format", "csv"), 2, "do not go together"),
    (("--since", "soon"), 2, "is not a stamp"),
    (("--exclude", "gone.csv"), 66, "gone.csv"),
    (("gone.csv",), 66, "gone.csv"),
    (("-m", "gone.grucast"), 66, "gone.grucast"),
])
def test_what_is_wrong_is_one_line_and_a_code(detect, tiny, words, code, said):
    before = contents(tiny)
    ended = detect(*words)
    assert ended.code == code
    assert said in ended.error
    assert contents(tiny) == before


def test_a_scorer_that_was_not_trained_is_78(installed, tmp_path):
    write_lines(tmp_path / "load.csv", hourly(300))
    assert installed("train", "load.csv", "-q", "--hidden", "4", "--epochs", "1", "--threads", "1", "--objective",
                     "forecast").code == 0
    assert installed("detect-anomalies", "-q").code == 0
    ended = installed("detect-anomalies", "--scorer", "combined")
    assert ended.code == 78
    assert "not trained for --scorer combined" in ended.error


def test_a_model_that_knows_no_normal_rows_is_78(installed, model):
    write_lines(model.with_name("load.csv"), hourly(300))
    ended = installed("detect-anomalies", "load.csv")
    assert ended.code == 78


def test_series_that_are_new_are_judged_with_a_note(tmp_path):
    lines = [f"{name},{line}" for name in "ab" for line in hourly(200)]
    write_lines(tmp_path / "load.csv", lines, "unique_id,ds,y")
    assert run_installed("train", "load.csv", "-q", "--hidden", "4", "--epochs", "1", "--threads", "1",
                         folder=tmp_path).code == 0
    lines = [f"{name},{line}" for line in hourly(150) for name in "ac"]
    write_lines(tmp_path / "new.csv", lines, "unique_id,ds,y")
    ended = run_installed("detect-anomalies", "new.csv", "--scores", "scores.csv", folder=tmp_path)
    assert ended.code == 0
    assert "1 series not trained on (c): they are judged by the scale of all the others" in ended.err
    with (tmp_path / "scores.csv").open(newline="") as file:
        scores = list(csv.DictReader(file))
    assert [f"{line['unique_id']},{line['ds']},{line['y']}" for line in scores] == lines
    assert {line["unique_id"] for line in scores if line["score"]} == {"a", "c"}


def test_a_plot_is_drawn_beside_the_events(detect, tiny):
    assert detect(*OFTEN, "-q", "--plot", "events.svg").code == 0
    drawn = (tiny / "events.svg").read_text()
    for part in ("observed", "expected", "score", "threshold", "event"):
        assert f'id="{part}"' in drawn


def test_standard_input_is_read_where_it_is_named(tiny):
    ran = subprocess.run([*COMMAND, "detect-anomalies", "-", *OFTEN, "-q"], cwd=tiny, env=clean_environment(),
                         input=(tiny / "load.csv").read_bytes(), capture_output=True, check=True)
    named = run_installed("detect-anomalies", *OFTEN, "-q", folder=tiny)
    assert ran.stdout.decode() == named.out
