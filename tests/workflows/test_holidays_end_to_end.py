"""`--holidays` from training to forecast, detection, update and explanation: the dates travel in the model."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from grucast.artifacts.store import load, save
from grucast.cli.boundary import translate
from grucast.core.config import FitOptions, NetworkOptions, ReadOptions, TrainOptions, WindowOptions
from grucast.core.errors import ModelError
from grucast.core.holidays import Holidays
from grucast.workflows.backtest import BacktestRequest, backtest
from grucast.workflows.backtesting.folds import Rolling
from grucast.workflows.detect import DetectRequest, Reported, detect
from grucast.workflows.explain import ExplainRequest, explain
from grucast.workflows.follow import answers, open_following
from grucast.workflows.forecast import ForecastRequest, forecast
from grucast.workflows.inspect import inspect
from grucast.workflows.learning.model_file import unpack
from grucast.workflows.train import TrainRequest, train
from grucast.workflows.update import UpdateRequest, update
from grucast.workflows.updating.settings import options_of
from tests.command import clean_environment, write_lines

FIRST, ROWS, HORIZON = date(2022, 1, 1), 1082, 7  # to 17 December 2024
DAYS_OFF = {"01-01", "05-01", "10-03", "12-25", "12-26"}  # of Germany, at the same date every year; Easter moves
OPTIONS = TrainOptions(
    window=WindowOptions(horizon=HORIZON, context_length=28, season=(7,), holidays=("DE",)),
    network=NetworkOptions(hidden=16, dropout=0.0),
    fit=FitOptions(loss="mse", learning_rate=0.02, epochs=14, patience=14, threads=1))  # what is rare is learned soon
WITHOUT_PACKAGE = """
import sys
sys.modules["holidays"] = None  # importing it is a ModuleNotFoundError
from grucast.cli.app import main
main()
"""


def is_off(day: date) -> bool:
    easter = {2022: date(2022, 4, 17), 2023: date(2023, 4, 9), 2024: date(2024, 3, 31)}.get(day.year)
    return f"{day:%m-%d}" in DAYS_OFF or (easter is not None and (day - easter).days in (-2, 1, 39, 50))


def sales(rows: int) -> list[str]:
    """Daily sales of a shop that has a week, noise, and hardly any customers on German holidays."""
    noise = np.random.default_rng(5).normal(0, 2, rows)
    days = [FIRST + timedelta(days=number) for number in range(rows)]
    return [f"{day},{100 + 8 * (day.weekday() == 5) - 60 * is_off(day) + wave:.2f}"
            for day, wave in zip(days, noise.tolist(), strict=True)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A folder with `sales.csv`, a model that knows the holidays and `plain.grucast`, one that does not."""
    folder = tmp_path_factory.mktemp("shop")
    write_lines(folder / "sales.csv", sales(ROWS), "day,sold")
    for name, holidays in (("sales", ("DE",)), ("plain", ())):
        options = replace(OPTIONS, window=replace(OPTIONS.window, holidays=holidays))
        train(TrainRequest((str(folder / "sales.csv"),), ReadOptions(), options, folder / f"{name}.grucast"))
    return folder


def on(folder, model="sales", data="sales.csv"):
    return str(folder / data), folder / f"{model}.grucast", ReadOptions()


def expected(shop, model, cutoff):
    """The medians of the seven days after a cutoff, by day."""
    found = forecast(ForecastRequest(*on(shop, model), cutoff=cutoff)).forecasts[0]
    return {stamp[5:10]: value for stamp, value in zip(found["ds"], found["y_hat"], strict=True)}


def test_a_forecast_falls_on_a_holiday_that_no_column_tells(shop):
    knowing, plain = (expected(shop, one, "2023-12-22") for one in ("sales", "plain"))
    assert max(knowing["12-25"], knowing["12-26"]) < knowing["12-28"] - 20
    assert abs(plain["12-25"] - plain["12-28"]) < 20


def test_the_default_loss_learns_rare_days_too(shop, tmp_path):
    """Of the 60 that a holiday takes away; gradients of the quantile loss alone found 8."""
    options = replace(OPTIONS, network=NetworkOptions(hidden=16), fit=FitOptions(epochs=4, threads=1))
    train(TrainRequest((str(shop / "sales.csv"),), ReadOptions(), options, tmp_path / "usual.grucast"))
    asked = ForecastRequest(str(shop / "sales.csv"), tmp_path / "usual.grucast", ReadOptions(), cutoff="2024-09-30")
    found = forecast(asked).forecasts[0]
    sold = {stamp[5:10]: value for stamp, value in zip(found["ds"], found["y_hat"], strict=True)}
    assert sold["10-02"] - sold["10-03"] > 50


