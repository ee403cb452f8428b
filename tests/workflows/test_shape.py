"""The scale that several series share is found on the past, and only where several share a network."""

import numpy as np
import pytest
from small_panels import ROWS, options_of, panel_of

from grucast.workflows.learning.learn import prepare


def places(seed: int = 0) -> list[np.ndarray]:
    """Three places whose days multiply: quiet nights, busy days, of very unlike size; (ROWS, 1) each."""
    rng = np.random.default_rng(seed)
    day = np.sin(np.arange(ROWS) * 2 * np.pi / 24)
    weather = np.cumsum(rng.normal(scale=0.15, size=(3, ROWS)), axis=1) * 0.5
    return [(size * np.exp(2.0 * day + one))[:, None] for size, one in zip((1.0, 30.0, 2000.0), weather, strict=True)]


def sums(seed: int = 0) -> list[np.ndarray]:
    """Three places whose days add up, far from zero; (ROWS, 1) each."""
    rng = np.random.default_rng(seed)
    day = np.sin(np.arange(ROWS) * 2 * np.pi / 24)
    return [(50 + 3 * day + rng.normal(size=ROWS))[:, None] for _ in range(3)]


def test_places_whose_days_multiply_share_a_scale_on_which_steps_are_relative_and_it_is_said():
    prepared = prepare(panel_of(*places()), options_of())
    assert prepared.scales.transform.kind == "asinh"
    assert any("asinh scale" in note and "--transform none" in note for note in prepared.notes)


@pytest.mark.parametrize("arrays", [sums(), places()[:1], [np.concatenate(places(), axis=1)]],
                         ids=["days that add up", "one series", "columns of one system"])
def test_others_are_taken_as_they_are(arrays):
    prepared = prepare(panel_of(*arrays), options_of())
    assert prepared.scales.transform.kind == "none"
    assert not any("asinh" in note for note in prepared.notes)


@pytest.mark.parametrize("kind", ["none", "log"])
def test_the_one_that_is_asked_for_is_taken(kind):
    prepared = prepare(panel_of(*places()), options_of(transform=kind))
    assert prepared.scales.transform.kind == kind
    assert not any("asinh" in note for note in prepared.notes)


def test_rows_after_the_validation_part_do_not_matter():
    before = places()
    after = [one.copy() for one in before]
    start = prepare(panel_of(*before), options_of()).splits[0].calibration_rows[0]
    for one in after:
        one[start:] = 7.0 - one[start:]
    kinds = [prepare(panel_of(*arrays), options_of()).scales.transform.kind for arrays in (before, after)]
    assert kinds == ["asinh", "asinh"]


def test_series_that_never_moved_in_training_do_not_count():
    still = np.full((ROWS, 1), 3.0)
    assert prepare(panel_of(still, still, still), options_of()).scales.transform.kind == "none"
    assert prepare(panel_of(*places(), still), options_of()).scales.transform.kind == "asinh"
