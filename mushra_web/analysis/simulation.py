"""Listening tests that never took place: ratings drawn from a stated model, for planning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import scipy.stats

from mushra_web.analysis.screening import Rule
from mushra_web.listening_test import LOW_ANCHOR, MID_ANCHOR, REFERENCE
from mushra_web.ratings import Rating, RatingsTable, collect

if TYPE_CHECKING:
    from numpy.typing import NDArray

Protocol = Literal["hilcodec", "bs1534-3"]

SECONDS_PER_STIMULUS = 8.0  # of a listener who listens
CARELESS = "careless"  # how the names of careless listeners begin


@dataclass(frozen=True, slots=True)
class Model:
    r"""Where ratings come from.

    .. math:: s_{lci} = \mu_c + L_l + I_i + T_{lc} + D_{ic} + E_{lci}

    rounded and limited to 0 to 100, with normal effects of listener, item, a listener's taste for a
    condition, how an item suits a condition, and error. The hidden reference gets 100 less a half
    normal error, and with a small probability the score of a listener who took another stimulus for
    it. Careless listeners rate everything at random, in turn uniformly and all 100.

    Attributes:
        means: expected score of each condition before the limits, without the hidden reference.
        listener: standard deviation of listeners' levels, in points.
        item: of items.
        taste: of listeners' views of a condition.
        suitability: of items' effects on a condition.
        error: of repeated ratings.
        reference_error: scale of the half normal error of the hidden reference.
        slip: probability that a listener misses the hidden reference.
    """

    means: Mapping[str, float]
    listener: float = 6.0
    item: float = 5.0
    taste: float = 4.0
    suitability: float = 4.0
    error: float = 8.0
    reference_error: float = 2.0
    slip: float = 0.002

    def expected_score(self, condition: str) -> float:
        r"""Mean score over all listeners and items, the limits taken into account.

        .. math:: E = \mu\,(\Phi_b - \Phi_a) + \sigma\,(\phi_a - \phi_b) + 100\,(1 - \Phi_b)

        with the normal densities and distributions at both limits.
        """
        mean = self.means[condition]
        spread = math.sqrt(
            sum(s**2 for s in (self.listener, self.item, self.taste, self.suitability, self.error))
        )
        if spread == 0:
            return min(max(mean, 0.0), 100.0)
        normal = scipy.stats.norm
        low, high = -mean / spread, (100 - mean) / spread
        inner = float(normal.cdf(high) - normal.cdf(low))
        edges = float(normal.pdf(low) - normal.pdf(high))
        return mean * inner + spread * edges + 100 * float(normal.sf(high))


@dataclass(frozen=True, slots=True)
class Design:
    """Who rates what.

    Attributes:
        items: category of each item by its name.
        listeners: careful and careless ones together.
        careless: how many of them do not listen.
        rule: the screening that the protocol prescribes.
    """

    items: Mapping[str, str]
    listeners: int
    careless: int
    rule: Rule


SYSTEMS = {"codec-a": 83.0, "codec-b": 75.0, "codec-c": 66.0, "codec-d": 63.0}
MODELS: dict[Protocol, Model] = {
    "hilcodec": Model({**SYSTEMS, LOW_ANCHOR: 45.0}),
    "bs1534-3": Model({**SYSTEMS, MID_ANCHOR: 48.0, LOW_ANCHOR: 28.0}),
}
RULES: dict[Protocol, Rule] = {"hilcodec": "low-anchor", "bs1534-3": "bs1534-3"}
SPREADS = ("listener", "item", "taste", "suitability", "error", "reference_error")
CATEGORIES = ("clean_speech", "noisy_speech", "music")


def changed_model(
    protocol: Protocol, means: Mapping[str, float], spreads: Mapping[str, float]
) -> Model:
    """The model of a protocol, with other systems or other spreads; its anchors stay.

    Args:
        protocol: which one.
        means: expected score of each system; those of the protocol if empty.
        spreads: standard deviations by the name of the field of :class:`Model`.

    Raises:
        ValueError: a spread is unknown or negative, there is one system, or a mean is off the
            scale.
    """
    usual = MODELS[protocol]
    unknown = sorted(set(spreads) - set(SPREADS))
    if unknown or any(value < 0 for value in spreads.values()):
        raise ValueError(
            f"got spreads {dict(spreads)}; numbers of at least 0 for {', '.join(SPREADS)} expected."
        )
    anchors = {n: mean for n, mean in usual.means.items() if n not in SYSTEMS}
    taken = sorted(set(means) & {REFERENCE, *anchors})
    if len(means) == 1 or taken or not all(0 <= mean <= 100 for mean in means.values()):
        raise ValueError(
            f"got means {dict(means)}; 0 to 100 for two systems or more expected, which are not "
            f"called {REFERENCE} or {', '.join(anchors)}."
        )
    return replace(usual, means={**(means or SYSTEMS), **anchors}, **spreads)


def protocol_design(
    protocol: Protocol, *, items: int = 12, listeners: int = 13, careless: int = 2
) -> Design:
    """A design with equally many items of clean speech, noisy speech and music.

    Raises:
        ValueError: there are fewer than two items, or than two careful listeners.
    """
    if items < 2 or careless < 0 or listeners - careless < 2:
        raise ValueError(
            f"got {items} items and {listeners} listeners, {careless} of them careless; "
            "at least two items and two careful listeners expected."
        )
    names = {f"item{n + 1:02}": CATEGORIES[n * len(CATEGORIES) // items] for n in range(items)}
    return Design(names, listeners, careless, RULES[protocol])


def simulate(model: Model, design: Design, rng: np.random.Generator, *, name: str) -> RatingsTable:
    """Ratings of one test.

    Args:
        model: where ratings come from.
        design: who rates what.
        rng: where effects and errors come from.
        name: id of the test.
    """
    conditions = (REFERENCE, *model.means)
    scores = np.concatenate(
        [
            careful_scores(model, design.listeners - design.careless, len(design.items), rng),
            _careless_scores(design.careless, len(conditions), len(design.items), rng),
        ]
    )
    order = rng.permutation(design.listeners)  # the careless ones do not come last
    rows = []
    for number, who in enumerate(order, start=1):
        careless = who >= design.listeners - design.careless
        listener = f"{CARELESS if careless else 'listener'}{number:02}"
        for i, (item, category) in enumerate(design.items.items()):
            seconds = SECONDS_PER_STIMULUS * len(conditions) * rng.uniform(0.6, 1.6)
            for position, c in enumerate(rng.permutation(len(conditions)), start=1):
                rating = Rating(
                    test=name,
                    session=listener,
                    listener=listener,
                    trial=item,
                    item=item,
                    category=category,
                    condition=conditions[c],
                    score=float(scores[who, c, i]),
                    position=position,
                    seconds=round(seconds, 1),
                    method="mushra",
                )
                rows.append((f"{listener}, {item}", rating))
    return collect(rows)


def careful_scores(
    model: Model, n_listeners: int, n_items: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Scores of listeners who listen, the hidden reference first.

    Returns:
        Shape ``(listeners, 1 + conditions, items)``.
    """
    means = np.fromiter(model.means.values(), float)
    shape = (n_listeners, means.size, n_items)
    systems = (
        means[:, None]
        + rng.normal(0, model.listener, (n_listeners, 1, 1))
        + rng.normal(0, model.item, n_items)
        + rng.normal(0, model.taste, (n_listeners, means.size, 1))
        + rng.normal(0, model.suitability, (means.size, n_items))
        + rng.normal(0, model.error, shape)
    )
    reference = 100 - np.abs(rng.normal(0, model.reference_error, (n_listeners, 1, n_items)))
    missed = rng.random(reference.shape) < model.slip
    reference = np.where(missed, systems[:, :1], reference)
    return np.clip(np.round(np.concatenate([reference, systems], axis=1)), 0, 100)


def _careless_scores(
    n_listeners: int, n_conditions: int, n_items: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    scores = np.round(rng.uniform(0, 100, (n_listeners, n_conditions, n_items)))
    scores[1::2] = 100  # who only presses Next leaves webMUSHRA's sliders where they are
    return scores
