"""How often 95 % intervals of a condition's mean, and of a difference, hold the true value.

Draws tests from the model of ``bench mushra simulate``, with effects of listeners and items, and
counts. ``same items`` keeps the items of all tests, so that only listeners are drawn anew and the
true value is that of these items; ``new items`` draws both.

    python tests/benchmarks/interval_coverage.py [--tests 2000]
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from bench.stats import cluster_bootstrap_mean
from mushra_web.analysis.simulation import MODELS, careful_scores
from mushra_web.analysis.statistics.intervals import (
    listener_estimate,
    pooled_interval,
    two_way_estimate,
)

N_LISTENERS, N_ITEMS = 11, 12
MODEL = MODELS["hilcodec"]
FIRST, SECOND = "codec-b", "codec-c"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tests", type=int, default=2000)
    parser.add_argument("--bootstrap", type=int, default=500, help="tests with the slow bootstrap")
    arguments = parser.parse_args()
    print(f"{N_LISTENERS} listeners, {N_ITEMS} items; {arguments.tests} simulated tests")
    for what in ("mean", "difference"):
        report(f"new items, {what}", new_items(arguments, what), arguments)
        report(f"same items, {what}", same_items(arguments, what), arguments)


def report(title: str, hits: Counter[str], arguments: argparse.Namespace) -> None:
    print(title)
    for name in intervals():
        n = arguments.bootstrap if "bootstrap" in name else arguments.tests
        print(f"  {name:42} {hits[name] / n:6.1%}")


def new_items(arguments: argparse.Namespace, what: str) -> Counter[str]:
    rng = np.random.default_rng(1)
    first, second = index(FIRST), index(SECOND)
    truth = MODEL.expected_score(FIRST) - (
        MODEL.expected_score(SECOND) if what == "difference" else 0
    )
    hits: Counter[str] = Counter()
    for number in range(arguments.tests):
        scores = careful_scores(MODEL, N_LISTENERS, N_ITEMS, rng)
        values = scores[:, first] - (scores[:, second] if what == "difference" else 0)
        count(values, truth, hits, rng, slow=number < arguments.bootstrap)
    return hits


def same_items(arguments: argparse.Namespace, what: str) -> Counter[str]:
    """The items of one large draw of listeners: the true value is their mean, to 0.01 points."""
    rng = np.random.default_rng(2)
    first, second = index(FIRST), index(SECOND)
    crowd = N_LISTENERS * 400
    hits: Counter[str] = Counter()
    done = 0
    while done < arguments.tests:
        # Effects of items are common to all listeners of one draw.
        scores = careful_scores(MODEL, crowd * 5, N_ITEMS, rng)
        values = scores[:, first] - (scores[:, second] if what == "difference" else 0)
        truth = float(values.mean())
        for group in values[:crowd].reshape(-1, N_LISTENERS, N_ITEMS):
            if done < arguments.tests:
                count(group, truth, hits, rng, slow=done < arguments.bootstrap)
                done += 1
    return hits


def count(
    values: np.ndarray, truth: float, hits: Counter[str], rng: np.random.Generator, *, slow: bool
) -> None:
    for name, interval in intervals().items():
        if "bootstrap" in name and not slow:
            continue
        found = interval(values, rng)
        hits[name] += found.ci_low <= truth <= found.ci_high


def intervals():
    return {
        "two-way t over listeners and items": lambda values, _: two_way_estimate(values).mean,
        "t over listeners' means": lambda values, _: listener_estimate(values).mean,
        "listener-cluster bootstrap (percentile)": bootstrap,
        "t over pooled ratings": lambda values, _: pooled_interval(values),
    }


def bootstrap(values: np.ndarray, rng: np.random.Generator):
    clusters = np.repeat(np.arange(len(values)), values.shape[1]).tolist()
    return cluster_bootstrap_mean(values.ravel().tolist(), clusters, rng, resamples=1000)


def index(condition: str) -> int:
    return 1 + list(MODEL.means).index(condition)


if __name__ == "__main__":
    main()
