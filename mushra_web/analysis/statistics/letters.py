"""Compact letter display: conditions that share a letter do not differ significantly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from string import ascii_lowercase


def compact_letters(names: Sequence[str], different: Collection[tuple[str, str]]) -> dict[str, str]:
    """Letters of each condition.

    Starts from one group of all and splits it at each significant pair; groups that lie within
    another are dropped. Source: Piepho (2004), "An algorithm for a letter-based representation of
    all-pairwise comparisons".

    Args:
        names: conditions, the best first; the first letter goes to the first of them.
        different: pairs that differ significantly, in either order.

    >>> compact_letters(["a", "b", "c"], [("a", "c")])
    {'a': 'a', 'b': 'ab', 'c': 'b'}
    """
    groups = [frozenset(names)]
    for first, second in different:
        split: list[frozenset[str]] = []
        for group in groups:
            both = first in group and second in group
            split += [group - {first}, group - {second}] if both else [group]
        groups = [g for g in dict.fromkeys(split) if not any(g < other for other in split)]
    ordered = sorted(groups, key=lambda group: sorted(names.index(name) for name in group))
    return {
        name: "".join(_letter(i) for i, group in enumerate(ordered) if name in group)
        for name in names
    }


def _letter(index: int) -> str:
    """A letter, then letters with a number once the alphabet is used up."""
    turn, place = divmod(index, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(turn) if turn else "")
