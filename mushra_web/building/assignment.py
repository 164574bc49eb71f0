"""Which trials a listener gets, so that every trial is heard by equally many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from mushra_web.listening_test import LOW_ANCHOR, MID_ANCHOR, REFERENCE

MAX_SIGNALS = 12  # per trial, hidden reference and anchors included; ITU-R BS.1534-3, 5.1

Entry = TypeVar("Entry")


def latin_order(trials_by_item: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """All trials, in rows of one trial per item; from row to row each item goes on to its next.

    With as many trials for every item, as many consecutive trials as there are items hold each item
    once, and the rows are those of a Latin square.

    Args:
        trials_by_item: for each item its trials, equally many.

    Raises:
        ValueError: the items have unequally many trials.

    >>> latin_order([["a1", "a2"], ["b1", "b2"], ["c1", "c2"]])
    ('a1', 'b2', 'c1', 'a2', 'b1', 'c2')
    """
    counts = {len(trials) for trials in trials_by_item}
    if len(counts) != 1:
        raise ValueError(f"items have {sorted(counts)} trials; equally many expected.")
    (count,) = counts
    return tuple(
        trials[(row + column) % count]
        for row in range(count)
        for column, trials in enumerate(trials_by_item)
    )


def cyclic_blocks(trials: Sequence[str], size: int) -> tuple[tuple[str, ...], ...]:
    """Blocks of ``size`` trials in which every trial occurs equally often.

    Args:
        trials: in the order in which they go round.
        size: trials of each block.

    Raises:
        ValueError: a block would be empty or hold a trial twice.

    >>> cyclic_blocks(["a", "b", "c"], 2)
    (('a', 'b'), ('c', 'a'), ('b', 'c'))
    """
    n = len(trials)
    if not 1 <= size <= n:
        raise ValueError(f"{size} trials per listener were asked for; 1 to {n} expected.")
    n_blocks = n // math.gcd(n, size)
    return tuple(
        tuple(trials[(block * size + place) % n] for place in range(size))
        for block in range(n_blocks)
    )


def interleaved(groups: Sequence[Sequence[Entry]]) -> list[Entry]:
    """Entries taken from the groups in turn, so that a stretch of them holds all groups.

    >>> interleaved([[1, 2, 3], [7, 8]])
    [1, 7, 2, 8, 3]
    """
    longest = max(map(len, groups), default=0)
    return [group[index] for index in range(longest) for group in groups if index < len(group)]


def condition_groups(
    conditions: Sequence[str], n_common: int, generator: np.random.Generator
) -> tuple[tuple[str, ...], ...]:
    """Conditions dealt to as few trials as the limit of signals allows, of nearly equal size.

    Drawn anew for every item, so that over many items any two conditions meet in some trial.

    Args:
        conditions: all of them.
        n_common: signals that every trial has besides.
        generator: of the dealing.
    """
    n_groups = groups_needed(len(conditions), n_common)
    shuffled = [conditions[index] for index in generator.permutation(len(conditions))]
    return tuple(tuple(shuffled[group::n_groups]) for group in range(n_groups))


def groups_needed(n_conditions: int, n_common: int) -> int:
    """Trials per item that it takes to keep within twelve signals.

    >>> groups_needed(9, 3), groups_needed(40, 3)
    (1, 5)
    """
    return math.ceil(n_conditions / (MAX_SIGNALS - n_common))


def too_many_signals(n_conditions: int, anchors: Sequence[str], n_items: int) -> str:
    """Why a trial of all conditions breaks the standard, and the blocked design that does not."""
    n_common = 1 + len(anchors)
    n_groups = groups_needed(n_conditions, n_common)
    each = math.ceil(n_conditions / n_groups)
    names = {LOW_ANCHOR: "3.5 kHz anchor", MID_ANCHOR: "7 kHz anchor", REFERENCE: "reference"}
    common = ", ".join(["hidden reference", *(names[anchor] for anchor in anchors)])
    return (
        f"{n_conditions} conditions with {common} are {n_conditions + n_common} signals per trial; "
        f"ITU-R BS.1534-3 allows {MAX_SIGNALS}. Name fewer with --conditions, or take --blocked: "
        f"{n_groups} trials for each of {n_items} items with at most {each} conditions each, dealt "
        f"anew for every item, and every listener in turn gets one trial of each item "
        f"({n_groups} groups of listeners)."
    )
