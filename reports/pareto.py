"""Which of several conditions no other one beats in cost and quality at once."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other dominates, by rising cost.

    A point dominates another if it costs no more and is no worse, and differs in one of them.

    Args:
        points: cost, the lower the better, and quality, the higher the better.

    >>> pareto_front([(1.0, 1.0), (2.0, 0.5), (3.0, 2.0)])
    [0, 2]
    """
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if not front or points[index][1] > points[front[-1]][1]:
            front.append(index)
    return front
