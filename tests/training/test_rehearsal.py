"""Training on: half old windows and half new ones, from the weights that are there."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grucast.training.fit import Run
from grucast.training.sampling import sampler_of
from grucast.training.update import Going, between, rehearsal
from tests.training.small_fit import SAMPLER, job_of, same, trained

NOTHING = sampler_of(np.array([5, 5]), np.array([1, 2]))


def drawn(sampler, size=4_000):
    return sampler.draw(size, np.random.default_rng(0))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5_000), st.integers(1, 50), st.integers(1, 3))
def test_half_of_what_is_drawn_is_old_however_few_windows_are_new(old, new, streams):
    first = np.zeros(streams, dtype=np.int64)
    both = rehearsal(sampler_of(first, first + old - 1), sampler_of(first + 10_000, first + 10_000 + new - 1))
    _, cutoff = drawn(both)
    assert abs(np.mean(cutoff < 10_000) - 0.5) < 5 * np.sqrt(0.25 / 4_000)
    assert both.windows == streams * (old + new)


def test_where_nothing_is_old_all_is_new_and_the_other_way_round():
    some = sampler_of(np.array([3, 9]), np.array([4, 8]))
    for both in (rehearsal(NOTHING, some), rehearsal(some, NOTHING)):
        stream, cutoff = drawn(both, 200)
        assert set(zip(stream.tolist(), cutoff.tolist(), strict=True)) == {(0, 3), (0, 4)}


def test_of_nothing_at_all_nothing_can_be_drawn():
    assert rehearsal(NOTHING, NOTHING).windows == 0


def test_training_goes_on_from_the_weights_that_are_there():
    job = job_of()
    start = trained(job)[0].weights
    going = Going(job, [{**start, "state.mean": np.ones(4, dtype=np.float32)}], Run())
    assert going.train(SAMPLER, 3, 1e-6)
    assert going.members[0].keys() == start.keys()  # what was computed and not trained is left out
    largest = max(float(np.abs(going.members[0][name] - value).max()) for name, value in start.items())
    assert 0 < largest < 1e-5


def test_where_there_is_no_time_the_weights_stay():
    job = job_of()
    start = trained(job)[0].weights
    going = Going(job, [start], Run(deadline=0.0))
    assert not going.train(SAMPLER, 3, 1.0)
    assert same(going.members[0], start)


def test_each_member_draws_windows_of_its_own_and_one_seed_gives_the_same_weights():
    job = job_of(members=2)
    start = trained(job)[0].weights
    one, two = (Going(job, [start, start], Run()) for _ in range(2))
    for going in (one, two):
        going.train(SAMPLER, 2, 0.5)
    assert not same(one.members[0], one.members[1])
    assert same(one.members[0], two.members[0])
    assert same(one.members[1], two.members[1])


def test_weights_on_the_way_lie_in_proportion_and_what_is_new_stays_new():
    old = {"a": np.array([1.0, -2.0], dtype=np.float32)}
    new = {"a": np.array([5.0, 2.0], dtype=np.float32), "b": np.array([7.0], dtype=np.float32)}
    found = between(old, new, 0.25)
    assert found["a"].tolist() == [2.0, -1.0]
    assert found["b"].tolist() == [7.0]
    assert found["a"].dtype == np.float32


def test_weights_on_the_way_between_rounded_ones_are_rounded_too():
    old, new = ({"head.out.weight": np.full((1, 2), value, dtype=np.float32)} for value in (1.0, 1.0 + 2.0**-10))
    # a quarter of the way from a number of half precision to the next is rounded to the first
    assert between(old, new, 0.25)["head.out.weight"].tolist() == [[1.0, 1.0]]


def test_training_goes_on_from_the_weights_that_it_is_given():
    job = job_of()
    start, other = trained(job)[0].weights, {name: value + 1 for name, value in trained(job)[0].weights.items()}
    held, begun = Going(job, [start], Run()), Going(job, [other], Run())
    held.hold([other])
    for going in (held, begun):
        going.train(SAMPLER, 2, 0.5)
    assert same(held.members[0], begun.members[0])
