"""Which packets of a stream are lost on the way, by two models, from a seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_MODEL = "random"
MEAN_BURST = 3.0  # packets; of the losses that follow one another in the Gilbert model


def random_losses(n_packets: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Losses that know nothing of each other (a Bernoulli process).

    Args:
        n_packets: length of the stream.
        share: probability that a packet is lost, 0 to 1.
        rng: where the draws come from.

    Returns:
        Shape ``(n_packets,)``; true where the packet is lost.
    """
    return rng.random(n_packets) < share


def gilbert_losses(n_packets: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    r"""Losses in bursts: a Markov chain of a state that loses all packets and one that loses none.

    A burst lasts :math:`L = 3` packets in the mean, and longer where losses of more than three
    packets in four leave no room for so short ones. With the share :math:`s` of lost packets the
    chain leaves the losing state with probability :math:`q = 1 / L` and enters it with

    .. math:: p = q \frac{s}{1 - s}

    Sources: Gilbert (1960), "Capacity of a burst-noise channel", with nothing lost in the good
    state and everything in the bad; Elliott (1963), "Estimates of error rates for codes on
    burst-noise channels".

    Args:
        n_packets: length of the stream.
        share: share of packets that are lost in the long run, 0 to 1.
        rng: where the draws come from.

    Returns:
        Shape ``(n_packets,)``; true where the packet is lost.
    """
    if share in (0, 1):
        return np.full(n_packets, bool(share))
    odds = share / (1 - share)
    leave = min(1 / MEAN_BURST, 1 / odds)
    enter = leave * odds
    lost = np.zeros(n_packets, np.bool_)
    is_lost = bool(rng.random() < share)
    for index, draw in enumerate(rng.random(n_packets)):
        lost[index] = is_lost
        is_lost = draw >= leave if is_lost else draw < enter
    return lost


LOSS_MODELS: Mapping[str, Callable[[int, float, np.random.Generator], NDArray[np.bool_]]] = {
    DEFAULT_MODEL: random_losses,
    "gilbert": gilbert_losses,
}


@dataclass(frozen=True, slots=True)
class LossPlan:
    """The losses that are asked for.

    Attributes:
        percents: shares of lost packets; 0 among them stands for the path without loss.
        model: a name of ``LOSS_MODELS``.
        seed: of the patterns.
    """

    percents: tuple[float, ...] = (0.0,)
    model: str = DEFAULT_MODEL
    seed: int = 0


def losses_of_item(
    item_sha256: str, n_packets: int, *, percent: float, model: str, seed: int
) -> NDArray[np.bool_]:
    """The packets of an item that are lost, the same for every codec with as many packets.

    Args:
        item_sha256: which item.
        n_packets: length of its stream.
        percent: share of lost packets.
        model: a name of ``LOSS_MODELS``.
        seed: another one gives another pattern.
    """
    text = f"{item_sha256} {percent:g} {model} {seed}"
    rng = np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))
    return LOSS_MODELS[model](n_packets, percent / 100, rng)