def test_the_model_tells_whose_holidays_it_knows_and_until_when(shop):
    assert inspect(shop / "sales.grucast")["holidays"] == {"codes": {"": "DE"}, "first": "2022-01-01",
                                                           "last": "2034-12-31"}
    assert inspect(shop / "plain.grucast")["holidays"] is None


@pytest.mark.parametrize("words", [["forecast"], ["detect-anomalies"]], ids=" ".join)
def test_what_scores_needs_neither_the_package_nor_an_option(shop, words):
    ended = subprocess.run([sys.executable, "-c", WITHOUT_PACKAGE, *words, "-m", "sales.grucast", "--json"], cwd=shop,
                           env=clean_environment(), text=True, capture_output=True, stdin=subprocess.DEVNULL,
                           timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)


def test_training_without_the_package_names_the_extra(shop):
    words = ["train", "sales.csv", "--holidays", "DE", "-o", "new.grucast"]
    ended = subprocess.run([sys.executable, "-c", WITHOUT_PACKAGE, *words], cwd=shop, env=clean_environment(),
                           text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=300, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == ("grucast: error: --holidays needs a calendar of countries: pip install "
                            "'grucast[holidays]'\n")


def changed(shop, folder, holidays):
    """The model with other holidays, in a folder of its own."""
    artifact = load(shop / "sales.grucast")
    save(replace(artifact, manifest=replace(artifact.manifest, holidays=holidays)), folder / "sales.grucast")
    return folder / "sales.grucast"


def test_beyond_the_years_that_it_knows_a_run_says_so(shop, tmp_path):
    known = load(shop / "sales.grucast").manifest.holidays
    end = int(np.datetime64("2024-12-20", "D").astype(int))  # the forecast reaches to the 24th
    model = changed(shop, tmp_path, replace(known, last=end))
    with pytest.raises(ModelError, match=r"to 2024-12-20, not those of 2024-12-2\d; train a model anew, or update "
                                         "it") as caught:
        forecast(ForecastRequest(str(shop / "sales.csv"), model, ReadOptions()))
    assert translate(caught.value) is caught.value
    assert caught.value.exit_code == 78


def test_a_model_that_lacks_the_days_of_a_country_is_damaged(shop, tmp_path):
    artifact = load(changed(shop, tmp_path, Holidays({"": "DE"}, {}, 18_993, 23_741)))
    with pytest.raises(ModelError, match="damaged: manifest: it has no holidays of a country that it names"):
        unpack(artifact)


def test_a_followed_stream_scores_as_the_file_does(shop, tmp_path):
    lines, known = sales(ROWS), ROWS - 30
    write_lines(tmp_path / "history.csv", lines[:known], "day,sold")
    following = open_following(DetectRequest(*on(tmp_path, data="history.csv")[:1], shop / "sales.grucast",
                                             ReadOptions()))
    said = [one["score"] for one in answers(following, ["day,sold", *lines[known:]])]
    detect(DetectRequest(*on(shop), report=Reported(scores=tmp_path / "scores.csv")))
    told = [line.split(",") for line in (tmp_path / "scores.csv").read_text().splitlines()]
    whole = [float(line[told[0].index("score")]) for line in told[1 + known :]]
    np.testing.assert_allclose(said, whole, atol=1e-6)


def test_an_explanation_tells_what_holidays_brought(shop):
    found = explain(ExplainRequest(*on(shop)))
    assert {"holidays", "holidays ahead", "calendar"} <= {one["input"] for one in found.document["inputs"]}


def test_a_backtest_takes_the_option(shop):
    pair = []
    for holidays in (("DE",), ()):
        options = replace(OPTIONS, window=replace(OPTIONS.window, holidays=holidays))
        report = backtest(BacktestRequest((str(shop / "sales.csv"),), ReadOptions(), options, Rolling(step=7))).report
        pair.append(report["metrics"]["grucast"]["wql"])
    assert pair[0] < pair[1]


def test_an_update_keeps_them_and_a_full_one_asks_for_them_again(shop, tmp_path):
    write_lines(tmp_path / "sales.csv", sales(ROWS + 60), "day,sold")  # into 2025
    (tmp_path / "sales.grucast").write_bytes((shop / "sales.grucast").read_bytes())
    assert options_of(load(tmp_path / "sales.grucast").manifest).window.holidays == ("DE",)
    try:
        update(UpdateRequest(str(tmp_path / "sales.csv"), tmp_path / "sales.grucast", ReadOptions(), threads=1))
    except ModelError as error:  # sixty days may teach nothing: then the old one stays, for that reason
        assert "made it no better" in str(error)  # noqa: PT017
        return
    assert inspect(tmp_path / "sales.grucast")["holidays"]["last"] == "2035-12-31"
