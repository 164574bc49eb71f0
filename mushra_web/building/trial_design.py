"""Which trials a method makes of an item and its conditions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mushra_web.building.assignment import condition_groups
from mushra_web.listening_test import REFERENCE, UNKNOWN_PREFIX, Method


@dataclass(frozen=True, slots=True)
class TrialDesign:
    """A trial before it has ids and files.

    Attributes:
        item: the item.
        has_reference: whether a reference is announced.
        conditions: what is rated, named as in :class:`mushra_web.listening_test.Stimulus`.
    """

    item: str
    has_reference: bool
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a test compares on every item."""

    conditions: tuple[str, ...]
    anchors: tuple[str, ...]
    pairs: tuple[tuple[str, ...], ...]


def designs(
    method: Method, item: str, comparison: Comparison, generator: np.random.Generator
) -> tuple[TrialDesign, ...]:
    """All trials of an item.

    Args:
        method: how listeners rate.
        item: the item.
        comparison: conditions, anchors of a MUSHRA test, and pairs where the method has pairs.
        generator: of the dealing of conditions to the trials of a blocked test.
    """
    return DESIGNS[method](item, comparison, generator)


def _mushra(
    item: str, comparison: Comparison, generator: np.random.Generator
) -> tuple[TrialDesign, ...]:
    common = (REFERENCE, *comparison.anchors)
    groups = condition_groups(comparison.conditions, len(common), generator)
    return tuple(TrialDesign(item, True, (*common, *group)) for group in groups)


def _bs1116(item: str, comparison: Comparison, _: object) -> tuple[TrialDesign, ...]:
    return tuple(TrialDesign(item, True, (REFERENCE, c)) for c in comparison.conditions)


def _preference(item: str, comparison: Comparison, _: object) -> tuple[TrialDesign, ...]:
    pairs: Sequence[tuple[str, ...]] = comparison.pairs
    if not pairs:
        pairs = tuple(itertools.combinations(comparison.conditions, 2))
    return tuple(TrialDesign(item, False, tuple(pair)) for pair in pairs)


def _abx(item: str, comparison: Comparison, _: object) -> tuple[TrialDesign, ...]:
    return tuple(
        TrialDesign(item, False, (a, b, UNKNOWN_PREFIX + a, UNKNOWN_PREFIX + b))
        for a, b in _pairs_with_reference(comparison)
    )


def _acr(item: str, comparison: Comparison, _: object) -> tuple[TrialDesign, ...]:
    return tuple(TrialDesign(item, False, (c,)) for c in (REFERENCE, *comparison.conditions))


def _dcr(item: str, comparison: Comparison, _: object) -> tuple[TrialDesign, ...]:
    return tuple(TrialDesign(item, True, (c,)) for c in (REFERENCE, *comparison.conditions))


def _ccr(item: str, comparison: Comparison, _: object) -> tuple[TrialDesign, ...]:
    return tuple(TrialDesign(item, False, (a, b)) for a, b in _pairs_with_reference(comparison))


def _pairs_with_reference(comparison: Comparison) -> list[tuple[str, str]]:
    if comparison.pairs:
        return [(pair[0], pair[1]) for pair in comparison.pairs]
    return [(REFERENCE, condition) for condition in comparison.conditions]


DESIGNS: dict[Method, Callable[[str, Comparison, np.random.Generator], tuple[TrialDesign, ...]]] = {
    "mushra": _mushra,
    "bs1116": _bs1116,
    "ab": _preference,
    "abx": _abx,
    "acr": _acr,
    "dcr": _dcr,
    "ccr": _ccr,
}
