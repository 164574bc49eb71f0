"""Which packets are lost, and what a run makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.packet_loss import LOSS_MODELS, MEAN_BURST, gilbert_losses, losses_of_item

LONG = 200_000


def bursts(lost):
    """Lengths of the runs of losses."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], lost.astype(int), [0]))))
    return edges[1::2] - edges[::2]


@pytest.mark.parametrize("model", LOSS_MODELS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.9])
def test_share_of_losses_is_the_one_that_was_asked_for(model, share):
    lost = LOSS_MODELS[model](LONG, share, np.random.default_rng(1))
    assert lost.shape == (LONG,)
    assert lost.mean() == pytest.approx(share, abs=0.01)


def test_random_losses_are_binomial():
    counts = LOSS_MODELS["random"](LONG, 0.1, np.random.default_rng(2)).reshape(-1, 20).sum(axis=1)
    observed = np.bincount(counts, minlength=21)[:6]
    expected = stats.binom.pmf(range(6), 20, 0.1) * counts.size
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 0.001


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_gilbert_losses_come_in_bursts_of_three_in_the_mean(share):
    lengths = bursts(gilbert_losses(LONG, share, np.random.default_rng(3)))
    assert lengths.mean() == pytest.approx(MEAN_BURST, rel=0.08)


def test_random_losses_hardly_come_in_bursts():
    lengths = bursts(LOSS_MODELS["random"](LONG, 0.05, np.random.default_rng(4)))
    assert lengths.mean() == pytest.approx(1 / 0.95, rel=0.02)


@pytest.mark.parametrize("share", [0, 1])
def test_nothing_and_everything_can_be_lost(share):
    assert (gilbert_losses(50, share, np.random.default_rng(5)) == bool(share)).all()


def test_losses_of_an_item_repeat_and_change_with_what_they_depend_on():
    setting = {"percent": 20.0, "model": "random", "seed": 0}
    first = losses_of_item("ab", 100, **setting)
    assert (first == losses_of_item("ab", 100, **setting)).all()
    assert (first != losses_of_item("cd", 100, **setting)).any()
    for name, other in (("percent", 30.0), ("model", "gilbert"), ("seed", 1)):
        assert (first != losses_of_item("ab", 100, **setting | {name: other})).any()
