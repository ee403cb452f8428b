"""Trials that are planned: one change at a time, what helped together, what is near the best."""

from __future__ import annotations

import numpy as np
import pytest

from grucast.core.config import NetworkOptions, TrainOptions, WindowOptions
from grucast.workflows.learning.learn import prepare
from grucast.workflows.tuning.planned import near, one_change_each, together
from grucast.workflows.tuning.space import changes, defaults, space_of
from tests.workflows.small_panels import panel_of, values


@pytest.fixture(scope="module")
def space():
    options = TrainOptions(WindowOptions(horizon=6, context_length=None, season=()))
    return space_of(prepare(panel_of(values()), options), options)


def changed(space, trials):
    return [changes(space, one) for one in trials]


def test_every_trial_after_the_defaults_changes_one_setting_and_none_comes_twice(space):
    found = changed(space, one_change_each(space))
    assert [len(one) for one in found] == [1] * len(found)
    assert len({tuple(one.items()) for one in found}) == len(found)
    assert {name for one in found for name in one} == {one.name for one in space}


def test_the_first_choice_of_every_setting_comes_before_the_second_of_any(space):
    names = [name for one in changed(space, one_change_each(space)) for name in one]
    assert names[: len(space)] == ["context_length", "learning_rate", "transform", "layers", "hidden", "season",
                                   "dropout", "cell", "batch_size"]
    assert names[len(space):] == ["context_length", "transform", "dropout", "cell"]


def test_single_changes_are_those_worth_a_trial(space):
    found = [(name, value) for one in changed(space, one_change_each(space)) for name, value in one.items()]
    usual = defaults(space)["context_length"]
    assert ("context_length", 2 * usual) in found
    assert ("context_length", usual // 2) in found
    for each in (("learning_rate", 0.0016), ("transform", "asinh"), ("transform", "log"), ("layers", 2), ("hidden", 64),
                 ("season", "1"), ("dropout", 0.1), ("dropout", 0.5), ("cell", "lstm"), ("batch_size", 64)):
        assert each in found


def test_what_is_given_is_not_changed():
    options = TrainOptions(WindowOptions(horizon=6, context_length=24), NetworkOptions(cell="gru", hidden=4))
    some = space_of(prepare(panel_of(values()), options), options)
    named = {name for one in changed(some, one_change_each(some)) for name in one}
    assert named == {"learning_rate", "transform", "layers", "season", "dropout", "batch_size"}


def test_changes_that_were_worse_nowhere_are_joined_the_two_that_helped_most_first(space):
    errors = [({}, [1.0, 2.0]),
              ({"layers": 2}, [0.9, 1.9]),
              ({"hidden": 64}, [0.8, 1.6]),
              ({"dropout": 0.1}, [0.95, 1.9]),
              ({"dropout": 0.5}, [0.99, 1.99]),  # the other value helped more
              ({"cell": "lstm"}, [0.5, 2.1]),  # worse at one origin
              ({"transform": "log", "season": "1"}, [0.1, 0.1])]  # two changes: which of them helped?
    assert changed(space, together(space, errors)) == [
        {"layers": 2, "hidden": 64}, {"layers": 2, "hidden": 64, "dropout": 0.1}]


def test_there_is_nothing_to_join_where_less_than_two_changes_helped(space):
    assert together(space, [({}, [1.0, 2.0]), ({"layers": 2}, [0.9, 1.9]), ({"hidden": 64}, [0.8, 2.1])]) == []
    assert together(space, [({"layers": 2}, [0.9]), ({"hidden": 64}, [0.8])]) == []  # the defaults have no error
    two = [({}, [1.0]), ({"layers": 2}, [0.9]), ({"hidden": 64}, [0.8])]
    assert changed(space, together(space, two)) == [{"layers": 2, "hidden": 64}]


def test_what_is_near_a_trial_differs_from_it_in_one_or_two_settings_and_from_all_that_were_tried(space):
    best, tried = {"layers": 2, "dropout": 0.1}, [{}, {"layers": 2, "dropout": 0.1}]
    steps = set()
    for seed in range(40):
        chosen = near(space, [best], tried, np.random.default_rng(seed))
        base = {**defaults(space), **best}
        steps.add(sum(chosen[name] != base[name] for name in base))
        assert changes(space, chosen) not in tried
        assert all(chosen[one.name] in one.values or one.range for one in space)
        assert 5e-4 <= chosen["learning_rate"] <= 2e-2
    assert steps == {1, 2}


def test_the_same_draw_gives_the_same_trial(space):
    one, two = (near(space, [{}], [{}], np.random.default_rng((3, 17))) for _ in range(2))
    assert one == two
