"""A fit that time ran out for, and one that was killed."""

import math

import pytest
from small_fit import SAMPLER, assert_same_weights, job_of, trained

from grucast.core.config import OPTIMIZERS
from grucast.core.errors import InputMissing, ModelError, UsageError
from grucast.training import fit as fitting
from grucast.training.ensemble import train_more
from grucast.training.fit import Run
from grucast.training.resume import Keeper

# ---- time ----------------------------------------------------------------------------------------


def test_a_deadline_that_has_passed_gives_the_start_of_one_member():
    found = trained(job_of(members=3), Run(deadline=-1.0))
    assert len(found) == 1
    assert found[0].steps == 0
    assert math.isfinite(found[0].loss)


def test_a_deadline_in_the_middle_gives_the_best_so_far(monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(fitting.time, "monotonic", lambda: next(ticks))
    early = trained(job_of(epochs=9), Run(deadline=12))[0]
    monkeypatch.setattr(fitting.time, "monotonic", lambda: 0.0)
    whole = trained(job_of(epochs=9))[0]
    begun = trained(job_of(), Run(deadline=-1.0))[0]
    assert early.epochs < whole.epochs
    assert whole.loss <= early.loss <= begun.loss


@pytest.mark.parametrize("anew", [True, False])
def test_half_of_more_training_is_not_used(anew):
    job = job_of(learning_rate=0.003)
    found = trained(job)
    present = found[0].weights
    assert train_more(job, SAMPLER, [(present, found[0])], Run(deadline=-1.0), anew=anew)[0] is present


# ---- going on after a kill -----------------------------------------------------------------------


class KilledError(Exception):
    """Stands in for the end of the process."""


class Dying(Keeper):
    """Keeps a run until it dies, after so many epochs of all members together."""

    def __init__(self, model, key, epochs):
        super().__init__(model, key)
        self.left = epochs

    def keep(self, state):
        super().keep(state)
        self.left -= 1
        if not self.left:
            raise KilledError


@pytest.mark.parametrize("after", [1, 2, 4])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_that_was_killed_goes_on_to_the_same_weights(tmp_path, optimizer, after):
    job = job_of(members=2, optimizer=optimizer, model={"layers": 2}, learning_rate=0.003)
    wanted = trained(job)
    assert wanted[0].steps == wanted[1].steps == 12
    model = tmp_path / "a.grucast"
    with pytest.raises(KilledError):
        trained(job, Run(keeper=Dying(model, "key", after)))
    fitting.torch.manual_seed(99)  # another process
    keeper = Keeper(model, "key")
    keeper.recall()
    found = trained(job, Run(keeper=keeper))
    assert_same_weights(wanted, found)
    assert [(one.steps, one.epochs, one.loss, one.start) for one in found] == [
        (one.steps, one.epochs, one.loss, one.start) for one in wanted
    ]


def killed(tmp_path, key="data and options"):
    model = tmp_path / "a.grucast"
    with pytest.raises(KilledError):
        trained(job_of(), Run(keeper=Dying(model, key, 1)))
    return model


def test_a_run_with_other_data_or_options_is_not_gone_on_with(tmp_path):
    model = killed(tmp_path)
    with pytest.raises(UsageError, match=r"^--resume: the killed run had other data or options"):
        Keeper(model, "other options").recall()


def test_where_nothing_was_killed_there_is_nothing_to_go_on_with(tmp_path):
    with pytest.raises(InputMissing, match=r"\.a\.grucast\.resume: there is no run to go on with"):
        Keeper(tmp_path / "a.grucast", "key").recall()


@pytest.mark.parametrize("length", [0, 7, 100, 1000])
def test_a_kept_run_that_was_cut_is_refused(tmp_path, length):
    keeper = Keeper(killed(tmp_path), "data and options")
    keeper.path.write_bytes(keeper.path.read_bytes()[:length])
    with pytest.raises(ModelError, match="damaged; leave --resume out to begin anew"):
        keeper.recall()


def test_after_success_nothing_is_left_beside_the_model(tmp_path):
    model = killed(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [".a.grucast.resume"]
    Keeper(model, "data and options").forget()
    assert list(tmp_path.iterdir()) == []
